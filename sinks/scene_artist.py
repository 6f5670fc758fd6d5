"""What is drawn of analytics: lines and zones with their counts, traces, dwell clocks, and why."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.analysis import Analysis
from analytics.event import Change, Event
from analytics.line import LineCount
from analytics.zone import ZoneState
from detector.detections import Detections
from sinks.canvas import Canvas
from sinks.palette import BLACK, WHITE, Bgr, colour_of

_EXPLAIN_S = 3.0  # as long as a person needs to find the place and read the line
_LINE_COLOUR: Bgr = (0, 220, 255)
_ZONE_COLOUR: Bgr = (255, 200, 0)
_ALARM_COLOUR: Bgr = (60, 60, 255)  # loitering, a crowd
_ARROW_PX = 6  # length of the arrow that points "in", in widths of the line
_HEAD_PX = 2  # of its head, and half its breadth

Path = NDArray[np.float64]  # (N, 2) px of the canvas


@dataclass(frozen=True, slots=True)
class Sign:
    """Words that belong to something in the picture.

    Attributes:
        words: in a row.
        box: what they belong to and must not cover: left, top, right, bottom, px of the canvas.
        ground: their colour.
    """

    words: Sequence[str]
    box: tuple[float, float, float, float]
    ground: Bgr


class SceneArtist:
    """Draws what is watched on streams; used by one thread.

    Args:
        explains: show for each count which step of which track made it, and when.
    """

    def __init__(self, *, explains: bool) -> None:
        self._explains = explains
        self._recent: dict[str, deque[Event]] = {}  # crossings to be explained, by stream

    def draw_ground(self, canvas: Canvas, analysis: Analysis, line_px: int) -> None:
        """What lies below the boxes: zones, lines, traces, and the steps of `reasons`."""
        scale, _ = _scale(canvas, analysis)
        for track_id, path in analysis.traces.paths().items():
            self._stroke(canvas, path * scale, line_px, colour_of(track_id))
        for zone in analysis.zones:
            self._draw_zone(canvas, zone, scale, line_px)
        for line in analysis.lines:
            self._draw_line(canvas, line, scale, line_px)
        if self._explains:
            for event in self._recent.get(analysis.stream_id, ()):
                self._draw_step(canvas, event.change, scale, line_px)

    def counts(self, canvas: Canvas, analysis: Analysis, line_px: int) -> list[Sign]:
        """How many are inside and have crossed; beside arrows and corners."""
        scale, limits = _scale(canvas, analysis)
        signs = []
        for zone in analysis.zones:
            colour = _ZONE_COLOUR if zone.crowd_since_s is None else _ALARM_COLOUR
            box = _around(_top(zone.points * scale), line_px / 2, limits)
            signs.append(Sign((zone.name, f"{zone.inside} inside"), box, colour))
        for line in analysis.lines:
            counts = (line.name, f"in {line.in_count}", f"out {line.out_count}")
            arrow = _arrow(line, scale, line_px)
            signs.append(Sign(counts, _around(arrow, _HEAD_PX * line_px, limits), _LINE_COLOUR))
        return signs

    def reasons(self, canvas: Canvas, analysis: Analysis, line_px: int) -> list[Sign]:
        """Who has crossed in the last seconds, and where, if that is explained; once a frame."""
        if not self._explains:
            return []
        scale, limits = _scale(canvas, analysis)
        return [
            Sign(
                _reason(event.change),
                _around(np.array([event.change.point]) * scale, line_px, limits),
                WHITE,
            )
            for event in self._crossings(analysis)
            if event.change.point is not None
        ]

    def clocks(self, analysis: Analysis, detections: Detections) -> list[Sign]:
        """Seconds so far of each one who is in a zone.

        Args:
            analysis: of the frame.
            detections: of the frame, in px of the canvas.
        """
        if detections.track_id is None:
            return []
        boxes = dict(zip(detections.track_id.tolist(), detections.xyxy.tolist(), strict=True))
        return [
            Sign(
                (f"{analysis.time_s - since_s:.0f} s",),
                boxes[track_id],
                _ALARM_COLOUR if is_loitering else BLACK,
            )
            for zone in analysis.zones
            for track_id, since_s, is_loitering in zip(
                zone.track_id.tolist(),
                zone.since_s.tolist(),
                zone.is_loitering.tolist(),
                strict=True,
            )
            if track_id in boxes
        ]

    def _draw_zone(
        self, canvas: Canvas, zone: ZoneState, scale: NDArray[np.float64], line_px: int
    ) -> None:
        colour = _ZONE_COLOUR if zone.crowd_since_s is None else _ALARM_COLOUR
        corners = zone.points * scale
        self._stroke(canvas, np.concatenate([corners, corners[:1]]), line_px, colour)

    def _draw_line(
        self, canvas: Canvas, line: LineCount, scale: NDArray[np.float64], line_px: int
    ) -> None:
        ends = np.array([line.start, line.end]) * scale
        self._stroke(canvas, ends, line_px, _LINE_COLOUR)
        middle, tip = _arrow(line, scale, line_px)
        back = (tip - middle) / _ARROW_PX * _HEAD_PX
        side = np.array([back[1], -back[0]])
        self._stroke(canvas, np.stack([middle, tip]), line_px, _LINE_COLOUR)
        head = np.stack([tip - back - side, tip, tip - back + side])
        self._stroke(canvas, head, line_px, _LINE_COLOUR)

    def _crossings(self, analysis: Analysis) -> Sequence[Event]:
        """Those of the last seconds, newest last."""
        recent = self._recent.setdefault(analysis.stream_id, deque())
        recent.extend(event for event in analysis.events if event.change.kind == "crossing")
        while recent and not -_EXPLAIN_S < recent[0].time_s - analysis.time_s <= 0:
            recent.popleft()
        return recent

    def _draw_step(
        self, canvas: Canvas, change: Change, scale: NDArray[np.float64], line_px: int
    ) -> None:
        if change.step is not None:
            step = np.array([change.step.before, change.step.after]) * scale
            self._stroke(canvas, step, line_px + 2, WHITE)

    def _stroke(self, canvas: Canvas, path: Path, line_px: int, colour: Bgr) -> None:
        canvas.polyline(path, line_px, canvas.values(colour))


def _reason(change: Change) -> tuple[str, ...]:
    """Who crossed, which way and when, in words.

    >>> _reason(Change("crossing", "new", "gate", 63.46, direction="in", track_id=7))
    ('#7', 'in', '1:03.46')
    """
    minutes, seconds = divmod(change.start_s, 60)
    return f"#{change.track_id}", str(change.direction), f"{minutes:.0f}:{seconds:05.2f}"


def _scale(canvas: Canvas, analysis: Analysis) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Px of the canvas a px of the frame, and the last px of the canvas; across and down."""
    size = np.array([canvas.width, canvas.height])
    return size / analysis.size, size - 1.0


def _arrow(line: LineCount, scale: NDArray[np.float64], line_px: int) -> Path:
    """From the middle of a line towards "in"; of no length where the line has none."""
    start, end = np.array(line.start) * scale, np.array(line.end) * scale
    middle, along = (start + end) / 2, end - start
    length = float(np.hypot(*along))
    if length < 1:
        return np.stack([middle, middle])
    # "in" is from the left to the right of the line as seen from start to end
    across = np.array([-along[1], along[0]]) / length
    return np.stack([middle, middle + across * _ARROW_PX * line_px])


def _top(points: Path) -> Path:
    """The highest corner, alone."""
    return points[[np.argmin(points[:, 1])]]


def _around(
    points: Path, margin: float, limits: NDArray[np.float64]
) -> tuple[float, float, float, float]:
    """The box of some points and a margin, moved inside the picture."""
    left, top = np.clip(points.min(axis=0) - margin, 0, limits).tolist()
    right, bottom = np.clip(points.max(axis=0) + margin, 0, limits).tolist()
    return left, top, right, bottom
