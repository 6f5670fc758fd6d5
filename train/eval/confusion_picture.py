"""A confusion as a picture: rows are what is there, columns what was found."""

from __future__ import annotations

import cv2
import numpy as np

from streamer.picture import BgrArray
from train.eval.confusion import MIN_IOU, MIN_SCORE, Confusion

MOST_CLASSES = 40  # more do not fit a screen; the ones with the most boxes are shown

_CELL = 30  # px
_MARGIN = 16
_TITLE = 64
_FONT_PX = 15
_WEIGHT = 400  # regular
_INK = (40, 40, 40)
_PAPER = 255
_EMPTY = 246  # a cell with nothing in it
_RIGHT = np.array([90, 130, 20])  # blue, green, red of a cell where everything went right
_WRONG = np.array([60, 60, 220])
_NOTHING = "nothing"


def draw(confusion: Confusion) -> BgrArray:
    """(H, W, 3) uint8: counts, darker the larger their share of the row; red off the diagonal."""
    shown = _shown(confusion)
    names = [*(confusion.names[at] for at in shown), _NOTHING]
    counts = confusion.counts[np.ix_([*shown, -1], [*shown, -1])]
    labels = [_text(name) for name in names]
    room = max(label.shape[1] for label in labels) + 8
    side = len(names) * _CELL
    left, top = _MARGIN + room, _TITLE + room
    width = max(left + side + _MARGIN, 640)
    picture = np.full((top + side + _MARGIN, width, 3), _PAPER, np.uint8)
    _put(picture, _text(_title(confusion, len(shown))), _MARGIN, 12)
    how = f"scores from {MIN_SCORE:g}, IoU from {MIN_IOU:g}"
    _put(picture, _text(f"rows: annotated; columns: found; {how}"), _MARGIN, 36)
    for at, label in enumerate(labels):
        middle = at * _CELL + _CELL // 2
        _put(picture, label, left - 8 - label.shape[1], top + middle - label.shape[0] // 2)
        upright = np.rot90(label)
        _put(picture, upright, left + middle - upright.shape[1] // 2, top - 8 - upright.shape[0])
    totals = counts.sum(axis=1, keepdims=True).clip(1)
    for row, column in np.ndindex(*counts.shape):
        is_right = row == column
        share = float(counts[row, column] / totals[row, 0])
        colour = _EMPTY + (((_RIGHT if is_right else _WRONG) - _EMPTY) * share)
        corner = (left + column * _CELL, top + row * _CELL)
        _cell(picture, corner, colour.astype(int).tolist(), int(counts[row, column]))
    return picture


def _shown(confusion: Confusion) -> list[int]:
    """The classes with boxes, the most frequent if there are many, in their order."""
    inner = confusion.counts
    boxes = inner.sum(axis=1)[:-1] + inner.sum(axis=0)[:-1]
    best = np.argsort(-boxes, kind="stable")[:MOST_CLASSES]
    return sorted(int(at) for at in best if boxes[at])


def _title(confusion: Confusion, shown: int) -> str:
    inner = confusion.counts
    right, missed = int(np.trace(inner[:-1, :-1])), int(inner[:-1, -1].sum())
    wrong = int(inner[:-1, :-1].sum()) - right
    extra = int(inner[-1, :-1].sum())
    used = int(((inner.sum(axis=1) + inner.sum(axis=0))[:-1] > 0).sum())
    some = f" ({shown} of {used} classes)" if shown < used else ""
    return f"{right} right, {wrong} of another class, {missed} missed, {extra} from nothing{some}"


def _cell(picture: BgrArray, corner: tuple[int, int], colour: list[int], count: int) -> None:
    x, y = corner
    cv2.rectangle(picture, (x, y), (x + _CELL - 2, y + _CELL - 2), colour, cv2.FILLED)
    if count:
        ink = (255, 255, 255) if sum(colour) < 400 else _INK
        text = _text(str(count), ink=ink, paper=colour, size=12)
        _put(picture, text, x + (_CELL - text.shape[1]) // 2, y + (_CELL - text.shape[0]) // 2)


def _put(picture: BgrArray, stamp: BgrArray, x: int, y: int) -> None:
    """Paste, cut to the picture."""
    height, width = stamp.shape[:2]
    target = picture[max(0, y) : y + height, max(0, x) : x + width]
    target[...] = stamp[: target.shape[0], : target.shape[1]]


def _text(
    text: str,
    *,
    ink: tuple[int, int, int] = _INK,
    paper: list[int] | None = None,
    size: int = _FONT_PX,
) -> BgrArray:
    """Words on paper, as small as they fit."""
    font = cv2.FontFace("sans")  # comes with OpenCV and knows more than Latin letters
    width = cv2.getTextSize((1, 1), text, (0, 0), font, size, _WEIGHT)[2] + 2
    stamp = np.full((round(1.35 * size), width, 3), paper or [_PAPER] * 3, np.uint8)
    cv2.putText(stamp, text, (1, size), ink, font, size, _WEIGHT)
    return stamp
