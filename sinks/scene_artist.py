"""What is drawn of analytics: lines and zones with their counts, traces, dwell clocks, and why."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from analytics.analysis import Analysis
from analytics.event import Change, Event
from analytics.geometry import Point
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

Path = NDArray[np.float64]  # (N, 2) px of the canvas
PutText = Callable[[Canvas, Sequence[str], Point, Bgr], None]  # words, their middle, their ground


class SceneArtist:
    """Draws what is watched on streams; used by one thread.

    Args:
        put_text: puts a label with its middle at a place of the canvas, moved inside the picture.
        explains: show for each count which step of which track made it, and when.
    """

    def __init__(self, put_text: PutText, *, explains: bool) -> None:
        self._put_text = put_text
        self._explains = explains
        self._recent: dict[str, deque[Event]] = {}  # crossings to be explained, by stream

    def draw_ground(self, canvas: Canvas, analysis: Analysis, line_px: int) -> None:
        """What lies below the boxes: zones, lines, traces; scaled to the canvas."""
        scale = np.array([canvas.width, canvas.height]) / analysis.size
        for track_id, path in analysis.traces.paths().items():
            self._stroke(canvas, path * scale, line_px, colour_of(track_id))
        for zone in analysis.zones:
            self._draw_zone(canvas, zone, scale, line_px)
        for line in analysis.lines:
            self._draw_line(canvas, line, scale, line_px)
        if self._explains:
            for event in self._crossings(analysis):
                self._draw_step(canvas, event.change, scale, line_px)

    def draw_words(
        self, canvas: Canvas, analysis: Analysis, detections: Detections, line_px: int
    ) -> None:
        """What belongs above the boxes: counts, dwell clocks, reasons.

        Args:
            canvas: the picture.
            analysis: of the frame.
            detections: of the frame, in px of the canvas.
            line_px: width of lines.
        """
        scale = np.array([canvas.width, canvas.height]) / analysis.size
        self._draw_clocks(canvas, analysis, detections)
        for zone in analysis.zones:
            is_alarm = zone.crowd_since_s is not None
            inside = (zone.name, f"{zone.inside} inside")
            place = _top(zone.points * scale)
            self._put_text(canvas, inside, place, _ALARM_COLOUR if is_alarm else _ZONE_COLOUR)
        for line in analysis.lines:
            counts = (line.name, f"in {line.in_count}", f"out {line.out_count}")
            middle = (np.array(line.start) + line.end) / 2 * scale
            self._put_text(canvas, counts, _point(middle), _LINE_COLOUR)
        for event in self._recent.get(analysis.stream_id, ()):
            if event.change.point is not None:
                x, y = np.array(event.change.point) * scale
                lift = 12 * line_px  # clear of the line's own label
                reason = _reason(event.change)
                self._put_text(canvas, reason, (float(x), float(y) - lift), WHITE)

    def _draw_zone(
        self, canvas: Canvas, zone: ZoneState, scale: NDArray[np.float64], line_px: int
    ) -> None:
        colour = _ZONE_COLOUR if zone.crowd_since_s is None else _ALARM_COLOUR
        corners = zone.points * scale
        self._stroke(canvas, np.concatenate([corners, corners[:1]]), line_px, colour)

    def _draw_line(
        self, canvas: Canvas, line: LineCount, scale: NDArray[np.float64], line_px: int
    ) -> None:
        start, end = np.array(line.start) * scale, np.array(line.end) * scale
        self._stroke(canvas, np.stack([start, end]), line_px, _LINE_COLOUR)
        along = end - start
        length = float(np.hypot(*along))
        if length < 1:
            return
        # "in" is from the left to the right of the line as seen from start to end
        across = np.array([-along[1], along[0]]) / length
        tip = (start + end) / 2 + across * _ARROW_PX * line_px
        back, side = across * 2 * line_px, along / length * 2 * line_px
        self._stroke(canvas, np.stack([(start + end) / 2, tip]), line_px, _LINE_COLOUR)
        head = np.stack([tip - back - side, tip, tip - back + side])
        self._stroke(canvas, head, line_px, _LINE_COLOUR)

    def _draw_clocks(self, canvas: Canvas, analysis: Analysis, detections: Detections) -> None:
        """Seconds so far below the box of each one who is in a zone."""
        if detections.track_id is None:
            return
        boxes = dict(zip(detections.track_id.tolist(), detections.xyxy.tolist(), strict=True))
        for zone in analysis.zones:
            inside = zip(
                zone.track_id.tolist(),
                zone.since_s.tolist(),
                zone.is_loitering.tolist(),
                strict=True,
            )
            for track_id, since_s, is_loitering in inside:
                if track_id in boxes:
                    x1, _, x2, y2 = boxes[track_id]
                    words = (f"{analysis.time_s - since_s:.0f} s",)
                    ground = _ALARM_COLOUR if is_loitering else BLACK
                    self._put_text(canvas, words, ((x1 + x2) / 2, y2), ground)

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


def _top(points: Path) -> Point:
    """The highest corner."""
    return _point(points[np.argmin(points[:, 1])])


def _point(place: NDArray[np.float64]) -> Point:
    return float(place[0]), float(place[1])
