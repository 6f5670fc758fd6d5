"""A picture made smaller before it becomes blue, green and red: fewer pixels to convert."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.colour import FRACTION_BITS, ColourMatrix, colour_matrix
from streamer.picture import BgrArray, Picture, PlaneArray
from streamer.samples import Samples, samples_of

# Source px a scaled px, from where on scaling three planes is less work than converting first.
# Milliseconds in that order and the other, for 416x234 out of 426x240: 0.28, 0.18; 640x360: 0.32,
# 0.36; 768x432: 0.36, 0.43; 1280x720: 0.54, 0.71.
_WORTH_IT = 2


def scaled_pixels(pixels: BgrArray, width: int, height: int) -> Sequence[PlaneArray]:
    """Blue, green and red of (H, W, 3) in another size, each (height, width) uint8.

    Bilinear, pixels being squares and none averaged, as the published code scales.
    """
    return _split(_resized(pixels, width, height))


def scaled_picture(picture: Picture, width: int, height: int) -> Sequence[PlaneArray]:
    """As `scaled_pixels` of the picture's BGR.

    What a decoder has left as YUV is scaled by planes and converted after that, where that is less
    work. The outcome then is half a level off on average and up to three where colours change
    slowly; at their edges more, for chroma is interpolated and not repeated.

    Args:
        picture: of any size.
        width: px, at least 1.
        height: px, at least 1.
    """
    if picture.width * picture.height >= _WORTH_IT * width * height:
        samples = samples_of(picture)
        matrix = _matrix_of(samples)
        yuv = None if matrix is None else _scaled_yuv(samples, width, height)
        if matrix is not None and yuv is not None:
            return _split(cv2.transform(yuv, _affine(matrix)))
    return scaled_pixels(picture.bgr(), width, height)


def _matrix_of(samples: Samples) -> ColourMatrix | None:
    """What makes them blue, green and red, or None where they are that or of another kind.

    None for an odd width, too: the last chroma sample then reaches beyond the picture.
    """
    if not samples.is_yuv or samples.width % 2 or samples.height % 2:
        return None
    return colour_matrix(samples.matrix, is_full_range=samples.is_full_range)


def _scaled_yuv(samples: Samples, width: int, height: int) -> NDArray[np.uint8] | None:
    """(height, width, 3), or None where the samples are not on the host."""
    scaled = []
    owners = [component.plane for component in samples.components]
    for index, plane in enumerate(samples.planes):
        if not isinstance(plane, np.ndarray):
            return None
        together = owners.count(index)  # I420 has a plane for each, in NV12 the second has two
        pixels = plane if together == 1 else plane.reshape(len(plane), -1, together)
        scaled.append(_resized(pixels, width, height))
    merged: NDArray[np.uint8] = np.asarray(cv2.merge(scaled), np.uint8)
    return merged


def _affine(matrix: ColourMatrix) -> NDArray[np.float32]:
    """(3, 4): weights of Y, U and V, and what is added.

    Half a level is lost, on average, by each product that is no whole number: it is rounded down.
    """
    one = 1 << FRACTION_BITS
    rows = []
    for k in range(0, 9, 3):
        weights = [weight / one for weight in matrix.weights[k : k + 3]]
        lost = sum(weight % 1 > 0 for weight in weights) / 2
        zero = sum(weight * zero for weight, zero in zip(weights, matrix.zeros, strict=True))
        rows.append([*weights, -zero - lost])
    return np.array(rows, np.float32)


def _resized(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    scaled: NDArray[np.uint8] = np.asarray(
        cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8
    )
    return scaled


def _split(pixels: cv2.typing.MatLike) -> Sequence[PlaneArray]:
    return [np.asarray(plane, np.uint8) for plane in cv2.split(pixels)]
