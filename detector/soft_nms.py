"""Soft suppression: of boxes on one object the lesser ones lose score instead of vanishing.

Source: Bodla et al. 2017, Soft-NMS, the Gaussian form; the numbers, and the order in which rows are
dealt with, are those of the published CenterNet.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detector.detections import BoxesXyxy, Detections, Scores

SIGMA = np.float32(0.5)
FLOOR = np.float32(0.001)  # a box that overlaps and falls below is gone

Rows = NDArray[np.intp]  # (M,) places in the columns that were given


def merge(
    looks: Sequence[Detections], *, most: int = 100, keeps_leftovers: bool = False
) -> Detections:
    """What several looks at one picture found, softly suppressed class by class, best first.

    Args:
        looks: in pixels of the same frame.
        most: boxes in the end; boxes that score the same as the last one stay too, as published.
        keeps_leftovers: as `soften`.
    """
    xyxy = np.concatenate([found.xyxy for found in looks])
    score = np.concatenate([found.score for found in looks])
    class_id = np.concatenate([found.class_id for found in looks])
    rows, scores = [np.empty(0, np.intp)], [np.empty(0, np.float32)]
    for each in np.unique(class_id):
        of_class = np.flatnonzero(class_id == each)
        kept, softened = soften(xyxy[of_class], score[of_class], keeps_leftovers=keeps_leftovers)
        rows.append(of_class[kept])
        scores.append(softened)
    row, score = np.concatenate(rows), np.concatenate(scores)
    order = np.argsort(-score, kind="stable")
    if len(order) > most:
        order = order[score[order] >= score[order[most - 1]]]
    row = row[order]
    return Detections(xyxy[row], score[order], class_id[row])


def soften(xyxy: BoxesXyxy, score: Scores, *, keeps_leftovers: bool = False) -> tuple[Rows, Scores]:
    """The boxes of one class that are left, and what they score now.

    Args:
        xyxy: (N, 4), px.
        score: (N,).
        keeps_leftovers: append what the published code leaves behind the rows that are left: second
            copies of boxes with the scores they had when they were moved. Its callers took them for
            results, so the published figures contain them.

    Returns:
        Places in `xyxy`, repeated only by leftovers, and a score for each, not sorted.
    """
    row, score = np.arange(len(score)), score.copy()
    live = len(score)
    first = 0
    while first < live:
        best = first + int(score[first:live].argmax())
        row[[first, best]], score[[first, best]] = row[[best, first]], score[[best, first]]
        rest = slice(first + 1, live)
        overlap = _overlap(xyxy[row[first]], xyxy[row[rest]])
        faded = score[rest] * np.exp(-(overlap**2) / SIGMA, dtype=np.float32)
        gone = (overlap != 0) & (faded < FLOOR)
        if gone.any():
            live = _move_up(row, score, faded, gone, first + 1)
        else:
            score[rest] = faded
        first += 1
    end = len(row) if keeps_leftovers else live
    return row[:end], score[:end]


def _overlap(box: BoxesXyxy, others: BoxesXyxy) -> NDArray[np.float32]:
    """Intersection over union with each of (N, 4), a pixel added to every side as published."""
    one = np.float32(1)
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    inside = (high - low + one).clip(0).prod(axis=1)
    area = np.prod(box[2:] - box[:2] + one)
    areas = (others[:, 2:] - others[:, :2] + one).prod(axis=1)
    # Boxes turned inside out have areas of any sign; what they say does not matter, a NaN would.
    union = areas + area - inside
    ratio: NDArray[np.float32] = np.zeros_like(inside)
    np.divide(inside, union, out=ratio, where=union != 0)
    return ratio


def _move_up(row: Rows, score: Scores, faded: Scores, gone: NDArray[np.bool_], first: int) -> int:
    """Lets the last live row take the place of each one that is gone; gives back how many live.

    Args:
        row: changed in place, like `score`.
        score: of all rows.
        faded: of the live rows from `first` on.
        gone: likewise.
        first: where they begin.
    """
    live = first + len(faded)
    place = first
    while place < live:
        at = place - first
        if not gone[at]:
            score[place] = faded[at]
            place += 1
            continue
        live -= 1
        if place == live:
            score[place] = faded[at]  # nothing to move: it lies where it fell
            break
        row[place] = row[live]
        faded[at], gone[at] = faded[live - first], gone[live - first]
    return live
