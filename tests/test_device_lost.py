"""A GPU that is lost on the way: one line, exit code 5, and files that can be played."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
import pytest
import torch
from torch import Tensor

import run
from detector.config import DetectorConfig
from detector.detections import Detections
from detector.failure import MODEL
from detector.fold import fold_batch_norm
from detector.geometry import Stretch
from detector.host_device import HostDevice, HostMark
from detector.lane_executor import LaneExecutor
from detector.preprocess_torch import preprocess
from detector.program import Pending, Program
from detector.staging import Table
from streamer.frame import Frame
from streamer.stats import StageTimes
from tests.detector.tiny import CLASSES, RECIPE, tiny_network

LOST_AT = 6  # frames before it


class Losing:
    """A detector on a device that breaks down: what a CUDA one is made of, on lanes of threads."""

    class_names = CLASSES
    max_batch = 1

    def __init__(self, config: DetectorConfig) -> None:
        self.times = StageTimes()
        self._opened = ExitStack()
        self._executor: LaneExecutor[HostMark] | None = None
        self._done = 0

    @property
    def depth(self) -> int:
        assert self._executor is not None
        return self._executor.depth

    def __enter__(self) -> Self:
        network = tiny_network().eval()
        fold_batch_norm(network)
        self._executor = LaneExecutor(
            Program(network, RECIPE.normalisation(), flip_test=False, top_k=5),
            self._opened.enter_context(HostDevice()),
            torch.float32,
            self.times,
            preprocess=self._prepare,
            limit=1,
            is_exact=True,
        )
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._opened.close()

    def submit(self, frames: Sequence[Frame]) -> object:
        assert self._executor is not None
        place = Stretch(32, 32).place(frames[0].width, frames[0].height)
        return self._executor.submit(frames, [place])

    def collect(self, ticket: Pending) -> list[Detections]:
        ticket.wait()
        nothing = np.empty(0, np.float32)
        return [Detections(nothing.reshape(0, 4), nothing, nothing.astype(np.int32))]

    def _prepare(self, table: Table, staged: Tensor, lookup: Tensor, out: Tensor) -> None:
        if self._done == LOST_AT:
            raise torch.AcceleratorError("CUDA error: an illegal memory access\nAdvice follows")
        self._done += 1
        preprocess(table, staged, lookup, out)


def test_a_lost_device_ends_the_run_with_whole_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = "synthetic:frames=20,width=160,height=96"
    arguments = ["--source", source, "--detector", f"{__name__}:Losing", "--tracker", "none"]
    assert run.main([*arguments, "--output", str(tmp_path)]) == MODEL
    errors = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert errors == [
        "error: device 'cpu' failed: CUDA error: an illegal memory access; what was found is kept"
    ]
    with av.open(str(tmp_path / "synthetic.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == LOST_AT
