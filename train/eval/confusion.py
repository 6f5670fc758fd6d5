"""Which classes are taken for which, and which for nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.overlap import iou_matrix
from train.eval.coco_ap import CocoRow
from train.eval.truth import Truth

MIN_SCORE = 0.3  # of a box that counts: what a person would see drawn
MIN_IOU = 0.5  # of a pair


@dataclass(frozen=True, slots=True, eq=False)
class Confusion:
    """Who was taken for whom.

    Attributes:
        names: of the classes; one more row and column stand for nothing.
        counts: (classes + 1, classes + 1) int64, truth by finding: the last column counts what was
            missed, the last row what was found where nothing is.
    """

    names: tuple[str, ...]
    counts: NDArray[np.int64]


def confusion(truth: Truth, rows: Sequence[CocoRow]) -> Confusion:
    """Pairs every box with at most one truth: those of one class first, then the best overlap.

    Args:
        truth: of the pictures; crowds are neither missed nor wrongly found.
        rows: what was found.
    """
    place = {each["id"]: at for at, each in enumerate(truth.categories)}
    counts = np.zeros((len(place) + 1, len(place) + 1), np.int64)
    notes_of: dict[int, list[dict[str, Any]]] = defaultdict(list)  # Any: JSON
    rows_of: dict[int, list[CocoRow]] = defaultdict(list)
    for note in truth.annotations:
        notes_of[note["image_id"]].append(note)
    for row in rows:
        if row["score"] >= MIN_SCORE:
            rows_of[row["image_id"]].append(row)
    for image in truth.images:
        notes, found = notes_of[image["id"]], rows_of[image["id"]]
        truth_class = [place[note["category_id"]] for note in notes] + [-1]
        found_class = [place[row["category_id"]] for row in found] + [-1]
        is_crowd = np.array([bool(note.get("iscrowd", 0)) for note in notes], bool)
        iou = iou_matrix(_boxes(notes), _boxes(found))
        is_same = np.equal.outer(np.array(truth_class[:-1]), np.array(found_class[:-1]))
        for one, other in _pairs(iou, is_same, is_crowd):
            counts[truth_class[one], found_class[other]] += 1
    return Confusion(tuple(truth.names), counts)


def _pairs(
    iou: NDArray[np.float64],
    is_same: NDArray[np.bool_],
    is_crowd: NDArray[np.bool_],
) -> list[tuple[int, int]]:
    """Which truth goes with which finding, -1 for none.

    Args:
        iou: (truths, findings).
        is_same: likewise: they are of one class.
        is_crowd: (truths,).
    """
    pairs = []
    free_truth, free_found = ~is_crowd, np.ones(iou.shape[1], bool)
    for flat in np.argsort(-(iou + is_same), axis=None, kind="stable"):
        one, other = divmod(int(flat), iou.shape[1])
        if iou[one, other] >= MIN_IOU and free_truth[one] and free_found[other]:
            pairs.append((one, other))
            free_truth[one] = free_found[other] = False
    in_crowd = (iou[is_crowd] > 0).any(axis=0)
    pairs += [(int(one), -1) for one in np.flatnonzero(free_truth)]
    return pairs + [(-1, int(other)) for other in np.flatnonzero(free_found & ~in_crowd)]


def _boxes(each: Sequence[Any]) -> NDArray[np.float64]:  # Any: notes or rows
    """(N, 4) x1, y1, x2, y2."""
    boxes = np.array([item["bbox"] for item in each], np.float64).reshape(-1, 4)
    return np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]])
