"""The pixels of one frame: kept as the source gave them, handed out as asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

BgrArray = NDArray[np.uint8]  # (H, W, 3), blue first, 0..255, read-only when given away
PlaneArray = NDArray[np.uint8]  # (H, W), one component

UNSPECIFIED = 2  # ITU-T H.273: the code that says nothing
BT601 = 6  # ITU-T H.273 table 4, SMPTE 170M


@dataclass(frozen=True, slots=True)
class Colour:
    """How YUV samples mean colours, as ITU-T H.273 code points; the range is always limited."""

    matrix: int = UNSPECIFIED
    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED


@dataclass(frozen=True, slots=True, eq=False)
class I420:
    """A picture as 4:2:0 planes of limited range.

    Attributes:
        y: (H', W') uint8, where H' and W' are height and width rounded up to even by repeating the
            last row or column: 4:2:0 cannot hold an odd size.
        u: (H' / 2, W' / 2) uint8.
        v: as u.
        width: of the picture, px, at most W'.
        height: of the picture, px, at most H'.
        colour: what the samples mean.
    """

    y: PlaneArray
    u: PlaneArray
    v: PlaneArray
    width: int
    height: int
    colour: Colour


class Picture(Protocol):
    """What a source gives: upright, of known size, convertible from any thread."""

    @property
    def width(self) -> int:
        """Px, upright."""
        ...

    @property
    def height(self) -> int:
        """Px, upright."""
        ...

    def bgr(self) -> BgrArray:
        """The picture as (H, W, 3) uint8 BGR, read-only, converted once."""
        ...

    def i420(self) -> I420:
        """The picture as 4:2:0 planes, read-only."""
        ...


class BgrPicture:
    """A picture that was born as BGR: an image file, a drawing, most webcams.

    Takes the array over: it becomes read-only.

    Raises:
        ValueError: the array is not (H, W, 3) uint8 with at least one pixel.
    """

    def __init__(self, pixels: BgrArray) -> None:
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or not pixels.size:
            raise ValueError(
                f"expected (H, W, 3) uint8 pixels, got {pixels.shape} {pixels.dtype}; "
                "convert in the source"
            )
        pixels.setflags(write=False)
        self._pixels = pixels

    @property
    def width(self) -> int:
        """Px."""
        return int(self._pixels.shape[1])

    @property
    def height(self) -> int:
        """Px."""
        return int(self._pixels.shape[0])

    def bgr(self) -> BgrArray:
        """The array itself, read-only."""
        return self._pixels

    def i420(self) -> I420:
        """The picture as BT.601 4:2:0 planes, read-only, converted at every call."""
        return bgr_to_i420(self._pixels)


def bgr_to_i420(pixels: BgrArray) -> I420:
    """BGR pixels as limited-range BT.601 planes, read-only.

    Args:
        pixels: (H, W, 3) uint8.
    """
    height, width = pixels.shape[:2]
    if height % 2 or width % 2:
        pixels = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    packed = cv2.cvtColor(pixels, cv2.COLOR_BGR2YUV_I420)  # (1.5 H', W')
    packed.setflags(write=False)
    even_height, even_width = pixels.shape[:2]
    flat = packed.reshape(-1)
    luma = even_height * even_width
    chroma = luma // 4
    shape = (even_height // 2, even_width // 2)
    return I420(
        y=flat[:luma].reshape(even_height, even_width),
        u=flat[luma : luma + chroma].reshape(shape),
        v=flat[luma + chroma : luma + 2 * chroma].reshape(shape),
        width=width,
        height=height,
        colour=Colour(matrix=BT601, primaries=BT601, transfer=BT601),
    )
