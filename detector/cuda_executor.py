"""Running a network on one CUDA device: pictures go in at once, boxes are waited for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.backends import cudnn

from detector.device import Compute
from detector.errors import DeviceError
from detector.geometry import Placement
from detector.program import Pending, Program, place_network, write_pictures
from streamer.frame import Frame
from streamer.stats import StageTimes


class CudaExecutor:
    """On one CUDA device, in a stream of its own; the host waits for events only."""

    depth = 2  # one batch computes while the host prepares the next

    def __init__(self, program: Program, compute: Compute, times: StageTimes) -> None:
        self._program = program
        self._compute = compute
        self._times = times
        place_network(program.network, compute)
        self._stream = torch.cuda.Stream(compute.device)  # type: ignore[no-untyped-call]  # torch's
        self._stream.wait_stream(torch.cuda.current_stream(compute.device))  # the weights' copies

    @torch.inference_mode()
    def submit(self, frames: Sequence[Frame], placements: Sequence[Placement]) -> Pending:
        """Returns once everything is queued.

        Raises:
            DeviceError: the device's memory is too small.
        """
        shape = (len(frames), placements[0].height, placements[0].width, 3)
        with self._times.measure("preprocess", count=len(frames)):
            # torch reuses pinned memory once the copy out of it is done
            pictures = torch.empty(shape, pin_memory=True)
            write_pictures(frames, placements, self._program.lookup, pictures.numpy())
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


def _timing_event() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]  # torch's
