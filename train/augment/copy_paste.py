"""Objects of one picture cut out along their outlines and put on another.

Source: Ghiasi et al. 2021, Simple Copy-Paste is a Strong Data Augmentation Method, section 3;
edges are not blended, for it found no gain in that.
"""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from train.augment.config import CopyPasteConfig
from train.sample import Polygons, Sample, joined

Mask = NDArray[np.uint8]  # (H, W), 255 where covered

SMALLEST_PX = 4.0  # a pasted object with a shorter side is a speck
LEFT_SHARE = 0.1  # an object of which less is left to be seen is no longer there
BOX_SHARE = 0.3  # the same for one without an outline, where most of the box may be background
_FRACTION_BITS = 4


def copy_paste(
    onto: Sample, donor: Sample, rng: np.random.Generator, config: CopyPasteConfig
) -> Sample:
    """Some objects of the donor on top of the other sample; both have the same size.

    What they hide is hidden: boxes beneath shrink to what is left to be seen, or go.
    """
    chosen = _choose(donor, rng, config)
    if not chosen.any():
        return onto
    pasted = donor.select(chosen)
    mask = np.zeros(onto.picture.shape[:2], np.uint8)
    for outlines in pasted.polygons:
        _fill(mask, outlines, (0, 0))
    picture = onto.picture.copy()
    cv2.copyTo(donor.picture, mask, picture)
    return joined(picture, [_hidden(onto, mask), pasted])


def _choose(donor: Sample, rng: np.random.Generator, config: CopyPasteConfig) -> NDArray[np.bool_]:
    visible = donor.visible()
    sides = (visible[:, 2:] - visible[:, :2]).min(axis=1, initial=np.inf)
    has_outline = np.array([len(each) > 0 for each in donor.polygons], np.bool_)
    able = np.flatnonzero(has_outline & ~donor.is_crowd & (sides >= SMALLEST_PX))
    count = int(rng.integers(1, config.most + 1))
    chosen = np.zeros(len(donor), np.bool_)
    chosen[rng.permutation(able)[:count]] = True
    return chosen


def _hidden(sample: Sample, mask: Mask) -> Sample:
    """The sample's labels under the mask."""
    visible = sample.visible().copy()
    keep = np.ones(len(sample), np.bool_)
    for row, outlines in enumerate(sample.polygons):
        left, top = (math.floor(value) for value in visible[row, :2])
        right, bottom = (math.ceil(value) for value in visible[row, 2:])
        over = mask[top:bottom, left:right]
        if not over.any():
            continue
        if not outlines:
            keep[row] = float((over == 0).mean()) >= BOX_SHARE
            continue
        own = np.zeros(over.shape, np.uint8)
        _fill(own, outlines, (left, top))
        rest = own & ~over
        keep[row] = cv2.countNonZero(rest) >= LEFT_SHARE * cv2.countNonZero(own)
        if keep[row]:
            x, y, width, height = cv2.boundingRect(rest)
            bounds = np.array([x, y, x + width, y + height]) + np.array([left, top] * 2)
            # A pixel of the mask may reach over the box by its rounding.
            visible[row, :2] = np.maximum(visible[row, :2], bounds[:2])
            visible[row, 2:] = np.minimum(visible[row, 2:], bounds[2:])
    return replace(sample, visible_xyxy=visible).select(keep)


def _fill(mask: Mask, outlines: Polygons, origin: tuple[int, int]) -> None:
    """Draw outlines on a mask whose first pixel is at `origin`."""
    scale = 1 << _FRACTION_BITS
    # OpenCV counts pixels by their middles.
    moved = [outline - (origin[0] + 0.5, origin[1] + 0.5) for outline in outlines]
    points = [np.round(outline * scale).astype(np.int32) for outline in moved]
    for each in points:  # one at a time: together, where two overlap they cancel
        cv2.fillPoly(mask, [each], 255, lineType=cv2.LINE_8, shift=_FRACTION_BITS)
