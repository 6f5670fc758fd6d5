"""Running a network on the host's side: pictures are made here, the rest in threads beside."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from detector.company import Company
from detector.engine import Engine
from detector.geometry import Placement
from detector.host_peaks import peaks_above
from detector.host_threads import HostThreads
from detector.network import Heads
from detector.program import Pending, Program, write_pictures
from streamer.frame import Frame
from streamer.stats import StageTimes


class HostExecutor:
    """Runs an engine in the threads of a pool: `submit` prepares the pictures and returns.

    Args:
        program: what is computed.
        engine: runs its network.
        threads: that run it.
        times: booked on as the work is done.
    """

    def __init__(
        self, program: Program, engine: Engine, threads: HostThreads, times: StageTimes
    ) -> None:
        self._program = program
        self._engine = engine
        self._threads = threads
        self._times = times
        self._company = Company()
        self._spare: list[NDArray[np.float32]] = []  # inputs not in flight

    @property
    def depth(self) -> int:
        """Batches worth having in flight: as many waiting as in work."""
        is_lone = self._threads.alone is not None and self._company.is_lone_camera
        return 2 if is_lone else 2 * self._engine.runs

    def submit(self, frames: Sequence[Frame], placements: Sequence[Placement]) -> Pending:
        """Returns once the pictures are made and queued."""
        count = len(frames)
        with self._times.measure("preprocess", count=count):
            pictures = self._input(count, placements[0].height, placements[0].width)
            write_pictures(frames, placements, self._program.lookup, pictures[:count])
            if self._program.flip_test:
                pictures[count:] = pictures[:count, :, ::-1]
        return HostPending(self._start(frames, pictures))

    def _start(
        self, frames: Sequence[Frame], pictures: NDArray[np.float32]
    ) -> Future[NDArray[np.float32]]:
        pool = self._threads.pool
        if self._company.comes_alone(frames) and self._threads.alone is not None:
            pool = self._threads.alone
        work = pool.submit(self._run, pictures, len(frames))
        self._company.started(work)
        return work

    def _input(self, count: int, height: int, width: int) -> NDArray[np.float32]:
        """(B, H, W, 3), 2 B pictures with `flip_test`; memory of an earlier one where it fits."""
        shape = (2 * count if self._program.flip_test else count, height, width, 3)
        spare = self._spare.pop() if self._spare else None
        return spare if spare is not None and spare.shape == shape else np.empty(shape, np.float32)

    @torch.inference_mode()
    def _run(self, pictures: NDArray[np.float32], count: int) -> NDArray[np.float32]:
        with self._times.measure("network", count=count):
            heads = self._engine.run(pictures)
        with self._times.measure("postprocess", count=count):
            rows = self._peaks(heads)
        self._spare.append(pictures)
        return rows

    def _peaks(self, heads: Heads) -> NDArray[np.float32]:
        program = self._program
        if program.flip_test or program.min_score <= 0:
            return program.peaks(heads).numpy()
        return peaks_above(heads, min_score=program.min_score, top_k=program.top_k)


@dataclass(frozen=True, slots=True, eq=False)
class HostPending:
    """Boxes that are there, or soon will be."""

    rows: Future[NDArray[np.float32]]

    def wait(self) -> NDArray[np.float32]:
        """(B, K, 6); K is as small as the threshold allows."""
        return self.rows.result()
