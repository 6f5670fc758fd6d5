"""What annotations are put on: BGR pixels, planes on their way to an encoder, or nothing at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sinks.palette import Bgr
from streamer.picture import BgrArray, Colour, PlaneArray

CoverageArray = NDArray[np.uint8]  # (h, w) of a text: 0 background, 255 ink; h and w even
Stamp = tuple[NDArray[np.uint8], ...]  # a coloured text, one array a plane
Value = int | Bgr | tuple[int, int, int, int]  # what fills a plane: one component, or all

# ITU-T H.273 table 4: matrix code -> (Kr, Kb). What says nothing is read as BT.601, as players do.
_LUMA_WEIGHTS = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
    10: (0.2627, 0.0593),
}
_BT601_WEIGHTS = (0.299, 0.114)

_OPAQUE = 255
_FIXED_BITS = 3  # an eighth of a pixel: strokes that move do not jump
_FIXED = 1 << _FIXED_BITS


@dataclass(frozen=True, slots=True, eq=False)
class _Plane:
    pixels: NDArray[np.uint8]  # writable
    step: int  # picture pixels a plane pixel, across and down


class Canvas:
    """A picture to draw on. All positions are even, so that colour never bleeds beyond a shape.

    Attributes:
        width: px that can be drawn on, even.
        height: px, even.
        encoding: equal for canvases that share their stamps.
    """

    def __init__(self, planes: Sequence[_Plane], encoding: object) -> None:
        self.height, self.width = (size & ~1 for size in planes[0].pixels.shape[:2])
        self.encoding = encoding
        self._planes = planes

    def values(self, colour: Bgr) -> Sequence[Value]:
        """`colour` as one value a plane."""
        raise NotImplementedError

    def fill(self, left: int, top: int, right: int, bottom: int, values: Sequence[Value]) -> None:
        """Fill the even half-open rectangle; it must lie inside the picture."""
        for plane, value in zip(self._planes, values, strict=True):
            step = plane.step
            plane.pixels[top // step : bottom // step, left // step : right // step] = value

    def frame(
        self, left: int, top: int, right: int, bottom: int, line: int, values: Sequence[Value]
    ) -> None:
        """Draw the outline of a rectangle with lines of `line` px inside it; all even."""
        for plane, value in zip(self._planes, values, strict=True):
            step = plane.step
            x1, x2, y1, y2 = left // step, right // step, top // step, bottom // step
            across, down = min(line // step, x2 - x1), min(line // step, y2 - y1)
            area = plane.pixels[y1:y2, x1:x2]
            area[:down] = value
            area[-down:] = value
            area[:, :across] = value
            area[:, -across:] = value

    def polyline(self, path: NDArray[np.float64], line: int, values: Sequence[Value]) -> None:
        """Draw straight strokes of `line` px from point to point.

        Args:
            path: (N, 2) px, index convention, also outside the picture; N may be 0.
            line: px, even.
            values: of `values`.
        """
        if len(path) < 2 or not np.isfinite(path).all():
            return
        reach = 4 * max(self.width, self.height)  # farther away a fixed-point number overflows
        inside = np.clip(path, -reach, reach)
        for plane, value in zip(self._planes, values, strict=True):
            fixed = np.rint(inside / plane.step * _FIXED).astype(np.int32)
            thickness = max(1, line // plane.step)
            pixels = plane.pixels[: self.height // plane.step, : self.width // plane.step]
            cv2.polylines(pixels, [fixed], False, value, thickness, cv2.LINE_8, _FIXED_BITS)  # noqa: FBT003 - OpenCV takes it by place

    def stamp(self, coverage: CoverageArray, ink: Bgr, ground: Bgr) -> Stamp:
        """A text in `ink` on `ground`, ready for `put` on any canvas of this encoding."""
        stamps = []
        pairs = zip(self._planes, self.values(ink), self.values(ground), strict=True)
        for plane, above, below in pairs:
            share = _shrink(coverage, plane.step).astype(np.float32) / 255
            if plane.pixels.ndim == 3:
                share = share[:, :, None]
            over, under = np.asarray(above, np.float32), np.asarray(below, np.float32)
            stamps.append(np.rint(under + share * (over - under)).astype(np.uint8))
        return tuple(stamps)

    def put(self, stamp: Stamp, left: int, top: int) -> None:
        """Paste `stamp` with its corner at an even position; it must fit."""
        for plane, pixels in zip(self._planes, stamp, strict=True):
            x, y = left // plane.step, top // plane.step
            height, width = pixels.shape[:2]
            plane.pixels[y : y + height, x : x + width] = pixels


class BgrCanvas(Canvas):
    """Draws on BGR pixels.

    Args:
        pixels: (H, W, 3) uint8, writable; drawn on in place.
    """

    def __init__(self, pixels: BgrArray) -> None:
        super().__init__([_Plane(pixels, 1)], encoding="bgr")

    def values(self, colour: Bgr) -> Sequence[Value]:
        """`colour` itself, for the one plane."""
        return (colour,)


class I420Canvas(Canvas):
    """Draws on 4:2:0 planes of limited range.

    Args:
        y: (H, W) uint8, writable, even sizes; drawn on in place.
        u: (H / 2, W / 2) uint8, writable.
        v: as u.
        colour: what the samples mean, so that a red box is red in BT.601 and BT.709 alike.
    """

    def __init__(self, y: PlaneArray, u: PlaneArray, v: PlaneArray, colour: Colour) -> None:
        self._weights = _LUMA_WEIGHTS.get(colour.matrix, _BT601_WEIGHTS)
        planes = [_Plane(y, 1), _Plane(u, 2), _Plane(v, 2)]
        super().__init__(planes, encoding=self._weights)

    def values(self, colour: Bgr) -> Sequence[Value]:
        """`colour` as limited-range Y, U and V.

        Source: ITU-T H.273, equations for Y, Cb and Cr with the constants Kr and Kb, 8 bits.
        """
        red_weight, blue_weight = self._weights
        blue, green, red = (value / 255 for value in colour)
        luma = red_weight * red + (1 - red_weight - blue_weight) * green + blue_weight * blue
        u = (blue - luma) / (2 * (1 - blue_weight))
        v = (red - luma) / (2 * (1 - red_weight))
        return round(16 + 219 * luma), round(128 + 224 * u), round(128 + 224 * v)


class YuvaCanvas(I420Canvas):
    """Draws on planes of limited range with alpha: what is drawn becomes opaque.

    Args:
        y: (H, W) uint8, writable, even sizes; drawn on in place.
        u: (H / 2, W / 2) for 4:2:0 or (H, W) for 4:4:4, uint8, writable.
        v: as u.
        alpha: (H, W) uint8, writable, 0 where nothing is drawn yet.
        colour: what the samples mean.
    """

    def __init__(
        self, y: PlaneArray, u: PlaneArray, v: PlaneArray, alpha: PlaneArray, colour: Colour
    ) -> None:
        super().__init__(y, u, v, colour)
        step = y.shape[1] // u.shape[1]
        self._planes = [_Plane(y, 1), _Plane(u, step), _Plane(v, step), _Plane(alpha, 1)]
        self.encoding = ("alpha", step, self._weights)

    def values(self, colour: Bgr) -> Sequence[Value]:
        """`colour` as limited-range Y, U and V, and opaque."""
        return *super().values(colour), _OPAQUE


class BgraCanvas(Canvas):
    """Draws on BGR pixels with alpha: what is drawn becomes opaque.

    Args:
        pixels: (H, W, 4) uint8, writable, all 0 where nothing is drawn yet; drawn on in place.
    """

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        super().__init__([_Plane(pixels, 1)], encoding="bgra")

    def values(self, colour: Bgr) -> Sequence[Value]:
        """`colour` and opaque, for the one plane."""
        return ((*colour, _OPAQUE),)


def _shrink(coverage: CoverageArray, step: int) -> CoverageArray:
    if step == 1:
        return coverage
    height, width = coverage.shape
    size = (width // step, height // step)
    smaller: CoverageArray = cv2.resize(coverage, size, interpolation=cv2.INTER_AREA)
    return smaller
