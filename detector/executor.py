"""Running a network where it is to run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from detector.cuda_executor import CudaExecutor
from detector.device import Compute
from detector.geometry import Placement
from detector.program import Executor, Pending, Program, place_network, write_pictures
from streamer.frame import Frame
from streamer.stats import StageTimes


class HostExecutor:
    """With torch on the CPU: `submit` does the work."""

    depth = 1

    def __init__(self, program: Program, compute: Compute, times: StageTimes) -> None:
        self._program = program
        self._dtype = compute.dtype
        self._times = times
        place_network(program.network, compute)

    @torch.inference_mode()
    def submit(self, frames: Sequence[Frame], placements: Sequence[Placement]) -> Pending:
        """Blocks until the boxes are there."""
        with self._times.measure("preprocess", count=len(frames)):
            pictures = torch.empty(len(frames), placements[0].height, placements[0].width, 3)
            write_pictures(frames, placements, self._program.lookup, pictures.numpy())
        with self._times.measure("network", count=len(frames)):
            heads = self._program.heads(pictures, self._dtype)
        with self._times.measure("postprocess", count=len(frames)):
            return HostPending(self._program.peaks(heads).numpy())


@dataclass(frozen=True, slots=True, eq=False)
class HostPending:
    """Boxes that are there."""

    rows: NDArray[np.float32]

    def wait(self) -> NDArray[np.float32]:
        """(B, K, 6)."""
        return self.rows


def make_executor(program: Program, compute: Compute, times: StageTimes) -> Executor:
    """Moves the network to its device, in place, and makes it ready."""
    on_cuda = compute.device.type == "cuda"
    return (CudaExecutor if on_cuda else HostExecutor)(program, compute, times)
