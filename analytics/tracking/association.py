"""Which box continues which track: overlaps as matrices, and the best assignment."""

from __future__ import annotations

import lap
import numpy as np
from numpy.typing import NDArray

from analytics.tracking.kalman import Floats, Rows
from detector.overlap import iou_matrix

Pairs = tuple[Rows, Rows]

# From here on two boxes are one object, whatever the detector calls it: the same on one picture,
# and on the next one where the track is expected and no box of its own class is.
SAME_PLACE_IOU = 0.85
SAME_OBJECT_IOU = 0.5

_AT_ONCE = 256  # boxes compared with all others: bounds the memory that thousands take


def second_names(xyxy: Floats, class_id: NDArray[np.int32]) -> NDArray[np.bool_]:
    """(N,) which boxes are at the place of a better one of another class: one object, two names.

    Args:
        xyxy: (N, 4), the best first.
        class_id: (N,).
    """
    second = np.zeros(len(xyxy), np.bool_)
    if len(np.unique(class_id)) < 2:
        return second
    number = np.arange(len(xyxy))
    for start in range(0, len(xyxy), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        same = iou_matrix(xyxy[some], xyxy) >= SAME_PLACE_IOU
        same &= (class_id[some, None] != class_id) & (number[some, None] > number)
        second[some] = same.any(axis=1)
    return second


def assign(gain: Floats) -> Pairs:
    """The one-to-one pairs whose gains sum to the most; a pair without gain is never made.

    Args:
        gain: (A, B), finite; what a pair is worth beyond leaving both alone, so a cost with a
            limit enters as limit minus cost.

    Returns:
        Rows and columns of the pairs, (M,) each, every row and column at most once.

    Source: Jonker and Volgenant 1987, by lapx. Clipped at 0 and padded to a square, the full
    assignment it finds holds the best partial one; the rest of its pairs gain nothing.

    >>> rows, columns = assign(np.array([[0.9, 0.8], [0.7, -0.1]]))
    >>> rows.tolist(), columns.tolist()
    ([0, 1], [1, 0])
    """
    possible = gain > 0
    by_row, by_column = possible.sum(axis=1), possible.sum(axis=0)
    if gain.size == 0 or (by_row.max() <= 1 and by_column.max() <= 1):
        rows, columns = np.nonzero(possible)
        return rows, columns
    sure = possible & (by_row == 1)[:, None] & (by_column == 1)
    sure_rows, sure_columns = np.nonzero(sure)
    by_row[sure_rows] = 0
    by_column[sure_columns] = 0
    rows, columns = np.nonzero(by_row)[0], np.nonzero(by_column)[0]
    contested = np.maximum(gain[np.ix_(rows, columns)], 0)
    chosen = lap.lapjv(-contested, extend_cost=True, return_cost=False)[0]
    paired = np.nonzero(chosen >= 0)[0]
    paired = paired[contested[paired, chosen[paired]] > 0]
    return (
        np.concatenate([sure_rows, rows[paired]]),
        np.concatenate([sure_columns, columns[chosen[paired]]]),
    )


def overlap_gain(first: Floats, second: Floats, min_iou: float) -> Floats:
    """The overlaps of at least `min_iou`, (A, B); 0 elsewhere."""
    overlap = iou_matrix(first, second)
    overlap[overlap < min_iou] = 0
    return overlap
