"""Batches through a device's lanes: copies, preparation, network and way back overlap.

One lane each. A batch's marks tie its four pieces of work together; batches never wait for each
other but for a slot's memory. Nothing blocks the caller but a slot that is still in use.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detector.buckets import bucket_for
from detector.colour import ColourMatrix
from detector.errors import DeviceError
from detector.geometry import Placement
from detector.imported import Importer
from detector.lanes import Device, M
from detector.padding import picture_channels
from detector.program import Pending, Program
from detector.slot import Slot
from detector.staging import (
    Helpers,
    Sampling,
    Table,
    fetch,
    lay_out,
    stage,
    stored_samples,
)
from streamer.frame import Frame
from streamer.samples import Samples
from streamer.stats import StageTimes

logger = logging.getLogger(__name__)

_MUCH = 8 << 20  # bytes to copy from which on threads pay for their hand-over
DEPTH = 3  # slots: one is filled, one computes, one is read


class Preprocess(Protocol):
    """`preprocess_torch.preprocess`, or what computes the same."""

    def __call__(self, table: Table, staged: Tensor, lookup: Tensor, out: Tensor) -> None:
        """Queue it on the current lane."""
        ...


class LaneExecutor(Generic[M]):
    """Runs a program on a device; fits `detector.program.Executor`.

    Where the device's memory is too small for a batch, batches are halved, once, with a warning.

    Args:
        program: its network lies on the device already.
        device: lanes, marks and memory.
        dtype: of the network's input.
        times: gets "preprocess" (the host's part of it) and "network" (the device's time).
        preprocess: what turns staged pictures into the network's input.
        limit: pictures a batch at most; more than these go as several.
        is_exact: order peaks as published, whatever it costs.
        helpers: threads that copy large batches into a slot; None for what can be spared.
    """

    def __init__(
        self,
        program: Program,
        device: Device[M],
        dtype: torch.dtype,
        times: StageTimes,
        *,
        preprocess: Preprocess,
        limit: int,
        is_exact: bool,
        helpers: int | None = None,
    ) -> None:
        self._program = program
        self._device = device
        self._dtype = dtype
        self._times = times
        self._preprocess = preprocess
        self._limit = limit
        # No method of its own: the slots' programs keep it, and would keep the executor, too.
        self._compute = partial(_compute, program=program, is_exact=is_exact)
        self._was_halved = False
        self._copying = device.lane("copy")
        self._preparing = device.lane("prepare", is_urgent=True)  # small, and the network waits
        self._computing = device.lane("compute")
        self._returning = device.lane("return")
        self._importer = Importer(device.place)
        self._lookup = device.memory(256, 3, dtype=torch.float32)
        self._lookup.copy_(torch.from_numpy(program.lookup[0].copy()))
        self._slots: list[Slot[M]] = []
        helpers = _spare_threads() if helpers is None else helpers
        self._pool = ThreadPoolExecutor(max(1, helpers), "staging")  # they start when they are used
        self._helpers = Helpers(self._pool, helpers) if helpers > 1 else None
        self._in_flight: dict[int, _Batch[M]] = {}  # by slot
        self._next = 0

    @property
    def depth(self) -> int:
        """Batches worth having in flight."""
        return DEPTH

    @torch.inference_mode()
    def submit(self, frames: Sequence[Frame], placements: Sequence[Placement]) -> Pending:
        """Copy the samples into a slot and queue everything else.

        Raises:
            DeviceError: the device is lost, or its memory too small for half a batch.
        """
        height, width = placements[0].height, placements[0].width
        stored = [
            stored_samples(frame.picture, self._importer.samples(frame.picture)) for frame in frames
        ]
        samplings = [Sampling.of_placement(place) for place in placements]
        batches: list[_Batch[M]] = []
        done = 0
        with self._guarded():
            while done < len(stored):
                part = slice(done, done + self._limit)
                try:
                    batches.append(self._start(stored[part], samplings[part], height, width))
                except torch.OutOfMemoryError as error:
                    self._halve(error, height, width)
                else:
                    done += self._limit
        return _Whole(self, batches)

    def finish(self, batch: _Batch[M]) -> NDArray[np.float32]:
        """The rows of a batch, (B, K, 6); blocks until they are there.

        Raises:
            DeviceError: the device is lost.
        """
        if batch.slot is not None:
            with self._guarded():
                batch.slot.returned.wait()
                elapsed_ns = self._device.elapsed_ns(batch.slot.started, batch.slot.computed)
            batch.rows = batch.slot.rows_back[: batch.count].numpy().copy()
            batch.slot = None
            batch.samples = ()
            self._times.add("network", elapsed_ns, count=batch.count)  # peaks included
        return batch.rows

    def close(self) -> None:
        """Wait for what nobody has collected, as its memory goes to others now; end the threads."""
        with suppress(*self._device.failures):  # nobody asks for these boxes any more
            for slot in self._slots:
                slot.settle()
        self._pool.shutdown()

    def _start(
        self,
        stored: Sequence[tuple[Samples, ColourMatrix]],
        samplings: Sequence[Sampling],
        height: int,
        width: int,
    ) -> _Batch[M]:
        """Queue one batch that fits."""
        slot = self._free_slot()
        count, bucket = len(stored), bucket_for(len(stored), self._limit)
        pictures = [samples for samples, _ in stored]
        layout = lay_out(pictures)
        slot.reserve(layout, height, width)
        compute = slot.program(bucket, height, width, self._compute, self._computing)
        with self._times.measure("preprocess", count=count):
            helpers = self._helpers if layout.host_size >= _MUCH else None
            table = stage(stored, samplings, layout, slot.bytes_of_staging(), helpers=helpers)
        staged, out = slot.staged[: layout.size], slot.pictures(count, height, width)
        rows, rows_back = slot.rows[:count], slot.rows_back[:count]
        host_part, sent = staged[: layout.host_size], slot.staging[: layout.host_size]

        def copy() -> None:
            host_part.copy_(sent, non_blocking=True)
            fetch(pictures, layout, staged)

        awaited: tuple[M, ...] = ()
        if layout.size > layout.host_size:
            self._device.pass_others(slot.decoded)
            awaited = (slot.decoded,)
        self._copying.run(copy, after=awaited, done=slot.copied)
        self._preparing.run(
            partial(self._preprocess, table, staged, self._lookup, out),
            after=(slot.copied,),
            done=slot.prepared,
        )
        self._computing.run(compute, after=(slot.prepared,), begun=slot.started, done=slot.computed)
        self._returning.run(
            partial(rows_back.copy_, rows, non_blocking=True),
            after=(slot.computed,),
            done=slot.returned,
        )
        batch = _Batch(slot, count, pictures)
        self._in_flight[self._next] = batch
        self._next = (self._next + 1) % DEPTH
        return batch

    def _free_slot(self) -> Slot[M]:
        """The next one in turn, once its last batch is through and read."""
        if self._next in self._in_flight:
            self.finish(self._in_flight.pop(self._next))
        if self._next == len(self._slots):
            top_k = self._program.top_k
            channels = picture_channels(self._program.network)
            self._slots.append(Slot(self._device, self._limit, top_k, self._dtype, channels))
        return self._slots[self._next]

    def _halve(self, error: torch.OutOfMemoryError, height: int, width: int) -> None:
        """Smaller batches from now on.

        Raises:
            DeviceError: they were halved before, or are of one picture.
        """
        batch = f"{self._limit} pictures of {width}x{height} px"
        if self._was_halved or self._limit == 1:
            raise DeviceError(
                f"device {str(self._device.place)!r}: out of memory for {batch}; "
                "use a smaller imgsz or batch"
            ) from error
        for running in self._in_flight.values():
            self.finish(running)
        for slot in self._slots:
            slot.settle()  # of the batch that failed, the copies may be queued
        self._in_flight.clear()
        self._slots.clear()  # their memory is given back with them
        self._next = 0
        self._was_halved = True
        self._limit //= 2
        logger.warning(
            "%s: out of memory for batches of %s; going on with %d",
            *(self._device.place, batch, self._limit),
        )

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """The device's failures, said in one line."""
        try:
            yield
        except self._device.failures as error:
            reason = str(error).partition("\n")[0]  # advice for programmers follows
            raise DeviceError(
                f"device {str(self._device.place)!r} failed: {reason}; what was found is kept"
            ) from error


def _compute(pictures: Tensor, rows: Tensor, *, program: Program, is_exact: bool) -> None:
    found = program.rows(pictures, is_exact=is_exact)
    rows[:, : found.shape[1]].copy_(found)
    rows[:, found.shape[1] :].zero_()  # a map with fewer cells than rows are wanted


def _spare_threads() -> int:
    """A quarter of the cores, 4 at most: one copies 10 GB/s, 100 cameras of 1080p give 9."""
    return min(4, (os.cpu_count() or 1) // 4)


@dataclass(slots=True, eq=False)
class _Batch(Generic[M]):
    """One batch, in its slot until its rows are there."""

    slot: Slot[M] | None
    count: int
    samples: Sequence[Samples]  # kept, as the device may still be copying
    rows: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0, 6), np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class _Whole(Generic[M]):
    """The batches of one `submit`, usually one."""

    executor: LaneExecutor[M]
    batches: Sequence[_Batch[M]]

    def wait(self) -> NDArray[np.float32]:
        """(B, K, 6)."""
        return np.concatenate([self.executor.finish(batch) for batch in self.batches])
