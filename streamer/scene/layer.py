"""One drawn thing at its place in the picture, and how layers come together."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.scene.sprite import Sprite

Box = tuple[float, float, float, float]  # x1, y1, x2, y2 px
Affine = NDArray[np.float64]  # (2, 3), continuous source px to continuous picture px


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One thing as it stands in the picture, parts outside it included.

    Attributes:
        left: column of its pixels, may be negative.
        top: row, may be negative.
        pixels: (H, W, 4) uint8 premultiplied BGRA.
        foot_px: row where it stands; who stands lower is nearer.
        box: (x1, y1, x2, y2) px round all of it, not clipped.
    """

    left: int
    top: int
    pixels: NDArray[np.uint8]
    foot_px: float
    box: Box


@dataclass(frozen=True, slots=True)
class Stand:
    """Where and how a sprite is put.

    Attributes:
        x: column of the point on the ground, px.
        y: row of it, px.
        ppm: px a metre wanted.
        is_mirrored: looks left.
        smear_px: columns it moves while the shutter is open.
    """

    x: float
    y: float
    ppm: float
    is_mirrored: bool = False
    smear_px: float = 0.0


def place(sprite: Sprite, stand: Stand) -> Layer:
    """The sprite at its place and size."""
    matrix = _stand_matrix(sprite, stand)
    smear = 2 * round(stand.smear_px / 2) + 1  # odd, so that the middle stays
    pixels, left, top = _warp(sprite.pixels, matrix, smear)
    if smear > 1:
        pixels = cv2.blur(pixels, (smear, 1), borderType=cv2.BORDER_CONSTANT)
    return Layer(left, top, pixels, stand.y, _moved(sprite.box, sprite, stand))


def cast_shadow(
    shade: NDArray[np.uint8], sprite: Sprite, stand: Stand, *, slant: float, flat: float
) -> None:
    """Lay the sprite's shadow on the ground of `shade`, the darker of both where shadows meet.

    Args:
        shade: (H, W) uint8, 0 where the light comes through, changed in place.
        sprite: what stands in the light.
        stand: where.
        slant: columns the shadow leans right for each row of height.
        flat: rows it goes up the picture for each row of height; below 0 towards the camera.
    """
    matrix = _stand_matrix(sprite, stand)
    lean = np.array([[1, -slant, slant * stand.y], [0, flat, (1 - flat) * stand.y], [0, 0, 1]])
    matrix = (lean @ np.vstack([matrix, (0, 0, 1)]))[:2]
    soft = max(1, round(0.05 * stand.ppm)) * 2 + 1
    alpha, left, top = _warp(sprite.alpha, matrix, soft)
    _touch(alpha, sprite, stand, (left, top))
    alpha = cv2.blur(alpha, (soft, soft), borderType=cv2.BORDER_CONSTANT)
    inside = clip(left, top, alpha.shape, shade.shape)
    if inside is not None:
        there, here = inside
        np.maximum(shade[there], alpha[here], out=shade[there])


def blend(picture: NDArray[np.uint8], layer: Layer) -> None:
    """Put the layer over the picture, (H, W, 3) BGR, changed in place."""
    inside = clip(layer.left, layer.top, layer.pixels.shape, picture.shape)
    if inside is None:
        return
    there, here = inside
    over = layer.pixels[here]
    let_through = cv2.cvtColor(255 - over[..., 3], cv2.COLOR_GRAY2BGR)
    below = cv2.multiply(picture[there], let_through, scale=1 / 255)
    picture[there] = cv2.add(below, over[..., :3])


def visible_shares(layers: list[Layer], height: int, width: int) -> list[float]:
    """The share of each layer's own opacity that is in the picture and not covered.

    Args:
        layers: from back to front.
        height: of the picture, px.
        width: of the picture, px.
    """
    light = np.full((height, width), 255, np.uint8)  # that still comes through from behind
    shares: list[float] = []
    for layer in reversed(layers):
        alpha = cv2.extractChannel(layer.pixels, 3)
        inside = clip(layer.left, layer.top, alpha.shape, light.shape)
        if inside is None:
            shares.append(0.0)
            continue
        there, here = inside
        seen = cv2.multiply(alpha[here], light[there], scale=1 / 255)
        shares.append(min(1.0, cv2.sumElems(seen)[0] / max(1.0, cv2.sumElems(alpha)[0])))
        light[there] -= seen
    return shares[::-1]


Slices = tuple[slice, slice]


def clip(
    left: int, top: int, shape: tuple[int, ...], picture: tuple[int, ...]
) -> tuple[Slices, Slices] | None:
    """The common part as slices of the picture and of the thing, or None."""
    x1, y1 = max(left, 0), max(top, 0)
    x2, y2 = min(left + shape[1], picture[1]), min(top + shape[0], picture[0])
    if x1 >= x2 or y1 >= y2:
        return None
    there = (slice(y1, y2), slice(x1, x2))
    return there, (slice(y1 - top, y2 - top), slice(x1 - left, x2 - left))


def _touch(alpha: NDArray[np.uint8], sprite: Sprite, stand: Stand, corner: tuple[int, int]) -> None:
    """Darken the ground right under the thing, where no light comes from any side."""
    x1, _, x2, _ = _moved(sprite.base, sprite, stand)
    centre = (round((x1 + x2) / 2) - corner[0], round(stand.y - 0.08 * stand.ppm) - corner[1])
    radii = (max(1, round(0.46 * (x2 - x1))), max(1, round(0.16 * stand.ppm)))
    cv2.ellipse(alpha, centre, radii, 0, 0, 360, 255, -1, cv2.LINE_AA)


def _moved(box: Box, sprite: Sprite, stand: Stand) -> Box:
    """A box of the sprite's pixels as a box of the picture's."""
    matrix = _stand_matrix(sprite, stand)
    x1, y1, x2, y2 = box
    (ax, ay), (bx, by) = _apply(matrix, (x1, y1)), _apply(matrix, (x2, y2))
    return min(ax, bx), ay, max(ax, bx), by


def _stand_matrix(sprite: Sprite, stand: Stand) -> Affine:
    scale = stand.ppm / sprite.ppm
    across = -scale if stand.is_mirrored else scale
    ox, oy = sprite.origin
    return np.array([[across, 0, stand.x - across * ox], [0, scale, stand.y - scale * oy]])


def _apply(matrix: Affine, point: tuple[float, float]) -> tuple[float, float]:
    x, y = matrix @ (*point, 1.0)
    return float(x), float(y)


def _warp(
    pixels: NDArray[np.uint8], matrix: Affine, room: int
) -> tuple[NDArray[np.uint8], int, int]:
    """The pixels moved by the matrix, on a sheet just large enough, and its left and top."""
    high, wide = pixels.shape[:2]
    corners = np.array(
        [_apply(matrix, corner) for corner in ((0, 0), (wide, 0), (0, high), (wide, high))]
    )
    left, top = (int(v) for v in np.floor(corners.min(axis=0)) - room)
    right, bottom = (int(v) for v in np.ceil(corners.max(axis=0)) + room)
    # OpenCV counts pixel centres as whole numbers, we count edges: half a pixel between them.
    moved = matrix.copy()
    moved[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5 - (left, top)
    size = (right - left, bottom - top)
    return cv2.warpAffine(pixels, moved, size, flags=cv2.INTER_LINEAR), left, top
