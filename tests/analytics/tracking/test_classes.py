"""What trackers make of the classes of boxes: wavering detectors, and two names for one object."""

from __future__ import annotations

import pytest

from analytics.tracking.tracker import TRACKERS
from detector.detections import Detections
from tests.analytics.scenes import RATE, SIZE, detections, ids, tracker, walker

every = pytest.mark.parametrize("name", TRACKERS)


@every
def test_track_keeps_its_class_and_ignores_boxes_of_others(name: str) -> None:
    following = tracker(name)
    for index in range(10):
        boxes = [walker(index / RATE), walker(index / RATE, x=120.0)]  # share half
        both = detections(boxes, class_id=[2, 7])
        tracked = following.update(both, index / RATE, SIZE)
        assert list(zip(ids(tracked), tracked.class_id, strict=True)) == [(1, 2), (2, 7)]


@every
@pytest.mark.parametrize(
    ("across", "expected"), [(False, {1, 2}), (True, {1})], ids=["within", "across"]
)
def test_changing_class_is_another_track_unless_configured(
    name: str, *, across: bool, expected: set[int]
) -> None:
    following = tracker(name, across_classes=across)
    numbers = set()
    for index in range(20):
        later = index // 10
        seen = detections([walker(index / RATE, x=100.0 + 25 * later)], class_id=later)
        numbers |= set(ids(following.update(seen, index / RATE, SIZE)))
    assert numbers == expected


@every
def test_an_object_that_wavers_between_classes_is_one_of_the_likelier_class(name: str) -> None:
    """A car from above was a cell phone and a suitcase, and counted as two things."""
    following = tracker(name)
    tracked = Detections.empty()
    for index in range(30):
        seen = detections([walker(index / RATE)], class_id=7 if index % 3 == 1 else 2)
        tracked = following.update(seen, index / RATE, SIZE)
        assert ids(tracked) == ([1] if index == 0 or ids(tracked) else [])
    assert ids(tracked) == [1]
    assert tracked.class_id.tolist() == [2]


@every
def test_one_object_by_two_names_is_one_track(name: str) -> None:
    following = tracker(name)
    tracked = Detections.empty()
    for index in range(30):
        boxes = [walker(index / RATE), walker(index / RATE, x=102.0)]
        first = index % 3 == 1
        seen = detections(boxes, score=[0.9, 0.8], class_id=[7, 2] if first else [2, 7])
        tracked = following.update(seen, index / RATE, SIZE)
        assert len(tracked) <= 1
    assert (ids(tracked), tracked.class_id.tolist()) == ([1], [2])
