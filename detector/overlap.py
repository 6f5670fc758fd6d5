"""How much boxes overlap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def iou_matrix(first: NDArray[np.floating], second: NDArray[np.floating]) -> NDArray[np.float64]:
    """Intersection over union of each pair, in 0..1.

    Args:
        first: (A, 4) x1, y1, x2, y2; x1 <= x2 and y1 <= y2.
        second: (B, 4) likewise.

    Returns:
        (A, B); 0 where neither box has an area.

    >>> iou_matrix(np.array([[0.0, 0, 10, 10]]), np.array([[5.0, 0, 15, 10], [20, 0, 30, 10]]))
    array([[0.33333333, 0.        ]])
    """
    a = np.asarray(first, np.float64).T[:, :, None]
    b = np.asarray(second, np.float64).T[:, None, :]
    width = np.minimum(a[2], b[2]) - np.maximum(a[0], b[0])
    height = np.minimum(a[3], b[3]) - np.maximum(a[1], b[1])
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return np.asarray(shared / np.maximum(union, np.finfo(np.float64).tiny))
