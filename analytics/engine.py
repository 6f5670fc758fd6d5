"""Everything that is counted on one stream, frame by frame."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from analytics.analysis import Analysis
from analytics.event import Change, Journal, Moment
from analytics.heatmap import Heatmap
from analytics.line import Lines
from analytics.region import reference_points
from analytics.roster import Roster, Sightings
from analytics.scene_config import SceneConfig
from analytics.speed import Ground, Motion
from analytics.trace import Tracer
from analytics.zone import Zones
from detector.detections import Detections
from streamer.frame import Frame
from streamer.result import Result

RESTART_S = 1.0  # a time further back than this is another recording, not a late frame


class Engine:
    """Counts on one stream; for one thread.

    Driven by the frames' own times. A frame whose time does not advance is a repetition or came
    late, and one with carried boxes was not looked at: nothing is counted on these. A time more
    than RESTART_S back begins anew: all tracks end, counts stay.

    Args:
        config: what is watched, of this stream or of all.
        stream_id: unique within a run.
        class_names: of the detector.
        size: width and height of the stream's first picture, px; what is drawn in px refers to it.
        wall_start: wall clock of the first frame, with its time zone, or None.
        run_id: part of every event's id, or empty.

    Raises:
        ValueError: a line or zone names a class the detector does not know, or `wall_start` has no
            time zone.
    """

    def __init__(
        self,
        config: SceneConfig,
        *,
        stream_id: str,
        class_names: Sequence[str],
        size: tuple[int, int],
        wall_start: datetime | None = None,
        run_id: str = "",
    ) -> None:
        config = config.of_stream(stream_id)
        self._stream_id = stream_id
        self._size = size
        self._roster = Roster(config.lost_s)
        self._lines = Lines(config.lines, class_names, size, self._roster)
        self._zones = Zones(config.zones, class_names, size, self._roster, config.update_s)
        self._ground = Ground(config.grounds[0], size) if config.grounds else None
        self._heatmap = Heatmap(config.heatmap, size) if config.heatmap else None
        self._tracer = Tracer(config.trace_s)
        self._journal = Journal(stream_id, class_names, wall_start, run_id)
        self._last: Moment | None = None  # of the last frame that counted

    def update(self, result: Result[Detections]) -> Analysis:
        """Count on one frame; boxes without a track id count nowhere.

        Raises:
            ValueError: the frame is of another stream.
        """
        frame = result.frame
        if frame.stream_id != self._stream_id:
            raise ValueError(f"frame: expected stream {self._stream_id!r}, got {frame.stream_id!r}")
        if result.detections.is_carried:
            return self._repeated(result)
        changes: list[Change] = []
        if self._last is not None:
            if frame.time_s < self._last.time_s - RESTART_S:
                changes = self._stop(self._last.time_s)
            elif frame.time_s <= self._last.time_s:
                return self._repeated(result)
        return self._counted(result, changes)

    def finish(self) -> Analysis | None:
        """End all that lasts, at the end of the stream; None where there never was a frame."""
        if self._last is None:
            return None
        changes = self._stop(self._last.time_s)
        last = dataclasses.replace(self._last, boxes={})
        return self._analysis(changes, last, None)

    def _counted(self, result: Result[Detections], changes: list[Change]) -> Analysis:
        frame, detections = result.frame, result.detections
        rows = _usable(detections)
        seen = self._see(frame, detections, rows)
        changes += self._lines.update(seen)
        changes += self._zones.update(seen)
        overdue = self._roster.overdue(frame.time_s)
        if overdue:
            changes += self._let_go(overdue)
        changes += self._zones.count(frame.time_s)
        if self._heatmap is not None:
            self._heatmap.update(seen)
        feet = reference_points(seen.boxes_xyxy, "bottom_centre")
        self._tracer.update(frame.time_s, self._roster.track_id[seen.row], feet)
        motion = None
        if self._ground is not None:
            motion = _spread(self._ground.update(seen), rows, len(detections))
        boxes = _boxes(detections, rows) if changes else {}
        self._last = Moment(frame.time_s, frame.index, frame.pts, boxes)
        return self._analysis(changes, self._last, motion)

    def _repeated(self, result: Result[Detections]) -> Analysis:
        """What was known before, for a frame that does not count."""
        frame = result.frame
        motion = None
        if self._ground is not None:
            rows = _usable(result.detections)
            known = self._known(result.detections, rows)
            boxes = self._scaled(frame, result.detections, rows[known >= 0])
            recalled = self._ground.recall(known[known >= 0], boxes)
            motion = _spread(recalled, rows[known >= 0], len(result.detections))
        return self._analysis([], Moment(frame.time_s, frame.index, frame.pts, {}), motion)

    def _known(self, detections: Detections, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """The roster's row of each of some detections with a track, -1 for those not about."""
        if detections.track_id is None:
            return np.empty(0, np.intp)
        return self._roster.rows_of(detections.track_id[rows])

    def _scaled(
        self, frame: Frame, detections: Detections, rows: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """(N, 4) px of the first picture."""
        boxes = detections.xyxy[rows].astype(np.float64)
        if (frame.width, frame.height) != self._size:
            x, y = self._size[0] / frame.width, self._size[1] / frame.height
            boxes = (boxes + 0.5) * (x, y, x, y) - 0.5
        return boxes

    def _see(self, frame: Frame, detections: Detections, rows: NDArray[np.intp]) -> Sightings:
        boxes = self._scaled(frame, detections, rows)
        ids = np.empty(0, np.int64) if detections.track_id is None else detections.track_id[rows]
        return self._roster.see(frame.time_s, ids, detections.class_id[rows], boxes)

    def _stop(self, time_s: float) -> list[Change]:
        """End all tracks and what they were doing."""
        changes = self._let_go(self._roster.everyone())
        self._tracer.restart()
        return changes + self._zones.stop(time_s)

    def _let_go(self, rows: Sequence[int]) -> list[Change]:
        changes = self._lines.let_go(rows) + self._zones.let_go(rows)
        self._roster.let_go(rows)
        return changes

    def _analysis(
        self, changes: Sequence[Change], moment: Moment, motion: Motion | None
    ) -> Analysis:
        return Analysis(
            stream_id=self._stream_id,
            time_s=moment.time_s,
            size=self._size,
            lines=self._lines.counts,
            zones=self._zones.states(),
            events=self._journal.record(changes, moment),
            traces=self._tracer.traces(),
            motion=motion,
            heat=None if self._heatmap is None else self._heatmap.heat(),
        )


def _usable(detections: Detections) -> NDArray[np.intp]:
    """Rows with a track id, 0 or more, and a finite box; of one id the best box."""
    if detections.track_id is None:
        return np.empty(0, np.intp)
    good = (detections.track_id >= 0) & np.isfinite(detections.xyxy).all(axis=1)
    rows = np.flatnonzero(good)
    ids = detections.track_id[rows]
    if len(set(ids.tolist())) < len(ids):
        rows = rows[np.sort(np.unique(ids, return_index=True)[1])]
    return rows


def _boxes(
    detections: Detections, rows: NDArray[np.intp]
) -> dict[int, tuple[float, float, float, float]]:
    if detections.track_id is None:
        return {}
    ids, boxes = detections.track_id[rows].tolist(), detections.xyxy[rows].tolist()
    return {name: (a, b, c, d) for name, (a, b, c, d) in zip(ids, boxes, strict=True)}


def _spread(motion: Motion, rows: NDArray[np.intp], count: int) -> Motion:
    """The motion of all detections, NaN for those without a track."""
    if len(rows) == count:
        return motion
    metres, speed, distance = np.full((count, 2), np.nan), np.full(count, np.nan), None
    distance = speed.copy()
    metres[rows], speed[rows], distance[rows] = motion.metres, motion.speed, motion.distance
    return Motion(metres, speed, distance)
