"""Which pixels an object covers, by COCO's own rule for outlines and run lengths."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from train.sample import Polygon

Mask = NDArray[np.uint8]  # (H, W), 1 where the object is


def rasterise(polygons: Sequence[Polygon], source_wh: tuple[int, int]) -> tuple[Mask, int, int]:
    """The mask of outlines, cropped, and x, y of its first pixel in the picture.

    COCO's rule does not change when outlines move by whole pixels, so only the part of the
    picture that holds them is drawn.

    Args:
        polygons: one or more, px of the picture.
        source_wh: of the picture, px.
    """
    # Label files have 2 decimals; float32 does not, and COCO's rule rounds.
    exact = [np.round(outline.astype(np.float64), 3) for outline in polygons]
    points = np.concatenate(exact)
    low, high = points.min(axis=0), points.max(axis=0)
    left, top = (max(0, math.floor(value) - 1) for value in low)
    right = min(source_wh[0], math.ceil(high[0]) + 2)
    bottom = min(source_wh[1], math.ceil(high[1]) + 2)
    if right <= left or bottom <= top:
        return np.zeros((1, 1), np.uint8), 0, 0
    shifted = [(outline - (left, top)).reshape(-1).tolist() for outline in exact]
    runs = coco_mask.frPyObjects(shifted, bottom - top, right - left)
    return expand(coco_mask.merge(runs)), left, top


def expand(runs: object) -> Mask:
    """The mask of run lengths as pycocotools has them.

    Raises:
        TypeError, ValueError, KeyError: they are none.
    """
    with warnings.catch_warnings():
        # pycocotools 2.0.11 was made for numpy 1 here; the result is right. Goes when it is fixed.
        warnings.simplefilter("ignore", DeprecationWarning)
        mask: Mask = coco_mask.decode(runs)
    return mask
