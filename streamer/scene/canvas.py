"""Drawing in metres with soft edges, on transparent ground."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.scene.colour import Bgr, lit
from streamer.scene.sprite import Sprite

Point = tuple[float, float]  # metres: right of the middle, above the ground
Points = Sequence[Point] | NDArray[np.float64]

_SHIFT = 4  # bits of a pixel's fraction in OpenCV's drawing calls
_OVERSAMPLE = 2  # drawn larger, then averaged: thin parts keep their share of a pixel
_ROUND = np.linspace(0, 2 * np.pi, 16, endpoint=False)
_LIGHT = (-0.25, 0.45)  # where the light comes from, in parts of a limb's radius


@dataclass(frozen=True, slots=True)
class Finish:
    """What is done to a drawing at last.

    Attributes:
        top: light on the upper edge.
        bottom: light on the lower edge.
        grain: standard deviation of the brightness from place to place, as of cloth and dirt.
        seed: of the grain.
    """

    top: float = 1.0
    bottom: float = 1.0
    grain: float = 0.0
    seed: int = 0

    def apply(self, pixels: NDArray[np.uint8]) -> None:
        """Change (H, W, 4) premultiplied pixels in place."""
        high, wide = pixels.shape[:2]
        rows = np.linspace(self.top, self.bottom, high, dtype=np.float32)
        gain = np.repeat(rows[:, None], wide, axis=1)
        if self.grain:
            rng = np.random.default_rng(self.seed)
            fine = rng.standard_normal((high // 2 + 1, wide // 2 + 1), np.float32)
            gain = gain * (1 + self.grain * cv2.resize(fine, (wide, high)))
        bright = cv2.multiply(pixels[..., :3], cv2.merge([gain] * 3), dtype=cv2.CV_8U)
        # A premultiplied colour above its alpha would glow through the edges.
        np.minimum(bright, pixels[..., 3:], out=pixels[..., :3])


PLAIN = Finish()


class Canvas:
    """A transparent sheet in metres, origin on the ground in the middle, y upwards.

    Colours are premultiplied: OpenCV's antialiased fill of BGRA on zeros is just the over operator.

    Args:
        half_m: to either side.
        top_m: above the ground.
        ppm: px a metre of the finished sprite.
    """

    def __init__(self, *, half_m: float, top_m: float, ppm: float) -> None:
        self._ppm = ppm * _OVERSAMPLE
        self._origin = (half_m * self._ppm, top_m * self._ppm)
        below = 0.12 * self._ppm  # room for soles and antialiasing
        wide = 2 * int(np.ceil(half_m * self._ppm))
        high = 2 * int(np.ceil((self._origin[1] + below) / 2))
        self._pixels = np.zeros((high, wide, 4), np.uint8)

    def polygon(self, points: Points, colour: Bgr) -> None:
        """Fill a simple outline; nothing where it has no area."""
        if len(points) < 3:
            return
        cv2.fillPoly(self._pixels, [self._px(points)], (*colour, 255), cv2.LINE_AA, _SHIFT)

    def line(self, points: Points, width_m: float, colour: Bgr) -> None:
        """Stroke a polyline of one width, at least a pixel."""
        thick = max(1, round(width_m * self._ppm))
        cv2.polylines(
            self._pixels,
            [self._px(points)],
            isClosed=False,
            color=(*colour, 255),
            thickness=thick,
            lineType=cv2.LINE_AA,
            shift=_SHIFT,
        )

    def ellipse(self, centre: Point, radii: Point, colour: Bgr, *, turn: float = 0.0) -> None:
        """Fill an ellipse, turned by `turn` radians against the clock."""
        self.polygon(ellipse_points(centre, radii, turn), colour)

    def ring(self, centre: Point, radius_m: float, width_m: float, colour: Bgr) -> None:
        """Stroke a circle."""
        points = ellipse_points(centre, (radius_m, radius_m), 0.0, 32)
        self.line(np.vstack([points, points[:1]]), width_m, colour)

    def limb(self, points: Sequence[Point], radii: Sequence[float], colour: Bgr) -> None:
        """Fill a chain of round, tapering parts with a lit side, as arms, legs and necks are."""
        for light, scale in ((0.74, 1.0), (1.0, 0.8), (1.12, 0.4)):
            off_x, off_y = (0.6 * (1 - scale) * part for part in _LIGHT)
            rounds = [
                ellipse_points((x + off_x * r, y + off_y * r), (r * scale, r * scale))
                for (x, y), r in zip(points, radii, strict=True)
            ]
            for ends in pairwise(rounds):
                self.polygon(hull(np.vstack(ends)), lit(colour, light))

    def sprite(self, finish: Finish = PLAIN) -> Sprite:
        """What was drawn, at the finished size, shaded and textured."""
        high, wide = self._pixels.shape[:2]
        size = (wide // _OVERSAMPLE, high // _OVERSAMPLE)
        small = cv2.resize(self._pixels, size, interpolation=cv2.INTER_AREA)
        finish.apply(small)
        origin = (self._origin[0] / _OVERSAMPLE, self._origin[1] / _OVERSAMPLE)
        return Sprite(small, origin, self._ppm / _OVERSAMPLE)

    def _px(self, points: Points) -> NDArray[np.int32]:
        xy = np.asarray(points, np.float64) * (self._ppm, -self._ppm) + self._origin
        return np.rint((xy - 0.5) * (1 << _SHIFT)).astype(np.int32)


def ellipse_points(
    centre: Point, radii: Point, turn: float = 0.0, count: int = 16
) -> NDArray[np.float64]:
    """(count, 2) points on an ellipse."""
    angles = _ROUND if count == len(_ROUND) else np.linspace(0, 2 * np.pi, count, endpoint=False)
    x, y = np.cos(angles) * radii[0], np.sin(angles) * radii[1]
    cos, sin = np.cos(turn), np.sin(turn)
    return np.stack([centre[0] + cos * x - sin * y, centre[1] + sin * x + cos * y], axis=1)


def hull(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(M, 2) convex hull of (N, 2) points."""
    found: NDArray[np.float32] = cv2.convexHull(points.astype(np.float32))
    return found.reshape(-1, 2).astype(np.float64)


def rounded(points: Points, rounds: int = 2) -> NDArray[np.float64]:
    """The closed outline with its corners cut off `rounds` times.

    Source: Chaikin 1974, An algorithm for high speed curve generation.
    """
    outline = np.asarray(points, np.float64)
    for _ in range(rounds):
        after = np.roll(outline, -1, axis=0)
        outline = np.stack([0.75 * outline + 0.25 * after, 0.25 * outline + 0.75 * after], axis=1)
        outline = outline.reshape(-1, 2)
    return outline


def between(points: Points, low: float, high: float) -> NDArray[np.float64]:
    """The part of a filled outline whose heights lie in low..high, maybe empty.

    Source: Sutherland and Hodgman 1974, Reentrant polygon clipping.
    """
    outline = np.asarray(points, np.float64)
    for sign, bound in ((1.0, low), (-1.0, -high)):
        outline = _above(outline, sign, bound)
    return outline


def _above(outline: NDArray[np.float64], sign: float, bound: float) -> NDArray[np.float64]:
    kept: list[NDArray[np.float64]] = []
    for one, two in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        gap_one, gap_two = sign * one[1] - bound, sign * two[1] - bound
        if gap_one >= 0:
            kept.append(one)
        if (gap_one >= 0) != (gap_two >= 0):
            kept.append(one + (two - one) * gap_one / (gap_one - gap_two))
    return np.array(kept).reshape(-1, 2)
