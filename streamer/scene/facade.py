"""What stands behind the street: sky, houses, shops, a hedge."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from streamer.scene.colour import CLOTH, Bgr, lit, pick
from streamer.scene.ground import Picture, roughen

_WALLS: tuple[Bgr, ...] = (
    (92, 108, 160), (150, 180, 200), (186, 196, 204), (120, 140, 168), (168, 170, 160),
    (140, 172, 208), (96, 120, 138), (190, 206, 214),
)  # fmt: skip
_FRAMES: tuple[Bgr, ...] = ((230, 232, 234), (70, 62, 60), (96, 120, 150))
_STOREY_M = 3.0
_SKY: tuple[tuple[Bgr, Bgr], ...] = (
    ((214, 170, 120), (236, 220, 200)), ((206, 200, 194), (224, 222, 218)),
    ((196, 160, 150), (190, 214, 244)),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _House:
    """A house front in px: columns, the ground's row, px a metre, and what it is made of."""

    left: int
    right: int
    base: int
    ppm: float
    storeys: int
    wall: Bgr
    frame: Bgr
    is_brick: bool
    is_shop: bool

    @property
    def top(self) -> int:
        """Row of the eaves."""
        return round(self.base - (self.storeys * _STOREY_M + 0.9) * self.ppm)


def draw_backdrop(picture: Picture, rng: np.random.Generator, base: int, ppm: float) -> None:
    """Paint everything above row `base`, where the houses stand at `ppm` px a metre."""
    _draw_sky(picture[:base], rng)
    x = -int(rng.uniform(0, 5) * ppm)
    while x < picture.shape[1]:
        right = x + round(float(rng.uniform(6, 12)) * ppm)
        if rng.random() < 0.14:
            _draw_garden(picture, rng, (x, right), base, ppm)
        else:
            _draw_house(picture, rng, _house(rng, x, right, base, ppm))
        x = right
    houses = picture[:base]
    houses[:] = roughen(houses, rng, cell=2.0, amount=0.025)


def _house(rng: np.random.Generator, left: int, right: int, base: int, ppm: float) -> _House:
    return _House(
        left, right, base, ppm,
        storeys=int(rng.integers(2, 6)),
        wall=pick(rng, _WALLS),
        frame=pick(rng, _FRAMES, spread=0.05),
        is_brick=bool(rng.random() < 0.5),
        is_shop=bool(rng.random() < 0.6),
    )  # fmt: skip


def _draw_sky(sky: Picture, rng: np.random.Generator) -> None:
    top, low = (np.array(colour, np.float32) for colour in _SKY[int(rng.integers(len(_SKY)))])
    part = np.linspace(0, 1, sky.shape[0], dtype=np.float32)[:, None, None]
    clouds = np.zeros(sky.shape[:2], np.float32)
    for cells, weight in ((4, 1.0), (9, 0.5), (20, 0.25)):
        small = rng.standard_normal((cells, cells * 2), np.float32)
        clouds += weight * cv2.resize(small, sky.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    white = np.clip(clouds * 0.5, 0, 0.8)[..., None]
    sky[:] = np.clip((top + part * (low - top)) * (1 - white) + 240 * white, 0, 255)


def _box(picture: Picture, x: float, y: float, size: tuple[float, float], colour: Bgr) -> None:
    """Fill a rectangle of (width, height) whose lower left corner is (x, y), px."""
    left, low = round(x), round(y)
    right, top = max(left + 1, round(x + size[0])), min(low - 1, round(y - size[1]))
    picture[max(0, top) : max(0, low), max(0, left) : max(0, right)] = colour


def _draw_house(picture: Picture, rng: np.random.Generator, house: _House) -> None:
    ppm, wide = house.ppm, house.right - house.left
    _box(picture, house.left, house.base, (wide, house.base - house.top), house.wall)
    if house.is_brick:
        _draw_courses(picture, house)
    for floor in range(1, house.storeys):
        _draw_windows(picture, rng, house, floor)
    if house.is_shop:
        _draw_shop(picture, rng, house)
    else:
        _draw_door(picture, rng, house)
        _draw_windows(picture, rng, house, 0)
    eaves = 0.35 * ppm
    _box(picture, house.left - 0.2 * ppm, house.top + eaves / 2, (wide + 0.4 * ppm, eaves),
         lit(house.wall, 0.68))  # fmt: skip
    _box(picture, house.left, house.base, (wide, 0.35 * ppm), lit(house.wall, 0.66))
    _box(picture, house.right - 0.12 * ppm, house.base, (0.12 * ppm, house.base - house.top),
         lit(house.wall, 0.72))  # fmt: skip


def _draw_courses(picture: Picture, house: _House) -> None:
    step = max(3.0, 0.28 * house.ppm)
    for row in np.arange(house.top, house.base, step):
        _box(picture, house.left, float(row), (house.right - house.left, 1), lit(house.wall, 0.88))


def _columns(house: _House) -> list[float]:
    """Left sides of the windows, px."""
    count = max(1, int((house.right - house.left) / (2.2 * house.ppm)))
    gap = (house.right - house.left) / count
    first = house.left + 0.5 * gap - 0.55 * house.ppm
    return [first + gap * number for number in range(count)]


def _draw_windows(picture: Picture, rng: np.random.Generator, house: _House, floor: int) -> None:
    ppm = house.ppm
    sill = house.base - (floor * _STOREY_M + 1.0) * ppm
    columns = _columns(house) if floor else _columns(house)[1:]
    for x in columns:
        _box(picture, x - 0.1 * ppm, sill + 0.1 * ppm, (1.3 * ppm, 1.7 * ppm), house.frame)
        glass = _glass(rng)
        _box(picture, x, sill, (1.1 * ppm, 1.5 * ppm), glass)
        _box(picture, x, sill - 0.8 * ppm, (1.1 * ppm, 0.7 * ppm), lit(glass, 1.25))
        if rng.random() < 0.4:
            curtain = pick(rng, ((220, 226, 230), (180, 200, 220), (160, 150, 190)))
            _box(picture, x, sill, (0.3 * ppm, 1.5 * ppm), curtain)
            _box(picture, x + 0.8 * ppm, sill, (0.3 * ppm, 1.5 * ppm), curtain)
        _box(picture, x + 0.51 * ppm, sill, (0.08 * ppm, 1.5 * ppm), house.frame)
        _box(picture, x - 0.15 * ppm, sill + 0.2 * ppm, (1.4 * ppm, 0.14 * ppm),
             lit(house.wall, 1.15))  # fmt: skip


def _glass(rng: np.random.Generator) -> Bgr:
    is_lamp_on = rng.random() < 0.15
    return (130, 196, 226) if is_lamp_on else pick(rng, ((104, 84, 66), (128, 106, 88)))


def _draw_door(picture: Picture, rng: np.random.Generator, house: _House) -> None:
    ppm, x = house.ppm, _columns(house)[0]
    door = pick(rng, CLOTH)
    _box(picture, x - 0.12 * ppm, house.base, (1.3 * ppm, 2.4 * ppm), house.frame)
    _box(picture, x, house.base, (1.06 * ppm, 2.25 * ppm), door)
    _box(picture, x + 0.15 * ppm, house.base - 1.2 * ppm, (0.76 * ppm, 0.85 * ppm), lit(door, 0.8))
    _box(picture, x + 0.85 * ppm, house.base - 1.0 * ppm, (0.1 * ppm, 0.1 * ppm), (90, 190, 210))


def _draw_shop(picture: Picture, rng: np.random.Generator, house: _House) -> None:
    ppm, x = house.ppm, house.left + 0.4 * house.ppm
    wide = house.right - house.left - 0.9 * ppm
    sign = pick(rng, CLOTH)
    _box(picture, x, house.base, (wide, 2.7 * ppm), house.frame)
    panes = max(2, round(wide / (2.0 * ppm)))
    for pane in range(panes):
        left = x + (pane + 0.06) * wide / panes
        foot, high = (0.1, 2.3) if pane == panes // 2 else (0.55, 1.85)
        glass = (float(wide / panes * 0.88), high * ppm)
        _box(picture, left, house.base - foot * ppm, glass, (86, 80, 74))
        _box(picture, left, house.base - 1.5 * ppm, (glass[0], 0.9 * ppm), (120, 110, 100))
        for _ in range(3):  # the goods
            at = left + float(rng.uniform(0.1, 0.75)) * glass[0]
            _box(picture, at, house.base - 0.6 * ppm,
                 (0.3 * ppm, float(rng.uniform(0.3, 0.9)) * ppm), pick(rng, CLOTH))  # fmt: skip
    _box(picture, x, house.base - 2.45 * ppm, (wide, 0.6 * ppm), sign)
    letters = int(rng.integers(4, 9))
    for letter in range(letters):
        at = x + wide * (0.3 + 0.4 * letter / letters)
        _box(picture, at, house.base - 2.6 * ppm,
             (0.25 * ppm, float(rng.choice((0.22, 0.32))) * ppm), (230, 234, 236))  # fmt: skip
    if rng.random() < 0.6:
        _draw_awning(picture, x, house.base - 2.05 * ppm, wide, ppm, sign)


def _draw_awning(
    picture: Picture, x: float, low: float, wide: float, ppm: float, colour: Bgr
) -> None:
    stripes = max(4, round(wide / (0.45 * ppm)))
    for stripe in range(stripes):
        tone = colour if stripe % 2 else (228, 230, 232)
        left = x + stripe * wide / stripes
        _box(picture, left, low, (wide / stripes, 0.5 * ppm), lit(tone, 0.96))
        _box(picture, left, low + 0.14 * ppm, (wide / stripes, 0.16 * ppm), lit(tone, 0.78))


def _draw_garden(
    picture: Picture, rng: np.random.Generator, columns: tuple[int, int], base: int, ppm: float
) -> None:
    """Trees and a hedge between two houses."""
    left, right = columns
    for _ in range(max(3, round((right - left) / ppm * 1.2))):
        at = (
            round(float(rng.uniform(left, right))),
            round(base - float(rng.uniform(2, 4.5)) * ppm),
        )
        green = lit((52, 104, 78), float(rng.uniform(0.7, 1.15)))
        radius = max(2, round(float(rng.uniform(0.8, 1.6)) * ppm))
        cv2.circle(picture, at, radius, green, -1, cv2.LINE_AA)
    _box(picture, left, base, (right - left, 2.2 * ppm), (44, 84, 62))
    dots = picture[max(0, round(base - 2.2 * ppm)) : base, max(0, left) : max(0, right)]
    if dots.size:
        dots[:] = roughen(dots, rng, cell=max(1.5, 0.25 * ppm), amount=0.16)
