"""The detector that finds nothing."""

from __future__ import annotations

import pytest

from detector.config import DetectorConfig
from detector.contract import Detector
from detector.none import NoneDetector
from streamer.frame import Frame, StreamInfo
from streamer.picture import I420, BgrArray
from tests.detector.frames import plain_frame


class _NeverLookedAt:
    """A picture whose pixels cannot be had."""

    width = 4
    height = 4

    def bgr(self) -> BgrArray:
        raise AssertionError("converted for nobody")

    def i420(self) -> I420:
        raise AssertionError("converted for nobody")


@pytest.mark.parametrize("count", [1, 3])
def test_finds_nothing_on_any_frame(count: int) -> None:
    detector: Detector = NoneDetector(DetectorConfig(name="none", batch=3))
    with detector:
        found = detector.collect(detector.submit([plain_frame(1, 2, 3)] * count))
    assert [len(each) for each in found] == [0] * count


def test_takes_one_frame_unless_told_otherwise() -> None:
    assert NoneDetector(DetectorConfig()).max_batch == 1
    assert NoneDetector(DetectorConfig(batch=16)).max_batch == 16


def test_looks_at_no_pixel() -> None:
    stream = StreamInfo("test", "test", 4, 4, plain_frame(0, 0, 0).time_base)
    frame = Frame(stream, 0, 0, stream.time_base, 0, _NeverLookedAt())
    with NoneDetector(DetectorConfig()) as detector:
        assert len(detector.collect(detector.submit([frame]))) == 1


def test_knows_no_class_and_needs_no_depth() -> None:
    detector = NoneDetector(DetectorConfig())
    assert detector.class_names == ()
    assert detector.depth == 1


def test_foreign_ticket_is_refused() -> None:
    with NoneDetector(DetectorConfig()) as detector, pytest.raises(TypeError, match="got str"):
        detector.collect("7")
