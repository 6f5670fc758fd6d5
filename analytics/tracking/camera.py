"""How far a moving camera has turned, from the pictures alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analytics.tracking.kalman import Floats

_SIDE_PX = 128  # the longer side looked at: a shift is found to a tenth of a pixel of this size
# A pure shift has a peak of 1. Noise alone reached 6.4 over the root of the number of pixels in
# 200 pairs; views that share three quarters stay above 0.4.
_LEAST_PEAK, _NOISE_PEAK = 0.1, 8.0
_MOST_SHARE = 0.4  # of a side; farther apart two pictures have too little in common

Grey = NDArray[np.uint8]  # (H, W) luma


class CameraShift:
    """Follows how the background shifts from picture to picture; for one stream and thread.

    Turning and tilting shift the whole picture; roll and zoom are not looked for. Where no shift is
    certain the camera is taken to stand still.

    Source: Kuglin and Hines 1975, The phase correlation image alignment method; the peak is
    refined by a parabola through its neighbours.
    """

    def __init__(self) -> None:
        self._before: NDArray[np.complex128] | None = None
        self._shape = (0, 0)
        self._x = self._y = 0.0  # of the first picture's width and height, so far

    def update(self, luma: Grey) -> tuple[float, float]:
        """Where this picture's origin lies on the first, as shares of width and height.

        Args:
            luma: of the picture; of another shape than before, the camera is taken to have stood.
        """
        small = _small(luma)
        spectrum = np.fft.rfft2((small - small.mean()) * _window(small.shape))
        if self._before is not None and small.shape == self._shape:
            x, y = _shift(self._before, spectrum, small.shape)
            self._x += x / small.shape[1]
            self._y += y / small.shape[0]
        self._before, self._shape = spectrum, small.shape
        return self._x, self._y


def camera_matrix(shift: tuple[float, float], size: tuple[int, int]) -> Floats:
    """(2, 3): takes a point of the picture, in px of the first one's `size`, to the first."""
    return np.array([[1.0, 0.0, shift[0] * size[0]], [0.0, 1.0, shift[1] * size[1]]])


def _small(luma: Grey) -> Floats:
    """Means of blocks, so that the longer side has about _SIDE_PX."""
    step = max(1, max(luma.shape) // _SIDE_PX)
    height, width = luma.shape[0] // step, luma.shape[1] // step
    blocks = luma[: height * step, : width * step].reshape(height, step, width, step)
    small: Floats = blocks.mean(axis=(1, 3))
    return small


def _window(shape: tuple[int, ...]) -> Floats:
    """Fades to the edges, which would otherwise be what stands still."""
    window: Floats = np.hanning(shape[0])[:, None] * np.hanning(shape[1])
    return window


def _shift(
    before: NDArray[np.complex128], after: NDArray[np.complex128], shape: tuple[int, ...]
) -> tuple[float, float]:
    """Px that the picture's origin moved over the scene, x and y; 0, 0 where nothing is certain."""
    cross = before * np.conj(after)
    surface = np.fft.irfft2(cross / np.maximum(np.abs(cross), 1e-12), shape)
    row, column = np.unravel_index(int(surface.argmax()), surface.shape)
    if surface[row, column] < max(_LEAST_PEAK, _NOISE_PEAK / np.sqrt(surface.size)):
        return 0.0, 0.0
    y = _refined(surface[:, column], int(row))
    x = _refined(surface[row], int(column))
    if abs(x) > _MOST_SHARE * shape[1] or abs(y) > _MOST_SHARE * shape[0]:
        return 0.0, 0.0
    return x, y


def _refined(line: Floats, peak: int) -> float:
    """The top of a parabola through a peak and its neighbours, on a line that closes on itself."""
    count = len(line)
    left, top, right = line[peak - 1], line[peak], line[(peak + 1) % count]
    bend = left - 2 * top + right
    part = 0.0 if bend >= 0 else float(0.5 * (left - right) / bend)
    place = peak + part
    return place - count if place > count / 2 else place
