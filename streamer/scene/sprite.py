"""A drawn thing, ready to be put into pictures at any place and nearby size."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

import cv2
import numpy as np
from numpy.typing import NDArray

OPAQUE = 128  # of 255: from here on a pixel belongs to the thing
_BASE_M = 0.3  # height of what counts as near the ground
BUCKETS_PPM = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)


class Sprite:
    """Premultiplied BGRA pixels with the place of the ground under them.

    Attributes:
        pixels: (H, W, 4) uint8, colours premultiplied, read-only.
        alpha: (H, W) uint8, their last channel, read-only.
        origin: (x, y) px of the point on the ground.
        ppm: px a metre.
        box: (x1, y1, x2, y2) px of the smallest box round all opaque pixels.
        base: the same round those near the ground.
    """

    __slots__ = ("alpha", "base", "box", "origin", "pixels", "ppm")

    def __init__(self, pixels: NDArray[np.uint8], origin: tuple[float, float], ppm: float) -> None:
        self.pixels = pixels
        self.alpha = np.ascontiguousarray(pixels[..., 3])
        self.origin = origin
        self.ppm = ppm
        self.box = _opaque_box(self.alpha)
        top = max(0, int(origin[1] - _BASE_M * ppm))
        x1, y1, x2, y2 = _opaque_box(self.alpha[top:])
        self.base = (x1, y1 + top, x2, y2 + top)
        self.pixels.setflags(write=False)
        self.alpha.setflags(write=False)

    @property
    def nbytes(self) -> int:
        """Memory of the pixels."""
        return self.pixels.nbytes + self.alpha.nbytes


class SpriteCache:
    """The sprites drawn last, within a bound of memory.

    Args:
        max_bytes: the oldest go when all together are larger.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._sprites: OrderedDict[Hashable, Sprite] = OrderedDict()

    def get(self, key: Hashable, draw: Callable[[], Sprite]) -> Sprite:
        """The sprite of `key`, drawn if it is not at hand."""
        if key in self._sprites:
            self._sprites.move_to_end(key)
            return self._sprites[key]
        sprite = self._sprites[key] = draw()
        self._bytes += sprite.nbytes
        while self._bytes > self._max_bytes and len(self._sprites) > 1:
            self._bytes -= self._sprites.popitem(last=False)[1].nbytes
        return sprite


def bucket_ppm(ppm: float) -> int:
    """The drawing size for a wanted size: the next larger of a few, so that drawings are reused."""
    return next((bucket for bucket in BUCKETS_PPM if bucket >= ppm), BUCKETS_PPM[-1])


def _opaque_box(alpha: NDArray[np.uint8]) -> tuple[float, float, float, float]:
    x, y, width, height = cv2.boundingRect((alpha >= OPAQUE).astype(np.uint8))
    return float(x), float(y), float(x + width), float(y + height)
