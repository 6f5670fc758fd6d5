"""Frames on which numbered points are seen at given times."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

import numpy as np

from analytics.analysis import Analysis
from analytics.engine import Engine
from analytics.event import Event
from analytics.scene_config import SceneConfig
from detector.detections import Detections
from streamer.frame import Frame, StreamInfo
from streamer.picture import BgrPicture
from streamer.result import Result

SIZE = (101, 101)  # a centre pixel, and bands of 1.01 px by default
Seen = tuple[float, Mapping[int, tuple[float, float]]]  # seconds; feet by track id

_PICTURE = BgrPicture(np.zeros((SIZE[1], SIZE[0], 3), np.uint8))


def engine(config: SceneConfig, class_names: Sequence[str] = ("person", "car")) -> Engine:
    return Engine(config, stream_id="door", class_names=class_names, size=SIZE)


def result(
    seen: Seen, *, index: int = 0, class_ids: Mapping[int, int] | None = None
) -> Result[Detections]:
    """Boxes 4 px wide and 8 px high above each point."""
    time_s, feet = seen
    base = Fraction(1, 1_000_000)
    stream = StreamInfo("door", "door", *SIZE, base)
    frame = Frame(stream, index, round(time_s / base), base, 0, _PICTURE)
    boxes = np.array([(x - 2, y - 8, x + 2, y) for x, y in feet.values()], np.float32)
    count = len(feet)
    classes = np.array([(class_ids or {}).get(name, 0) for name in feet], np.int32)
    found = Detections(
        boxes.reshape(-1, 4), np.ones(count, np.float32), classes, np.array(list(feet), np.int64)
    )
    return Result(frame, found, 0, 0)


def watch(counter: Engine, seen: Iterable[Seen]) -> tuple[Analysis, list[Event]]:
    """The state at the end of the stream, and every event."""
    given = [counter.update(result(one, index=index)) for index, one in enumerate(seen)]
    last = counter.finish()
    assert last is not None
    return last, [event for analysis in [*given, last] for event in analysis.events]


def path(points: Iterable[tuple[float, float]], *, step_s: float = 0.1) -> list[Seen]:
    """One track at an even rate."""
    return [(index * step_s, {1: point}) for index, point in enumerate(points)]
