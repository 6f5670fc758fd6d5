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
    """The mask of run lengths that pycocotools made; those of a file go through `from_runs`."""
    with warnings.catch_warnings():
        # pycocotools 2.0.11 was made for numpy 1 here; the result is right. Goes when it is fixed.
        warnings.simplefilter("ignore", DeprecationWarning)
        mask: Mask = coco_mask.decode(runs)
    return mask


def from_runs(counts: object, size: tuple[int, int]) -> Mask:
    """The mask of COCO's run lengths, as a list of numbers or in its compressed spelling.

    pycocotools takes them at their word, and wrong ones end the process.

    Args:
        counts: alternately so many pixels without and with the object, column by column.
        size: width and height, px.

    Raises:
        ValueError: they are no such thing, or do not fill the picture.
    """
    runs = _spelt_out(counts) if isinstance(counts, str) else counts
    if not isinstance(runs, list) or not all(isinstance(run, int) and run >= 0 for run in runs):
        raise ValueError("expected run lengths of 0 and more")
    if sum(runs) != size[0] * size[1]:
        raise ValueError(f"run lengths of {sum(runs)} px in a picture of {size[0] * size[1]} px")
    flat = np.repeat(np.arange(len(runs), dtype=np.uint8) % 2, runs)
    return flat.reshape(size[0], size[1]).T


def _spelt_out(text: str) -> list[int]:
    """Run lengths from COCO's compressed spelling.

    A number is a row of characters, 5 bits each from the lowest, with a sixth bit where another
    follows; from the fourth number on, the one two places before has to be added.

    Raises:
        ValueError: the text ends inside a number, or has other characters.
    """
    runs: list[int] = []
    value, shift = 0, 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 60:
            raise ValueError(f"unexpected {character!r} in run lengths")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value, shift = 0, 0
    if shift:
        raise ValueError("run lengths end inside a number")
    return runs
