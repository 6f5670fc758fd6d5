"""What happened: records with a life cycle, each traceable to the moment that caused it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from analytics.geometry import Point
from analytics.roster import Step

Phase = Literal["new", "update", "end"]
Kind = Literal["crossing", "visit", "loitering", "crowding"]
Cause = Literal["crossed", "appeared", "lost", "counted"]


@dataclass(frozen=True, slots=True)
class Change:
    """Something that began, goes on or ended at a rule, before it has an id.

    Attributes:
        kind: crossing: of a line. visit: in a zone. loitering: a visit that is long. crowding:
            many in a zone.
        phase: of its life. A crossing is over at once: it is "new" and has an `end_s`.
        rule: the line's or zone's name.
        start_s: media seconds at which it began, between two frames where the path says so.
        end_s: likewise, or None while it lasts.
        value: seconds so far of a visit or loitering, objects in a crowd, else None.
        cause: what made it so: a path crossed the border, a track appeared inside, a track was
            lost, or objects were counted.
        direction: of a crossing, "in" or "out", else None.
        track_id: whose, or None for a crowd.
        class_id: of the track, or None.
        point: x, y px where the path crossed, or where the track was seen, or None for a crowd.
        step: the piece of path that crossed the border, or None where none did.
    """

    kind: Kind
    phase: Phase
    rule: str
    start_s: float
    end_s: float | None = None
    value: float | None = None
    cause: Cause = "crossed"
    direction: Literal["in", "out"] | None = None
    track_id: int | None = None
    class_id: int | None = None
    point: Point | None = None
    step: Step | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One record about one thing that happened; records of the same thing share an id.

    Attributes:
        event_id: the stream's id and a number that rises within the run; the run's id stands
            between them where it has one. Parted by colons.
        stream_id: where.
        change: what.
        class_name: of the track, or None for a crowd.
        time_s: media seconds of the frame that made it certain, at or after what it tells of.
        frame_index: of that frame.
        pts: of that frame, ticks.
        start_wall: wall clock of `change.start_s`, or None where nobody said when it was.
        end_wall: wall clock of `change.end_s`, likewise.
        xyxy: the track's box on that frame, px, or None where the track is not on it.
    """

    event_id: str
    stream_id: str
    change: Change
    class_name: str | None
    time_s: float
    frame_index: int
    pts: int
    start_wall: datetime | None = None
    end_wall: datetime | None = None
    xyxy: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """The frame that events are found on.

    Attributes:
        time_s: media seconds.
        frame_index: in the stream.
        pts: ticks.
        boxes: by track id, xyxy px of the frame.
    """

    time_s: float
    frame_index: int
    pts: int
    boxes: dict[int, tuple[float, float, float, float]]


class Journal:
    """Numbers what happens on one stream.

    Args:
        stream_id: unique within a run.
        class_names: of the detector.
        wall_start: wall clock of the stream's first frame, with its time zone, or None.
        run_id: part of every event's id, where those of several runs come together; or empty.

    Raises:
        ValueError: `wall_start` has no time zone.
    """

    def __init__(
        self,
        stream_id: str,
        class_names: Sequence[str],
        wall_start: datetime | None,
        run_id: str = "",
    ) -> None:
        if wall_start is not None and wall_start.tzinfo is None:
            raise ValueError(f"wall_start: expected a time zone, got {wall_start.isoformat()}")
        self._stream_id = stream_id
        self._id_prefix = f"{stream_id}:{run_id}" if run_id else stream_id
        self._class_names = tuple(class_names)
        self._wall_start = wall_start
        self._zero_s: float | None = None  # media seconds at `wall_start`
        self._count = 0
        self._open: dict[tuple[Kind, str, int | None], str] = {}

    def record(self, changes: Sequence[Change], moment: Moment) -> tuple[Event, ...]:
        """The changes as events, in their order; call for each frame, also without any."""
        if self._zero_s is None:
            self._zero_s = moment.time_s
        return tuple(self._event(change, moment) for change in changes)

    def _event(self, change: Change, moment: Moment) -> Event:
        track_id = change.track_id
        return Event(
            event_id=self._event_id(change),
            stream_id=self._stream_id,
            change=change,
            class_name=None if change.class_id is None else self._class_name(change.class_id),
            time_s=moment.time_s,
            frame_index=moment.frame_index,
            pts=moment.pts,
            start_wall=self._wall(change.start_s),
            end_wall=None if change.end_s is None else self._wall(change.end_s),
            xyxy=None if track_id is None else moment.boxes.get(track_id),
        )

    def _event_id(self, change: Change) -> str:
        key = (change.kind, change.rule, change.track_id)
        if change.phase == "new":
            self._count += 1
            event_id = f"{self._id_prefix}:{self._count}"
            if change.end_s is None:
                self._open[key] = event_id
            return event_id
        return self._open.pop(key) if change.phase == "end" else self._open[key]

    def _class_name(self, class_id: int) -> str:
        known = 0 <= class_id < len(self._class_names)
        return self._class_names[class_id] if known else str(class_id)

    def _wall(self, time_s: float) -> datetime | None:
        if self._wall_start is None or self._zero_s is None:
            return None
        return self._wall_start + timedelta(seconds=time_s - self._zero_s)
