"""Brightness, contrast, saturation and lighting, all as one matrix.

Each of the four is linear in a pixel's colour, so a chain of them is a 3 x 4 matrix, applied once.

Source: the published CenterNet; the principal axes of COCO's colours are its figures.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.picture import BgrArray
from train.augment.config import ColourConfig

ColourMatrix = NDArray[np.float64]  # (3, 4): bgr' = matrix @ (b, g, r, 1), colours in 0..1

BRIGHTNESS, CONTRAST, SATURATION = range(3)  # what ColourDraw.order is about

_GREY = np.array([0.114, 0.587, 0.299])  # ITU-R BT.601 luma of blue, green, red
_AXES = np.array(  # principal axes of COCO's colours, a column each
    [
        [-0.58752847, -0.69563484, 0.41340352],
        [-0.5832747, 0.00994535, -0.81221408],
        [-0.56089297, 0.71832671, 0.41158938],
    ]
)
_SPREAD = np.array([0.2141788, 0.01817699, 0.00341571])  # along each axis


@dataclass(frozen=True, slots=True, eq=False)
class ColourDraw:
    """What was drawn for one picture.

    Attributes:
        order: of brightness (0), contrast (1) and saturation (2).
        factor: of each in that order.
        lighting: (3,), along each principal axis.
    """

    order: tuple[int, int, int]
    factor: tuple[float, float, float]
    lighting: NDArray[np.float64]

    @classmethod
    def draw(cls, rng: np.random.Generator, config: ColourConfig) -> ColourDraw:
        """By chance."""
        first, second, third = (int(each) for each in rng.permutation(3))
        one, two, three = 1 + rng.uniform(-config.strength, config.strength, 3)
        lighting = rng.normal(scale=config.lighting, size=3)
        return cls((first, second, third), (float(one), float(two), float(three)), lighting)

    def matrix(self, grey_mean: float) -> ColourMatrix:
        """All of it as one matrix.

        Args:
            grey_mean: of the picture, 0..1; contrast is against it.
        """
        linear, offset = np.eye(3), np.zeros(3)
        for what, factor in zip(self.order, self.factor, strict=True):
            linear, offset = linear * factor, offset * factor
            if what == CONTRAST:
                offset = offset + (1 - factor) * grey_mean
            if what == SATURATION:  # the grey is that of the picture before any change
                linear = linear + (1 - factor) * _GREY
        offset = offset + _AXES @ (_SPREAD * self.lighting)
        return np.column_stack([linear, offset])


def recolour(picture: BgrArray, draw: ColourDraw) -> BgrArray:
    """The picture with other colours, rounded and cut to 0..255.

    The published code goes on with the unrounded values; see `ColourDraw.matrix` for those.
    """
    matrix = draw.matrix(grey_mean(picture))
    matrix[:, 3] *= 255
    changed: BgrArray = cv2.transform(picture, matrix)
    return changed


def grey_mean(picture: BgrArray) -> float:
    """Of the whole picture, 0..1."""
    return float(np.dot(_GREY, cv2.mean(picture)[:3])) / 255
