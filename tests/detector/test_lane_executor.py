"""What drives a GPU, driven here on a device made of threads: same order, same rows."""

from __future__ import annotations

import gc
import logging
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from detector.errors import DeviceError
from detector.fold import fold_batch_norm
from detector.geometry import Geometry, Native, Stretch
from detector.host_device import HostDevice, HostLane, HostMark
from detector.lane_executor import DEPTH, LaneExecutor, Preprocess
from detector.lanes import Work
from detector.padding import pad_channels
from detector.preprocess_torch import preprocess
from detector.program import Pending, Program
from detector.staging import Table
from streamer.frame import Frame
from streamer.stats import StageTimes
from tests.detector.frames import frame_of
from tests.detector.lanes import Dawdling
from tests.detector.tiny import RECIPE, tiny_network

TOP_K = 12
Rows = NDArray[np.float32]


def _program(*, flip_test: bool = False, top_k: int = TOP_K) -> Program:
    network = tiny_network().eval()
    fold_batch_norm(network)
    return Program(network, RECIPE.normalisation(), flip_test, top_k)


@contextmanager
def _executor(
    device: HostDevice | None = None,
    program: Program | None = None,
    *,
    limit: int = 4,
    prepare: Preprocess = preprocess,
    times: StageTimes | None = None,
    helpers: int | None = None,
) -> Iterator[LaneExecutor[HostMark]]:
    with device or HostDevice() as opened:
        yield LaneExecutor(
            program or _program(),
            opened,
            torch.float32,
            times or StageTimes(),
            preprocess=prepare,
            limit=limit,
            is_exact=True,
            helpers=helpers,
        )


def _frames(count: int, *, width: int = 96, height: int = 64, seed: int = 0) -> list[Frame]:
    random = np.random.default_rng(seed)
    return [
        frame_of(random.integers(0, 256, (height, width, 3)).astype(np.uint8)) for _ in range(count)
    ]


def _submit(
    executor: LaneExecutor[HostMark], frames: Sequence[Frame], geometry: Geometry | None = None
) -> Pending:
    geometry = geometry or Stretch(64, 64)
    return executor.submit(frames, [geometry.place(f.width, f.height) for f in frames])


@torch.inference_mode()
def _expected(frames: Sequence[Frame], program: Program, geometry: Geometry) -> list[Rows]:
    """One picture after the other, on the host."""
    found = []
    for frame in frames:
        warped = geometry.place(frame.width, frame.height).warp(frame.bgr())
        picture = torch.from_numpy(program.lookup[0])[
            torch.from_numpy(warped).long(), torch.arange(3)
        ]
        found.append(program.peaks(program.heads(picture[None], torch.float32))[0].numpy())
    return found


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 11])
@pytest.mark.parametrize("geometry", [Stretch(64, 64), Native()], ids=["stretch", "native"])
def test_any_number_of_pictures_gives_their_rows_in_order(count: int, geometry: Geometry) -> None:
    frames, program = _frames(count), _program()
    expected = _expected(frames, program, geometry)
    with _executor(program=program) as executor:
        found = _submit(executor, frames, geometry).wait()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3)


def test_mirrored_pictures_are_averaged() -> None:
    frames, program = _frames(3), _program(flip_test=True)
    expected = _expected(frames, program, Stretch(64, 64))
    with _executor(program=program) as executor:
        np.testing.assert_allclose(_submit(executor, frames).wait(), expected, atol=1e-3)


def test_a_padded_network_s_pictures_have_channels_of_zeros() -> None:
    frames, program = _frames(3), _program()
    expected = _expected(frames, program, Stretch(64, 64))
    pad_channels(program.network, pads_picture=True)
    with _executor(program=program) as executor:
        np.testing.assert_allclose(_submit(executor, frames).wait(), expected, atol=1e-3)


def test_many_batches_in_flight_come_back_apart() -> None:
    """More than there are slots, so that memory is used again before anybody collects."""
    batches = [_frames(1 + number % 4, seed=number) for number in range(3 * DEPTH)]
    program = _program()
    with _executor(program=program) as executor:
        pending = [_submit(executor, frames) for frames in batches]
        found = [each.wait() for each in pending]
    for frames, rows in zip(batches, found, strict=True):
        expected = _expected(frames, program, Stretch(64, 64))
        np.testing.assert_allclose(rows, expected, rtol=0, atol=1e-3)


def test_sizes_may_change_from_batch_to_batch() -> None:
    """More than are worth a program of their own, growing and shrinking."""
    sizes = [(64, 64), (96, 64), (200, 120), (64, 96), (160, 160), (33, 47), (64, 64), (250, 250)]
    program = _program()
    with _executor(program=program) as executor:
        batches = [_frames(2, width=w, height=h, seed=w) for w, h in sizes]
        pending = [_submit(executor, frames, Native()) for frames in batches]
        for frames, each in zip(batches, pending, strict=True):
            expected = _expected(frames, program, Native())
            np.testing.assert_allclose(each.wait(), expected, rtol=0, atol=1e-3)


def test_large_pictures_are_copied_by_several_threads() -> None:
    frames, program = _frames(4, width=1280, height=720), _program()
    with _executor(program=program, helpers=3) as executor:
        found = _submit(executor, frames).wait()
        names = {thread.name.partition("_")[0] for thread in threading.enumerate()}
    assert "staging" in names
    expected = _expected(frames, program, Stretch(64, 64))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3)


def test_memory_goes_with_its_executor() -> None:
    """At once: a collector that comes by later may come while another one's programs are made."""
    gc.disable()
    try:
        with _executor() as executor:
            _submit(executor, _frames(2)).wait()
            memory = weakref.ref(executor._slots[0])
        del executor
        assert memory() is None
    finally:
        gc.enable()


def test_rows_that_a_small_map_has_not_are_zeros() -> None:
    cells = 8 * 8 * 3  # of a 32 x 32 input, in 3 classes
    frames = _frames(2, width=32, height=32)
    with _executor(program=_program(top_k=cells + 5)) as executor:
        rows = _submit(executor, frames, Stretch(32, 32)).wait()
    assert rows.shape == (2, cells + 5, 6)
    assert not rows[:, cells:].any()


def test_submit_does_not_wait_for_the_device() -> None:
    """Three batches are taken while the device is held at the first."""
    gate = threading.Event()
    gate.set()

    def held(table: Table, staged: Tensor, lookup: Tensor, out: Tensor) -> None:
        assert gate.wait(30)
        preprocess(table, staged, lookup, out)

    with _executor(prepare=held) as executor:
        for _ in range(DEPTH):  # a slot's first batch waits: its program is recorded
            _submit(executor, _frames(1)).wait()
        gate.clear()
        pending = [_submit(executor, _frames(1, seed=number)) for number in range(DEPTH)]
        gate.set()
        rows = [each.wait() for each in pending]
    assert len(rows) == DEPTH


def test_every_lane_waits_for_what_it_needs() -> None:
    batches = [_frames(2, seed=number) for number in range(2 * DEPTH)]
    program = _program()
    with _executor(Dawdling(), program) as executor:
        pending = [_submit(executor, frames) for frames in batches]
        for frames, each in zip(batches, pending, strict=True):
            expected = _expected(frames, program, Stretch(64, 64))
            np.testing.assert_allclose(each.wait(), expected, rtol=0, atol=1e-3)


def test_nothing_is_allocated_once_every_slot_is_warm() -> None:
    device = HostDevice()
    with _executor(device) as executor:
        for seed in range(DEPTH):
            _submit(executor, _frames(4, seed=seed)).wait()
        device.memory = device.staging_memory = None  # type: ignore[method-assign,assignment]
        for count in (4, 4, 4, 1, 3, 4):
            assert len(_submit(executor, _frames(count)).wait()) == count


def test_too_little_memory_halves_the_batch_once_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    frames, program = _frames(11), _program()
    device = HostDevice(memory_bytes=1_200_000)  # 3 slots of 8 pictures want 1.5 MB
    with _executor(device, program, limit=8) as executor, caplog.at_level(logging.WARNING):
        found = _submit(executor, frames).wait()
        again = _submit(executor, frames).wait()
    expected = _expected(frames, program, Stretch(64, 64))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3)
    np.testing.assert_allclose(again, expected, rtol=0, atol=1e-3)
    assert [record.getMessage() for record in caplog.records] == [
        "cpu: out of memory for batches of 8 pictures of 64x64 px; going on with 4"
    ]


def test_too_little_memory_for_half_a_batch_is_one_line() -> None:
    with (
        _executor(HostDevice(memory_bytes=100_000), limit=8) as executor,
        pytest.raises(DeviceError, match=r"'cpu': out of memory for 4 pictures.*smaller imgsz"),
    ):
        _submit(executor, _frames(8))


def test_memory_is_not_given_back_while_copies_into_it_are_queued() -> None:
    frames, program, device = _frames(4), _program(), _Cramped()
    with _executor(device, program, limit=4) as executor:
        found = _submit(executor, frames).wait()
    assert device.is_full
    assert device.busy_when_asked == 0
    expected = _expected(frames, program, Stretch(64, 64))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3)


def test_closing_waits_for_what_nobody_collected() -> None:
    device = _Counted()
    with _executor(device, helpers=2) as executor:
        for _ in range(DEPTH):
            _submit(executor, _frames(4, width=1280, height=720))
        executor.close()
        assert device.busy == 0
    assert not [each for each in threading.enumerate() if each.name.startswith("staging")]


class _Counted(Dawdling):
    """Knows how many pieces of work are still to be done."""

    def __init__(self) -> None:
        super().__init__()
        self.busy = 0
        self._lock = threading.Lock()

    def lane(self, name: str, *, is_urgent: bool = False) -> HostLane:
        lane = super().lane(name, is_urgent=is_urgent)
        run = lane.run

        def counted(
            work: Work,
            *,
            after: Sequence[HostMark],
            done: HostMark,
            begun: HostMark | None = None,
        ) -> None:
            def told() -> None:
                work()
                with self._lock:
                    self.busy -= 1

            self.check(begun)
            with self._lock:
                self.busy += 1
            run(told, after=after, done=done, begun=begun)

        lane.run = counted  # type: ignore[method-assign]  # it counts
        return lane

    def check(self, begun: HostMark | None) -> None:
        """Before anything is queued."""


class _Cramped(_Counted):
    """Says so as a GPU does when the first batch's network finds no memory: as it is queued.

    Attributes:
        is_full: it has said so.
        busy_when_asked: pieces of work still to be done when memory was wanted again.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_full = False
        self.busy_when_asked: int | None = None

    def memory(self, *shape: int, dtype: torch.dtype) -> Tensor:
        if self.is_full and self.busy_when_asked is None:
            self.busy_when_asked = self.busy
        return super().memory(*shape, dtype=dtype)

    def check(self, begun: HostMark | None) -> None:
        if begun is not None and not self.is_full:  # the network alone is timed
            self.is_full = True
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate a bit")


def test_a_lost_device_is_one_line_and_nothing_hangs() -> None:
    def lost(table: Table, staged: Tensor, lookup: Tensor, out: Tensor) -> None:
        raise torch.AcceleratorError(
            "CUDA error: unspecified launch failure\n"
            "Search for `cudaErrorLaunchFailure' in https://docs.nvidia.com/cuda for more.\n"
        )

    with _executor(prepare=lost) as executor:
        pending = _submit(executor, _frames(2))
        message = r"^device 'cpu' failed: CUDA error: unspecified launch failure; what was found "
        with pytest.raises(DeviceError, match=message):
            pending.wait()


def test_times_are_booked_a_picture() -> None:
    times = StageTimes()
    with _executor(times=times) as executor:
        _submit(executor, _frames(7)).wait()
    booked = times.snapshot()
    assert booked["preprocess"].count == booked["network"].count == 7
    assert booked["network"].total_ns > 0
