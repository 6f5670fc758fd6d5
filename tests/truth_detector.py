"""A detector that knows a drawn scene's truth, for `--detector tests.truth_detector:Truthful`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from detector.config import DetectorConfig
from detector.detections import Detections
from streamer.contract import HoldsNothing
from streamer.frame import Frame
from streamer.stats import StageTimes

NAMES = ("person", "bicycle", "car")


class Truthful(HoldsNothing):
    """Finds what the scene's maker knows to be half visible at least, with score 0.9."""

    max_batch = 1
    depth = 1
    class_names = NAMES

    def __init__(self, config: DetectorConfig) -> None:
        self.times = StageTimes()

    def submit(self, frames: Sequence[Frame]) -> object:
        return [self._find(frame) for frame in frames]

    def collect(self, ticket: object) -> list[Detections]:
        assert isinstance(ticket, list)
        return ticket

    def _find(self, frame: Frame) -> Detections:
        truth = frame.truth
        assert truth is not None
        class_id = np.array([NAMES.index(label) for label in truth.label], np.int32)
        score = np.full(len(truth), 0.9, np.float32)
        return Detections(truth.xyxy, score, class_id).select(truth.visible >= 0.5)
