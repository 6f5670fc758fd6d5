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

from train.data.mask import Mask, rasterise
from train.sample import Polygon

Box = NDArray[np.float32]  # (4,)
Cells = NDArray[np.int64]  # (n, 2): x, y of pixels
Points = NDArray[np.float64]  # (n, 2)


class Window:
    """What part of one picture the network's input shows.

    Args:
        matrix: (2, 3), source px after mirroring to window px.
        window_wh: px.
        source_wh: of the source picture, px.
        is_flipped: the source is mirrored before `matrix`.
    """

    def __init__(
        self,
        matrix: NDArray[np.float64],
        window_wh: tuple[int, int],
        source_wh: tuple[int, int],
        *,
        is_flipped: bool,
    ) -> None:
        self._matrix = matrix
        self._window = np.array(window_wh)
        self._source_wh = source_wh
        self._is_flipped = is_flipped
        back = cv2.invertAffineTransform(matrix)
        border = _border(*window_wh)
        source = _moved(border, back)
        inside = ((source >= 0) & (source < np.array(source_wh))).all(axis=1)
        self._border = border[inside]
        self._border_cells: Cells = source[inside].astype(np.int64)
        corners = np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]]) * (self._window / 2 + 1)
        reach = _moved(corners + self._window / 2, back)
        self._first = np.floor(reach.min(axis=0)).astype(int)
        self._end = np.ceil(reach.max(axis=0)).astype(int) + 1

    def box(self, polygons: Sequence[Polygon]) -> Box:
        """The bounds (4,) of an object in the window, px of the window; 0, 0, 0, 0 if none.

        Args:
            polygons: outlines in source px, before mirroring.
        """
        mask, left, top = rasterise(polygons, self._source_wh)
        if self._is_flipped:
            mask = mask[:, ::-1]
            left = self._source_wh[0] - left - mask.shape[1]
        corner = np.array([left, top])
        points = _moved(self._run_ends(mask, corner), self._matrix)
        points = points[((points >= -1) & (points < self._window + 1)).all(axis=1)]
        points = np.concatenate([points, self._on_border(mask, corner)])
        if not len(points):
            return np.zeros(4, np.float32)
        return np.concatenate([points.min(axis=0), points.max(axis=0)]).astype(np.float32)

    def _run_ends(self, mask: Mask, corner: NDArray[np.int64]) -> Cells:
        """x, y of the first pixel of every run of a row, and of the first after it, near us."""
        height, width = mask.shape
        framed = np.zeros((height, width + 2), np.uint8)
        framed[:, 1:-1] = mask
        x1, y1 = np.maximum(self._first - corner, 0)
        x2, y2 = np.maximum(self._end - corner, 0)
        near = framed[y1:y2, x1 : x2 + 1]  # one more to the left, to see a run begin
        ys, xs = np.nonzero(near[:, 1:] != near[:, :-1])
        ends: Cells = np.column_stack([xs + x1, ys + y1]) + corner
        return ends

    def _on_border(self, mask: Mask, corner: NDArray[np.int64]) -> Points:
        """The pixels of the window's border that lie on the mask."""
        x, y = (self._border_cells - corner).T
        inside = (x >= 0) & (x < mask.shape[1]) & (y >= 0) & (y < mask.shape[0])
        inside[inside] = mask[y[inside], x[inside]] == 1
        on_mask: Points = self._border[inside]
        return on_mask


def _moved(points: Cells | Points, matrix: NDArray[np.float64]) -> Points:
    moved: Points = points @ matrix[:, :2].T + matrix[:, 2]
    return moved


def _border(width: int, height: int) -> Points:
    """x, y of the border's pixels."""
    xs, ys = np.arange(width, dtype=np.float64), np.arange(height, dtype=np.float64)
    sides = [(xs, 0 * xs), (xs, 0 * xs + height - 1), (0 * ys, ys), (0 * ys + width - 1, ys)]
    return np.concatenate([np.column_stack(side) for side in sides])
