"""What is drawn for a result: boxes, labels, a scene's known truth and a note in a corner."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.analysis import Analysis
from analytics.watch import analysis_in
from detector.detections import Detections
from sinks.canvas import Canvas
from sinks.palette import BLACK, WHITE, Bgr, colour_of, text_colour_on
from sinks.placement import LabelPlaces, Rectangle
from sinks.scale import scale_detections, scale_truth
from sinks.scene_artist import SceneArtist, Sign
from sinks.speed import speed_words
from sinks.text import Label, TextStamps
from streamer.result import Result
from streamer.truth import Truth

_LINE_SHARE = 540  # a line is 2 px for every 540 px of the picture's shorter side
_TEXT_SHARE = 40  # and letters are a 40th of it high
_TEXT_PX = (11, 96)  # smaller cannot be read, larger hides the picture


@dataclass(frozen=True, slots=True)
class Style:
    """How results look.

    Attributes:
        labels: write track, class name and score beside each box.
        line_px: width of a box's line, rounded up to even, or None to fit the picture.
        text_px: height of the letters, or None to fit the picture.
        truth: draw what a drawn scene knows of itself, dashed and white.
        scene: draw lines and zones with their counts, traces and dwell clocks.
        explain: show for each crossing that is counted which step made it, and when.
        note: a line for the lower left corner of every picture, or empty.
    """

    labels: bool = True
    line_px: int | None = None
    text_px: int | None = None
    truth: bool = True
    scene: bool = True
    explain: bool = False
    note: str = ""

    def __post_init__(self) -> None:
        if self.line_px is not None and self.line_px < 1:
            raise ValueError(f"line_px: expected at least 1, got {self.line_px!r}")
        if self.text_px is not None and self.text_px < 4:
            raise ValueError(f"text_px: expected at least 4, got {self.text_px!r}")


class Annotator:
    """Draws results; used by one thread, its texts are kept from frame to frame.

    Args:
        class_names: the name of every class id; an id beyond them is written as a number.
        style: how results look.
    """

    def __init__(self, class_names: Sequence[str], style: Style | None = None) -> None:
        self._class_names = tuple(class_names)
        self._style = style or Style()
        self._stamps = TextStamps()
        self._scene = SceneArtist(explains=self._style.explain)

    def draw_result(
        self, canvas: Canvas, result: Result[Detections], scale_xy: tuple[float, float] = (1, 1)
    ) -> None:
        """Draw all that is known of a result.

        Args:
            canvas: as large as the result's frame, times the scale.
            result: what to draw.
            scale_xy: px of the canvas a px of the frame, across and down.
        """
        detections, truth = result.detections, result.frame.truth
        detections = scale_detections(detections, scale_xy)
        truth = None if truth is None else scale_truth(truth, scale_xy)
        self.draw(canvas, detections, truth, analysis_in(result.notes))

    def draw(
        self,
        canvas: Canvas,
        detections: Detections,
        truth: Truth | None = None,
        analysis: Analysis | None = None,
    ) -> None:
        """Draw on `canvas`: the truth lowest, the best box on top, the note above all.

        Boxes are clipped to the picture; what is inverted, not a number or outside is left out.
        A score with ~ before it belongs to an earlier look: nobody looked at this picture.
        """
        shorter = min(canvas.width, canvas.height)
        line = _even(self._style.line_px or max(1, round(shorter / _LINE_SHARE)) * 2)
        text_px = self._text_px(canvas)
        places = LabelPlaces(canvas.width, canvas.height)
        note = self._note(canvas, text_px) if self._style.note else None
        if note is not None:
            places.take(0, canvas.height - note.height, note.width, note.height)
        if not self._style.scene:
            analysis = None
        signs = [] if analysis is None else self._place_signs(canvas, analysis, line, places)
        if truth is not None and self._style.truth:
            self._draw_truth(canvas, truth, text_px, places)
        if analysis is not None:
            self._scene.draw_ground(canvas, analysis, line)
        speeds = speed_words(analysis, len(detections))
        self._draw_detections(canvas, detections, speeds, line, text_px, places)
        for label, left, top in signs:
            label.put(canvas, left, top)
        if analysis is not None:
            clocks = self._scene.clocks(analysis, detections)
            for label, box in self._sign_labels(canvas, clocks, text_px):
                place = places.find(*label.size, box, is_low=True)  # names stand above it
                if place is not None:
                    label.put(canvas, *place)
        if note is not None:
            note.put(canvas, 0, canvas.height - note.height)

    def _draw_detections(
        self,
        canvas: Canvas,
        detections: Detections,
        speeds: Sequence[str],
        line: int,
        text_px: int,
        places: LabelPlaces,
    ) -> None:
        if not len(detections):
            return
        rows, rectangles = rectangles_of(detections.xyxy, canvas.width, canvas.height)
        class_ids = detections.class_id.tolist()
        track_ids = None if detections.track_id is None else detections.track_id.tolist()
        scores = detections.score.tolist()
        colours = [
            colour_of(class_ids[row] if track_ids is None else track_ids[row]) for row in rows
        ]
        backwards = range(len(rows) - 1, -1, -1)  # the best come first and belong on top
        for k in backwards:
            canvas.frame(*rectangles[k], line, canvas.values(colours[k]))
        if self._style.labels:
            # Who has been seen longest has its label first, so that it stays where it is.
            order = (
                range(len(rows))
                if track_ids is None
                else sorted(range(len(rows)), key=lambda k: track_ids[rows[k]])
            )
            mark = "~" if detections.is_carried else ""
            for k in order:
                row = rows[k]
                track = "" if track_ids is None else f"#{track_ids[row]}"
                name = f"{track} {self._name(class_ids[row])}".strip()
                score = f"{mark}{scores[row]:.2f}"
                words = (name, score)  # apart: the first changes rarely
                choices: list[Sequence[str]] = [words, (name,), (track,)]
                if speeds[row]:
                    choices[:2] = [(*words, speeds[row]), (name, speeds[row]), (name,)]
                self._label(canvas, choices, rectangles[k], places, text_px, colours[k])

    def _label(
        self,
        canvas: Canvas,
        choices: Sequence[Sequence[str]],
        rectangle: Rectangle,
        places: LabelPlaces,
        text_px: int,
        ground: Bgr,
    ) -> None:
        """Put the first of the choices for which there is room; none covers another's letters."""
        ink = text_colour_on(ground)
        for words in choices:
            label = self._stamps.row(canvas, words, text_px, ink, ground)
            if label is None:
                continue
            place = places.find(label.width, label.height, rectangle)
            if place is not None:
                label.put(canvas, *place)
                return

    def _place_signs(
        self, canvas: Canvas, analysis: Analysis, line: int, places: LabelPlaces
    ) -> list[tuple[Label, int, int]]:
        """What must be seen, and where; placed before all else, so that counts stay in place."""
        text_px = self._text_px(canvas)
        counts = self._scene.counts(canvas, analysis, line)
        labels = [*self._sign_labels(canvas, counts, text_px)]
        for _, (left, top, right, bottom) in labels:
            places.take(left, top, right - left, bottom - top)  # an arrow is not to be covered
        reasons = self._scene.reasons(canvas, analysis, line)
        labels += self._sign_labels(canvas, reasons, text_px)
        return [(label, *places.find_near(*label.size, box)) for label, box in labels]

    def _sign_labels(
        self, canvas: Canvas, signs: Sequence[Sign], text_px: int
    ) -> Iterator[tuple[Label, Rectangle]]:
        """Those that can be drawn, and what they belong to."""
        boxes = np.array([sign.box for sign in signs], np.float32).reshape(-1, 4)
        rows, rectangles = rectangles_of(boxes, canvas.width, canvas.height)
        for row, rectangle in zip(rows, rectangles, strict=True):
            words, ground = signs[row].words, signs[row].ground
            label = self._stamps.row(canvas, words, text_px, text_colour_on(ground), ground)
            if label is not None:
                yield label, rectangle

    def _text_px(self, canvas: Canvas) -> int:
        fitting = min(canvas.width, canvas.height) // _TEXT_SHARE
        return self._style.text_px or min(max(fitting, _TEXT_PX[0]), _TEXT_PX[1])

    def _draw_truth(self, canvas: Canvas, truth: Truth, text_px: int, places: LabelPlaces) -> None:
        rows, rectangles = rectangles_of(truth.xyxy, canvas.width, canvas.height)
        white, black = canvas.values(WHITE), canvas.values(BLACK)
        for row, rectangle in zip(rows, rectangles, strict=True):
            canvas.frame(*rectangle, 2, black)
            for dash in _dashes(rectangle, length=_even(text_px)):
                canvas.fill(*dash, white)
            words = ("truth:", truth.label[row])
            label = self._stamps.row(canvas, words, text_px, BLACK, WHITE)
            if label is None:
                continue
            # The lower right: labels of boxes stand upper left.
            place = places.find(label.width, label.height, rectangle, is_low=True)
            if place is not None:
                label.put(canvas, *place)

    def _note(self, canvas: Canvas, text_px: int) -> Label | None:
        """The note, in smaller letters where it is too long: it is to be read whole."""
        for size in range(text_px, 5, -1):
            label = self._stamps.row(
                canvas, (self._style.note,), size, WHITE, BLACK, shorten=size == 6
            )
            if label is not None:
                return label
        return None

    def _name(self, class_id: int) -> str:
        known = 0 <= class_id < len(self._class_names)
        return self._class_names[class_id] if known else str(class_id)


def rectangles_of(
    boxes_xyxy: NDArray[np.float32], width: int, height: int
) -> tuple[list[int], list[Rectangle]]:
    """The rows that can be drawn, and where: clipped to the picture, grown to even px.

    Args:
        boxes_xyxy: (N, 4) px, index convention; any value, NaN too.
        width: of the picture, px, even.
        height: likewise.
    """
    with np.errstate(invalid="ignore"):  # comparisons with NaN are false, which is what is wanted
        x1, y1, x2, y2 = boxes_xyxy.T
        good = (x1 <= x2) & (y1 <= y2) & (x2 > -0.5) & (y2 > -0.5)
        good &= (x1 < width - 0.5) & (y1 < height - 0.5)
    rows = np.flatnonzero(good)
    limits = np.array([width, height, width, height], np.float32)
    pixels = np.rint(np.clip(boxes_xyxy[rows], 0, limits - 1)).astype(np.int64)
    pixels[:, :2] &= ~1
    pixels[:, 2:] = (pixels[:, 2:] & ~1) + 2  # the pair of the last pixel is inside
    rectangles: list[Rectangle] = [(a, b, c, d) for a, b, c, d in pixels.tolist()]
    return rows.tolist(), rectangles


def _dashes(rectangle: Rectangle, *, length: int) -> Iterator[Rectangle]:
    """White pieces of a 2 px outline, as long as the gaps between them."""
    left, top, right, bottom = rectangle
    for x in range(left, right, 2 * length):
        end = min(x + length, right)
        yield x, top, end, top + 2
        yield x, bottom - 2, end, bottom
    for y in range(top, bottom, 2 * length):
        end = min(y + length, bottom)
        yield left, y, left + 2, end
        yield right - 2, y, right, end


def _even(number: int) -> int:
    return number + number % 2
