"""What several looks at one picture found, as one set of boxes.

Source: Solovyev et al. 2019, Weighted Boxes Fusion, section 3; with their own scaling of scores:
a box that one look alone has found counts as much less as looks have missed it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detector.detections import BoxesXyxy, Detections

SAME = 0.6  # IoU from which two boxes of a class mean one object


def fuse(looks: Sequence[Detections], *, most: int) -> Detections:
    """The mean boxes, weighted by score, best first.

    Args:
        looks: of one picture, at least one.
        most: boxes, the best.
    """
    xyxy = np.concatenate([found.xyxy for found in looks])
    score = np.concatenate([found.score for found in looks])
    class_id = np.concatenate([found.class_id for found in looks])
    order = np.argsort(-score, kind="stable")
    sums, weights, classes = np.zeros((len(order), 4)), np.zeros(len(order)), class_id[order].copy()
    count = 0
    for row in order:
        mean = sums[:count] / weights[:count, None]
        overlap = np.where(classes[:count] == class_id[row], overlaps(xyxy[row], mean), 0)
        group = int(overlap.argmax()) if count else 0
        if not count or overlap[group] < SAME:
            group, count = count, count + 1
            classes[group] = class_id[row]
        sums[group] += score[row] * xyxy[row].astype(np.float64)
        weights[group] += score[row]
    shares = np.minimum(weights[:count] / len(looks), 1).astype(np.float32)
    best = np.argsort(-shares, kind="stable")[:most]
    means = (sums[best] / weights[best, None]).astype(np.float32)
    return Detections(means, shares[best], classes[best].astype(np.int32))


def overlaps(box: NDArray[np.floating], others: NDArray[np.floating]) -> NDArray[np.float64]:
    """IoU of one box (4,) with others (N, 4), (N,).

    >>> overlaps(np.array([0, 0, 2, 2]), np.array([[0, 0, 2, 2], [1, 0, 3, 2]])).round(2).tolist()
    [1.0, 0.33]
    """
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = np.clip(high - low, 0, None).prod(1)
    union = area(box[None]) + area(others) - shared
    return np.asarray(shared / np.maximum(union, 1e-9), np.float64)


def area(xyxy: BoxesXyxy | NDArray[np.floating]) -> NDArray[np.floating]:
    """Of boxes (N, 4), px squared; 0 for those that are turned inside out."""
    return np.asarray(np.clip(xyxy[:, 2:] - xyxy[:, :2], 0, None).prod(1))
