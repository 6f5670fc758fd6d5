"""The ground of the street: asphalt, pavements, kerbs, marks."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.scene.colour import Bgr, lit
from streamer.scene.view import Street, View

Picture = NDArray[np.uint8]  # (H, W, 3) BGR

_SHIFT = 4  # bits of a pixel's fraction in OpenCV's drawing calls
_STONES: tuple[Bgr, ...] = ((168, 174, 178), (150, 160, 170), (160, 160, 158), (140, 156, 172))
_MARK: Bgr = (214, 218, 220)


def draw_ground(picture: Picture, rng: np.random.Generator, view: View, street: Street) -> None:
    """Paint everything below the houses."""
    stone = _STONES[int(rng.integers(len(_STONES)))]
    rows = [round(view.foot_px(d)) for d in (street.facade, street.far_kerb, street.near_kerb)]
    grey = int(rng.integers(84, 112))
    picture[rows[0] : rows[1]] = lit(stone, 0.94)
    picture[rows[1] : rows[2]] = (grey + 4, grey, grey)
    picture[rows[2] :] = stone
    _slabs(picture, view, (street.far_kerb, street.facade), lit(stone, 0.82))
    _slabs(picture, view, (view.depth_m(view.height), street.near_kerb), lit(stone, 0.84))
    _repairs(picture, rng, view, street, grey)
    _marks(picture, view, street)
    _kerbs(picture, view, street, stone)
    band = picture[rows[0] :]
    band[:] = roughen(band, rng, cell=view.near_ppm * 0.9, amount=0.05)
    band[:] = roughen(band, rng, cell=2.0, amount=0.035)


def roughen(
    picture: Picture, rng: np.random.Generator, *, cell: float, amount: float
) -> NDArray[np.uint8]:
    """The picture with its brightness varied in flat patches of about `cell` px."""
    high, wide = picture.shape[:2]
    small = (int(high / cell * 2) + 2, int(wide / cell / 1.5) + 2)
    noise = cv2.resize(rng.standard_normal(small, np.float32), (wide, high))
    gain = 1 + np.float32(amount) * noise
    rough: NDArray[np.uint8] = np.clip(picture * gain[..., None], 0, 255).astype(np.uint8)
    return rough


def _quad(
    picture: Picture, view: View, x: tuple[float, float], depth: tuple[float, float], colour: Bgr
) -> None:
    """Fill a rectangle on the ground, given in metres."""
    corners = [(x[0], depth[0]), (x[1], depth[0]), (x[1], depth[1]), (x[0], depth[1])]
    points = np.array([(view.column_px(*corner), view.foot_px(corner[1])) for corner in corners])
    fixed = np.rint((points - 0.5) * (1 << _SHIFT)).astype(np.int32)
    cv2.fillPoly(picture, [fixed], colour, cv2.LINE_AA, _SHIFT)


def _slabs(picture: Picture, view: View, depths: tuple[float, float], joint: Bgr) -> None:
    near, far = depths
    for depth in np.arange(near, far, 0.9):
        row = round(view.foot_px(float(depth)))
        cv2.line(picture, (0, row), (view.width, row), joint, 1)
    half = view.half_width_m(far) + 1
    for x in np.arange(-half, half, 0.9):
        _quad(picture, view, (float(x), float(x) + 0.03), (near, far), joint)


def _repairs(
    picture: Picture, rng: np.random.Generator, view: View, street: Street, grey: int
) -> None:
    wide = street.far_kerb - street.near_kerb
    for _ in range(int(rng.integers(2, 6))):
        x = float(rng.uniform(-1, 1)) * view.half_width_m(street.far_kerb)
        depth = street.near_kerb + float(rng.uniform(0.1, 0.7)) * wide
        tone = grey + int(rng.integers(-18, 12))
        size = rng.uniform(0.6, 3.5, 2)
        quad = (x, x + float(size[0])), (depth, depth + 0.25 * wide * float(size[1]) / 3.5)
        _quad(picture, view, *quad, (tone, tone, tone))
    for part in (0.18, 0.36, 0.61, 0.79):  # where the tyres go
        depth = street.near_kerb + part * wide
        rows = slice(round(view.foot_px(depth + 0.35)), round(view.foot_px(depth - 0.35)))
        picture[rows] = (picture[rows] * 0.93).astype(np.uint8)
    depth = street.near_kerb + 0.4 * wide
    lid = (round(view.column_px(float(rng.uniform(-3, 3)), depth)), round(view.foot_px(depth)))
    radius = 0.32 * view.ppm(depth)
    axes = (max(2, round(radius)), max(1, round(radius * 0.4)))
    cv2.ellipse(picture, lid, axes, 0, 0, 360, (62, 60, 60), -1, cv2.LINE_AA)


def _marks(picture: Picture, view: View, street: Street) -> None:
    near, far = street.near_kerb, street.far_kerb
    wide = far - near
    half = view.half_width_m(far) + 2
    dash = 0.018 * wide
    for x in np.arange(-half, half, 4.5):
        if abs(x + 1.1 - street.crossing_m) > 4:
            _quad(picture, view, (float(x), float(x) + 2.2),
                  (street.middle - dash, street.middle + dash), _MARK)  # fmt: skip
    for part in (0.125, 0.875):  # the edges of the cycle lanes
        depth = near + part * wide
        _quad(picture, view, (-half, half), (depth - dash * 0.7, depth + dash * 0.7), _MARK)
    stripe = wide / 13
    for number in range(0, 13, 2):
        depth = near + number * stripe
        x = street.crossing_m
        _quad(picture, view, (x - 1.6, x + 1.6), (depth, depth + stripe), lit(_MARK, 1.05))


def _kerbs(picture: Picture, view: View, street: Street, stone: Bgr) -> None:
    for depth, face in ((street.far_kerb, 0.6), (street.near_kerb, 1.12)):
        row = view.foot_px(depth)
        high = max(1, round(0.13 * view.ppm(depth)))
        top = round(row) - (high if face < 1 else 0)
        picture[top : top + high] = lit(stone, face)
        joint = lit(stone, face * 0.8)
        half = view.half_width_m(depth)
        for x in np.arange(-half, half, 1.0):
            column = round(view.column_px(float(x), depth))
            cv2.line(picture, (column, top), (column, top + high - 1), joint, 1)
        if face > 1:  # the gutter before the near kerb
            picture[top - max(1, high // 2) : top] = lit(stone, 0.5)
