"""Boxes with known owners, for tests of tracking."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from analytics.tracking.stream import StreamTracker
from analytics.tracking.tracker import TRACKERS, build_tracker
from detector.detections import Detections

SIZE = (1920, 1080)
RATE = 25.0


def detections(
    boxes: Sequence[Sequence[float]],
    *,
    score: float | Sequence[float] = 0.9,
    class_id: int | Sequence[int] = 0,
) -> Detections:
    """The boxes in their order, which must be that of falling scores."""
    count = len(boxes)
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(np.broadcast_to(score, count), np.float32),
        np.array(np.broadcast_to(class_id, count), np.int32),
    )


def tracker(name: str, *, rate: float = RATE, **changes: object) -> StreamTracker:
    """A tracker by name with some of its parameters changed."""
    return build_tracker(TRACKERS[name][0](**changes), rate=rate)  # type: ignore[arg-type]  # any


def ids(tracked: Detections) -> list[int]:
    """Ids in the order of the rows."""
    assert tracked.track_id is not None
    return [int(number) for number in tracked.track_id]


def walker(time_s: float, *, x: float = 100.0, y: float = 300.0, pace: float = 80.0) -> list[float]:
    """A person at constant speed, `pace` px a second to the right."""
    left = x + pace * time_s
    return [left, y, left + 60, y + 160]


def lanes(time_s: float, count: int = 5) -> Detections:
    """People in lanes that never touch, every other one walking to the left."""
    boxes = [
        walker(time_s, x=900.0, y=20.0 + 200 * lane, pace=60.0 * (-1) ** lane)
        for lane in range(count)
    ]
    return detections(boxes)


def lane_of(xyxy: NDArray[np.float32]) -> list[int]:
    """Which lane each box of `lanes` is in."""
    return [round((float(top) - 20) / 200) for top in xyxy[:, 1]]
