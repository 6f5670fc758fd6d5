"""Running a CenterNet on a device: pictures go in at once, boxes are waited for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.backends import cudnn

from detector.centernet import CenterNet, Heads
from detector.device import Compute
from detector.errors import DeviceError
from detector.peaks import decode, mirrored_maps, plain_maps
from streamer.stats import StageTimes


class Pending(Protocol):
    """Boxes that are being computed, or are there already."""

    def wait(self) -> NDArray[np.float32]:
        """(B, K, 6) as `peaks.decode` gives them; blocks until they are there."""
        ...


class Executor(Protocol):
    """Runs batches one after the other, in the order of `submit`."""

    @property
    def depth(self) -> int:
        """Batches worth having in flight."""
        ...

    def staging(self, batch: int, height: int, width: int) -> Tensor:
        """Host memory (B, H, W, 3) float32 to write normalised pictures into, for one `submit`."""
        ...

    def submit(self, pictures: Tensor) -> Pending:
        """Start on what `staging` gave; it may not be touched again."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """What is computed, wherever.

    Attributes:
        network: in evaluation mode.
        flip_test: average with the mirrored picture.
        top_k: boxes a picture.
    """

    network: CenterNet
    flip_test: bool
    top_k: int

    def heads(self, pictures: Tensor, dtype: torch.dtype) -> Heads:
        """Of (B, H, W, 3) float32 on the network's device; 2 B pictures with `flip_test`."""
        x = pictures.permute(0, 3, 1, 2).to(dtype)  # (B, 3, H, W) in channels-last memory
        heads: Heads = self.network(torch.cat([x, x.flip(3)]) if self.flip_test else x)
        return heads

    def peaks(self, heads: Heads) -> Tensor:
        """(B, K, 6) float32."""
        maps = mirrored_maps(heads) if self.flip_test else plain_maps(heads)
        return decode(maps, top_k=self.top_k)


class HostExecutor:
    """On the CPU: `submit` does the work."""

    depth = 1

    def __init__(self, program: Program, compute: Compute, times: StageTimes) -> None:
        self._program = program
        self._dtype = compute.dtype
        self._times = times
        _place(program.network, compute)

    def staging(self, batch: int, height: int, width: int) -> Tensor:
        """(B, H, W, 3) float32."""
        return torch.empty(batch, height, width, 3)

    @torch.inference_mode()
    def submit(self, pictures: Tensor) -> Pending:
        """Blocks until the boxes are there."""
        with self._times.measure("network", count=len(pictures)):
            heads = self._program.heads(pictures, self._dtype)
        with self._times.measure("postprocess", count=len(pictures)):
            return HostPending(self._program.peaks(heads).numpy())


@dataclass(frozen=True, slots=True, eq=False)
class HostPending:
    """Boxes that are there."""

    rows: NDArray[np.float32]

    def wait(self) -> NDArray[np.float32]:
        """(B, K, 6)."""
        return self.rows


class CudaExecutor:
    """On one CUDA device, in a stream of its own; the host waits for events only."""

    depth = 2  # one batch computes while the host prepares the next

    def __init__(self, program: Program, compute: Compute, times: StageTimes) -> None:
        self._program = program
        self._compute = compute
        self._times = times
        _place(program.network, compute)
        self._stream = torch.cuda.Stream(compute.device)  # type: ignore[no-untyped-call]  # torch's
        self._stream.wait_stream(torch.cuda.current_stream(compute.device))  # the weights' copies

    def staging(self, batch: int, height: int, width: int) -> Tensor:
        """(B, H, W, 3) float32, pinned; torch reuses it once the copy out of it is done."""
        return torch.empty(batch, height, width, 3, pin_memory=True)

    @torch.inference_mode()
    def submit(self, pictures: Tensor) -> Pending:
        """Returns once everything is queued.

        Raises:
            DeviceError: the device's memory is too small.
        """
        try:
            with torch.cuda.stream(self._stream), cudnn.flags(enabled=True, allow_tf32=False):
                return self._queue(pictures)
        except torch.OutOfMemoryError as error:
            raise DeviceError(
                f"device {str(self._compute.device)!r}: out of memory for "
                f"{' x '.join(map(str, pictures.shape))}; use a smaller batch or imgsz"
            ) from error

    def _queue(self, pictures: Tensor) -> CudaPending:
        started, done = _timing_event(), _timing_event()
        on_device = pictures.to(self._compute.device, non_blocking=True)
        started.record(self._stream)
        found = self._program.peaks(self._program.heads(on_device, self._compute.dtype))
        rows = torch.empty(found.shape, dtype=found.dtype, pin_memory=True)
        rows.copy_(found, non_blocking=True)
        done.record(self._stream)
        return CudaPending(rows, started, done, self._times)


@dataclass(frozen=True, slots=True, eq=False)
class CudaPending:
    """Boxes on their way to the host."""

    rows: Tensor
    started: torch.cuda.Event
    done: torch.cuda.Event
    times: StageTimes

    def wait(self) -> NDArray[np.float32]:
        """(B, K, 6); blocks until this batch is through, whatever is queued behind it."""
        self.done.synchronize()
        elapsed_ns = int(self.started.elapsed_time(self.done) * 1e6)
        self.times.add("network", elapsed_ns, count=len(self.rows))  # peaks and copy included
        rows: NDArray[np.float32] = self.rows.numpy()
        return rows


def make_executor(program: Program, compute: Compute, times: StageTimes) -> Executor:
    """Moves the network to its device, in place, and makes it ready."""
    on_cuda = compute.device.type == "cuda"
    return (CudaExecutor if on_cuda else HostExecutor)(program, compute, times)


def _place(network: CenterNet, compute: Compute) -> None:
    network.to(compute.device, compute.dtype)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in the stub


def _timing_event() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]  # torch's
