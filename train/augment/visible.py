"""The box of the part of an object that a window shows, from its outlines.

Source: the published CenterNet-HarDNet. The outlines become a mask of the source's pixels; where
runs of the mask's rows begin and end, and where the window's border lies on the mask, are the
points whose bounds are the box. Points up to 1 px outside the window count.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from train.data.mask import rasterise
from train.sample import Polygon

Box = NDArray[np.float32]  # (4,)


def mask_box(
    polygons: Sequence[Polygon],
    source_wh: tuple[int, int],
    matrix: NDArray[np.float64],
    window_wh: tuple[int, int],
    *,
    is_flipped: bool,
) -> Box:
    """The bounds (4,) of an object's mask in the window, px of the window; 0, 0, 0, 0 if none.

    Args:
        polygons: outlines in source px, before mirroring.
        source_wh: of the source picture, px.
        matrix: (2, 3), source px after mirroring to window px.
        window_wh: px.
        is_flipped: the source is mirrored before `matrix`.
    """
    mask, left, top = rasterise(polygons, source_wh)
    if is_flipped:
        mask = mask[:, ::-1]
        left = source_wh[0] - left - mask.shape[1]
    edges = _run_ends(mask) + np.array([left, top])
    points = edges @ matrix[:, :2].T + matrix[:, 2]
    limits = np.array(window_wh)
    points = points[((points >= -1) & (points < limits + 1)).all(axis=1)]
    points = np.concatenate([points, _border_points(mask, left, top, source_wh, matrix, limits)])
    if not len(points):
        return np.zeros(4, np.float32)
    return np.concatenate([points.min(axis=0), points.max(axis=0)]).astype(np.float32)


def _run_ends(mask: NDArray[np.uint8]) -> NDArray[np.int64]:
    """x, y (n, 2) of the first pixel of every run of a row, and of the first one after it."""
    height, width = mask.shape
    framed = np.zeros((height, width + 2), np.uint8)
    framed[:, 1:-1] = mask
    ys, xs = np.nonzero(framed[:, 1:] != framed[:, :-1])
    return np.stack([xs, ys], axis=1)


def _border_points(
    mask: NDArray[np.uint8],
    left: int,
    top: int,
    source_wh: tuple[int, int],
    matrix: NDArray[np.float64],
    window_wh: NDArray[np.int64],
) -> NDArray[np.float64]:
    """The pixels (n, 2) of the window's border that lie on the mask."""
    border = _border(int(window_wh[0]), int(window_wh[1]))
    back = cv2.invertAffineTransform(matrix)
    source = border @ back[:, :2].T + back[:, 2]
    in_picture = ((source >= 0) & (source < np.array(source_wh))).all(axis=1)
    cell = source[in_picture].astype(np.int64) - np.array([left, top])
    border = border[in_picture]
    in_mask = ((cell >= 0) & (cell < np.array(mask.shape[::-1]))).all(axis=1)
    cell, border = cell[in_mask], border[in_mask]
    on_mask: NDArray[np.float64] = border[mask[cell[:, 1], cell[:, 0]] == 1]
    return on_mask


def _border(width: int, height: int) -> NDArray[np.float64]:
    """x, y of the border's pixels."""
    xs, ys = np.arange(width, dtype=np.float64), np.arange(height, dtype=np.float64)
    sides = [(xs, 0 * xs), (xs, 0 * xs + height - 1), (0 * ys, ys), (0 * ys + width - 1, ys)]
    return np.concatenate([np.stack(side, axis=1) for side in sides])
