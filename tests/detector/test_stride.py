from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest

from detector.config import DetectorConfig
from detector.contract import Detector
from detector.detections import Detections
from detector.none import NoneDetector
from detector.stride import StridedDetector
from sinks.null import NullSink
from streamer.frame import Frame, StreamInfo, StreamKind
from streamer.outlet import Outlet
from streamer.picture import BgrPicture
from streamer.pipeline import Pipeline
from streamer.result import Result
from streamer.sources.synthetic import SyntheticConfig, SyntheticSource


class IndexDetector(NoneDetector):
    """Finds one box on a frame, whose x1 is the frame's index; two batches in flight at most."""

    def __init__(self, *, batch: int = 1) -> None:
        super().__init__(DetectorConfig(batch=batch))
        self.looked_at: list[tuple[str, int]] = []
        self.most_in_flight = 0
        self._in_flight: deque[list[int]] = deque()

    @property
    def depth(self) -> int:
        return 2

    def submit(self, frames: Sequence[Frame]) -> object:
        self.looked_at += [(frame.stream_id, frame.index) for frame in frames]
        ticket = [frame.index for frame in frames]
        self._in_flight.append(ticket)
        self.most_in_flight = max(self.most_in_flight, len(self._in_flight))
        return ticket

    def collect(self, ticket: object) -> Sequence[Detections]:
        assert self._in_flight.popleft() is ticket
        assert isinstance(ticket, list)
        return [_box_at(index) for index in ticket]


def test_every_third_frame_is_looked_at_and_the_others_carry_its_boxes() -> None:
    found = _run(StridedDetector(IndexDetector(), 3), [[_frame("a", n)] for n in range(8)])
    assert [(int(each.xyxy[0, 0]), each.is_carried) for each in found] == [
        (0, False),
        (0, True),
        (0, True),
        (3, False),
        (3, True),
        (3, True),
        (6, False),
        (6, True),
    ]


def test_stride_of_one_changes_nothing() -> None:
    found = _run(StridedDetector(IndexDetector(), 1), [[_frame("a", n)] for n in range(4)])
    assert [(int(each.xyxy[0, 0]), each.is_carried) for each in found] == [
        (n, False) for n in range(4)
    ]


def test_streams_are_counted_apart_and_keep_their_own_boxes() -> None:
    inner = IndexDetector(batch=2)
    batches = [[_frame("a", n), _frame("b", 100 + n)] for n in range(4)]
    found = _run(StridedDetector(inner, 2), batches)
    assert [int(each.xyxy[0, 0]) for each in found] == [0, 100, 0, 100, 2, 102, 2, 102]
    assert inner.looked_at == [("a", 0), ("b", 100), ("a", 2), ("b", 102)]


def test_every_picture_of_a_folder_is_looked_at() -> None:
    inner = IndexDetector()
    _run(StridedDetector(inner, 5), [[_frame("a", n, kind="images")] for n in range(3)])
    assert len(inner.looked_at) == 3


def test_detector_never_has_more_in_flight_than_it_likes() -> None:
    inner = IndexDetector(batch=2)
    # The streams take turns, so that every batch has a frame whose turn it is.
    batches = [[_frame("a", 0)]]
    batches += [[_frame("a", n + 1), _frame("b", 100 + n)] for n in range(9)]
    found = _run(StridedDetector(inner, 2), batches)
    assert inner.most_in_flight == 2
    assert len(found) == 19


def test_pipeline_keeps_order_through_it() -> None:
    seen: list[tuple[int, int, bool]] = []

    class Remember(NullSink):
        def write(self, result: Result[object]) -> None:
            found = result.detections
            assert isinstance(found, Detections)
            seen.append((result.frame.index, int(found.xyxy[0, 0]), found.is_carried))

    stage: Detector = StridedDetector(IndexDetector(), 4)
    source = SyntheticSource(SyntheticConfig(width=64, height=64, frames=10))
    Pipeline([source], stage, [Outlet(Remember())]).run()
    assert seen == [(n, n - n % 4, n % 4 != 0) for n in range(10)]


def test_rows_that_are_chosen_stay_carried() -> None:
    carried = Detections(
        np.zeros((2, 4), np.float32), np.ones(2, np.float32), np.zeros(2, np.int32), None, True
    )
    assert carried.select(np.array([True, False])).is_carried


def test_stride_below_one_is_an_error() -> None:
    with pytest.raises(ValueError, match="every: expected at least 1, got 0"):
        StridedDetector(IndexDetector(), 0)


def test_foreign_ticket_is_an_error() -> None:
    with pytest.raises(TypeError, match="expected a ticket of submit, got int"):
        StridedDetector(IndexDetector(), 2).collect(3)


def _run(detector: StridedDetector, batches: Sequence[Sequence[Frame]]) -> list[Detections]:
    """As the pipeline does: as many in flight as the detector likes."""
    found: list[Detections] = []
    with detector:
        tickets: deque[object] = deque()
        for frames in batches:
            if len(tickets) == detector.depth:
                found += detector.collect(tickets.popleft())
            tickets.append(detector.submit(frames))
        for ticket in tickets:
            found += detector.collect(ticket)
    return found


def _frame(stream_id: str, index: int, *, kind: StreamKind = "video") -> Frame:
    stream = StreamInfo(stream_id, stream_id, 8, 8, Fraction(1, 25), kind=kind)
    picture = BgrPicture(np.zeros((8, 8, 3), np.uint8))
    return Frame(stream, index, index, Fraction(1, 25), 0, picture)


def _box_at(index: int) -> Detections:
    box = np.array([[index, 0, index + 1, 1]], np.float32)
    return Detections(box, np.ones(1, np.float32), np.zeros(1, np.int32))
