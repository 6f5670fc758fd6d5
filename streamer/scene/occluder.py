"""Things that stand in the way: lamp posts, trees, advertising columns, planters, bollards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from streamer.scene.canvas import Canvas, Finish, rounded
from streamer.scene.colour import CLOTH, Bgr, lit, pick
from streamer.scene.sprite import Sprite
from streamer.scene.view import Street, View

_IRON: Bgr = (62, 66, 60)


@dataclass(frozen=True, slots=True)
class Occluder:
    """A thing and its place: metres right of the middle, depth."""

    sprite: Sprite
    x: float
    depth: float


def set_occluders(
    rng: np.random.Generator, count: int, view: View, street: Street
) -> list[Occluder]:
    """`count` things along both kerbs, spread over the picture's width."""
    order = rng.permutation(len(_KINDS))
    found = []
    for number in range(count):
        is_near = rng.random() < 0.6
        depth = street.near_kerb - 0.35 if is_near else street.far_kerb + 0.3
        part = (number + float(rng.uniform(0.15, 0.85))) / count * 2 - 1
        x = part * view.half_width_m(depth)
        if abs(x - street.crossing_m) < 2.2:
            x += 4.4  # keep the zebra crossing free
        draw = _KINDS[int(order[number % len(order)])]
        ppm = min(256.0, view.ppm(depth))
        found.append(Occluder(draw(rng, ppm), x, depth))
    return found


def _lamp_post(rng: np.random.Generator, ppm: float) -> Sprite:
    high = float(rng.uniform(5, 6.5))
    canvas = Canvas(half_m=1.2, top_m=high + 0.3, ppm=ppm)
    canvas.limb([(0, 0.0), (0, high)], [0.085, 0.055], _IRON)
    canvas.limb([(0, 0.0), (0, 0.9)], [0.13, 0.11], _IRON)
    canvas.line([(0, high), (0.35, high + 0.15), (0.8, high + 0.12)], 0.08, _IRON)
    canvas.polygon([(0.55, high + 0.16), (1.05, high + 0.1), (1.0, high), (0.6, high + 0.04)],
                   lit(_IRON, 1.5))  # fmt: skip
    canvas.polygon([(0.6, high + 0.04), (1.0, high), (0.8, high - 0.04)], (190, 226, 240))
    return canvas.sprite()


def _tree(rng: np.random.Generator, ppm: float) -> Sprite:
    high, wide = float(rng.uniform(4, 5.5)), float(rng.uniform(1.0, 1.6))
    canvas = Canvas(half_m=wide + 0.9, top_m=high + 0.5, ppm=ppm)
    bark = lit((58, 78, 98), float(rng.uniform(0.8, 1.1)))
    fork = 0.45 * high
    canvas.limb([(0, 0), (0.04, fork), (0, high * 0.8)], [0.15, 0.11, 0.05], bark)
    for side in (-1, 1):
        canvas.limb([(0.03, fork), (side * wide * 0.6, high * 0.75)], [0.08, 0.03], bark)
    green = lit((48, 116, 84), float(rng.uniform(0.85, 1.2)))
    for part in np.linspace(0.7, 1.2, 90):  # dark leaves first, then those in the light
        angle, far = float(rng.uniform(0, 2 * np.pi)), float(np.sqrt(rng.random()))
        at = (far * wide * np.cos(angle), 0.7 * high + far * 0.26 * high * np.sin(angle))
        size = float(rng.uniform(0.16, 0.36))
        lift = 1 + 0.12 * (at[1] - 0.7 * high) / (0.26 * high)
        canvas.ellipse(at, (size, size * 0.75), lit(green, float(part) * lift),
                       turn=float(rng.uniform(0, 3)))  # fmt: skip
    return canvas.sprite(Finish(grain=0.09, seed=int(rng.integers(1 << 30))))


def _advertising_column(rng: np.random.Generator, ppm: float) -> Sprite:
    canvas = Canvas(half_m=0.8, top_m=3.1, ppm=ppm)
    canvas.polygon([(-0.55, 0), (0.55, 0), (0.55, 2.6), (-0.55, 2.6)], (150, 160, 160))
    for x, y in ((-0.5, 1.45), (0.02, 1.35), (-0.5, 0.35), (0.02, 0.25)):
        paper = pick(rng, CLOTH)
        poster = ((x, y), (x + 0.47, y), (x + 0.47, y + 0.95), (x, y + 0.95))
        canvas.polygon(poster, paper)
        canvas.ellipse((x + 0.23, y + 0.6), (0.15, 0.2), pick(rng, CLOTH))
        canvas.line([(x + 0.08, y + 0.2), (x + 0.38, y + 0.2)], 0.07, lit(paper, 0.4))
    for side, light in ((-0.55, 0.9), (0.42, 0.6)):
        canvas.line([(side + 0.06, 0.05), (side + 0.06, 2.6)], 0.1, lit((140, 150, 150), light))
    canvas.polygon(rounded([(-0.66, 2.55), (0.66, 2.55), (0.5, 2.85), (0, 3.1), (-0.5, 2.85)], 1),
                   (66, 84, 58))  # fmt: skip
    canvas.polygon([(-0.6, 0), (0.6, 0), (0.58, 0.2), (-0.58, 0.2)], _IRON)
    return canvas.sprite()


def _planter(rng: np.random.Generator, ppm: float) -> Sprite:
    canvas = Canvas(half_m=1.2, top_m=1.5, ppm=ppm)
    for part in np.linspace(0.7, 1.2, 60):
        at = (float(rng.uniform(-0.8, 0.8)), float(rng.uniform(0.55, 1.15)))
        canvas.ellipse(at, (0.17, 0.11), lit((50, 118, 80), float(part)),
                       turn=float(rng.uniform(0, 3)))  # fmt: skip
    flower = pick(rng, CLOTH)
    for _ in range(14):
        at = (float(rng.uniform(-0.85, 0.85)), float(rng.uniform(0.7, 1.2)))
        canvas.ellipse(at, (0.06, 0.06), flower)
    box = pick(rng, ((120, 140, 160), (90, 100, 106), (70, 92, 120)))
    canvas.polygon([(-0.9, 0), (0.9, 0), (1.0, 0.62), (-1.0, 0.62)], box)
    canvas.polygon([(-1.0, 0.54), (1.0, 0.54), (1.02, 0.66), (-1.02, 0.66)], lit(box, 1.2))
    canvas.polygon([(-0.9, 0), (0.9, 0), (0.91, 0.1), (-0.91, 0.1)], lit(box, 0.7))
    return canvas.sprite(Finish(grain=0.04, seed=int(rng.integers(1 << 30))))


def _bollards(_rng: np.random.Generator, ppm: float) -> Sprite:
    canvas = Canvas(half_m=1.5, top_m=1.1, ppm=ppm)
    for x in (-1.2, 0.0, 1.2):
        canvas.limb([(x, 0.0), (x, 0.92)], [0.075, 0.07], (70, 74, 78))
        canvas.line([(x - 0.06, 0.78), (x + 0.06, 0.78)], 0.09, (216, 220, 222))
    return canvas.sprite()


_KINDS: tuple[Callable[[np.random.Generator, float], Sprite], ...] = (
    _lamp_post, _tree, _advertising_column, _planter, _bollards,
)  # fmt: skip
