"""What is drawn for a result: boxes, labels, a scene's known truth and a note in a corner."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.detections import Detections
from sinks.canvas import Canvas
from sinks.palette import BLACK, WHITE, Bgr, colour_of, text_colour_on
from sinks.text import TextStamps
from streamer.truth import Truth

_LINE_SHARE = 540  # a line is 2 px for every 540 px of the picture's shorter side
_TEXT_SHARE = 40  # and letters are a 40th of it high
_TEXT_PX = (11, 96)  # smaller cannot be read, larger hides the picture

Rectangle = tuple[int, int, int, int]  # left, top, right, bottom: even px, half-open, not empty


@dataclass(frozen=True, slots=True)
class Style:
    """How results look.

    Attributes:
        labels: write track, class name and score beside each box.
        line_px: width of a box's line, rounded up to even, or None to fit the picture.
        text_px: height of the letters, or None to fit the picture.
        truth: draw what a drawn scene knows of itself, dashed and white.
        note: a line for the lower left corner of every picture, or empty.
    """

    labels: bool = True
    line_px: int | None = None
    text_px: int | None = None
    truth: bool = True
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

    def draw(self, canvas: Canvas, detections: Detections, truth: Truth | None = None) -> None:
        """Draw on `canvas`: the truth lowest, the best box on top, the note above all.

        Boxes are clipped to the picture; what is inverted, not a number or outside is left out.
        """
        shorter = min(canvas.width, canvas.height)
        line = _even(self._style.line_px or max(1, round(shorter / _LINE_SHARE)) * 2)
        fitting = min(max(shorter // _TEXT_SHARE, _TEXT_PX[0]), _TEXT_PX[1])
        text_px = self._style.text_px or fitting
        if truth is not None and self._style.truth:
            self._draw_truth(canvas, truth, text_px)
        self._draw_detections(canvas, detections, line, text_px)
        if self._style.note:
            self._draw_note(canvas, text_px)

    def _draw_detections(
        self, canvas: Canvas, detections: Detections, line: int, text_px: int
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
        if not self._style.labels:
            return
        for k in backwards:
            row = rows[k]
            name = self._name(class_ids[row])
            if track_ids is not None:
                name = f"#{track_ids[row]} {name}"
            words = (name, f"{scores[row]:.2f}")  # two: the first changes rarely
            self._label(canvas, words, rectangles[k], line, text_px, colours[k])

    def _label(
        self,
        canvas: Canvas,
        words: Sequence[str],
        rectangle: Rectangle,
        line: int,
        text_px: int,
        ground: Bgr,
    ) -> None:
        ink = text_colour_on(ground)
        label = self._stamps.row(canvas, words, text_px, ink, ground)
        if label is None:
            return
        left, top, _, bottom = rectangle
        inside = top + line if top + line + label.height <= canvas.height else top
        y = top - label.height
        if y < 0:
            below_fits = bottom + label.height <= canvas.height
            y = bottom if below_fits and bottom - top < 2 * label.height else inside
        label.put(
            canvas,
            _clamp(left, canvas.width - label.width),
            _clamp(y, canvas.height - label.height),
        )

    def _draw_truth(self, canvas: Canvas, truth: Truth, text_px: int) -> None:
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
            x = rectangle[2] - label.width  # the lower right: labels of boxes stand upper left
            y = rectangle[3]
            if y + label.height > canvas.height:
                y = rectangle[3] - label.height
            x, y = _clamp(x, canvas.width - label.width), _clamp(y, canvas.height - label.height)
            label.put(canvas, x, y)

    def _draw_note(self, canvas: Canvas, text_px: int) -> None:
        for size in range(text_px, 5, -1):  # a note is to be read whole if at all possible
            label = self._stamps.row(
                canvas, (self._style.note,), size, WHITE, BLACK, shorten=size == 6
            )
            if label is not None:
                label.put(canvas, 0, canvas.height - label.height)
                return

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


def _clamp(position: int, largest: int) -> int:
    return max(0, min(position, largest))


def _even(number: int) -> int:
    return number + number % 2
