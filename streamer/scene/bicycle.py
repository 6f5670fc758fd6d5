"""Bicycles with their riders, from the side: one object, labelled by the vehicle."""

from __future__ import annotations

from dataclasses import dataclass
from math import acos, atan2, cos, hypot, pi, sin

import numpy as np

from streamer.scene.canvas import Canvas, Finish, Point, rounded
from streamer.scene.colour import PAINT, Bgr, lit, pick
from streamer.scene.person import PersonLook, draw_side_head, person_look
from streamer.scene.sprite import Sprite

PHASES = 12  # drawings of one turn of the crank
_WHEEL = 0.34  # m
_REAR, _FRONT = (-0.5, _WHEEL), (0.54, _WHEEL)
_CRANK, _SADDLE, _HEAD = (-0.06, 0.29), (-0.22, 0.96), (0.36, 0.88)
_BARS = (0.42, 1.04)
_CRANK_ARM = 0.17
_FAR = 0.7
_METAL: Bgr = (150, 150, 152)


@dataclass(frozen=True, slots=True)
class BicycleLook:
    """One bicycle and who rides it."""

    rider: PersonLook
    frame: Bgr
    helmet: Bgr
    has_helmet: bool
    has_low_step: bool
    has_pannier: bool

    @property
    def stride_m(self) -> float:
        """Metres of ground in one turn of the crank."""
        return 4.6


def bicycle_look(rng: np.random.Generator) -> BicycleLook:
    """A bicycle and a rider nobody has seen before."""
    chance = rng.random(3)
    return BicycleLook(
        rider=person_look(rng),
        frame=pick(rng, PAINT),
        helmet=pick(rng, PAINT),
        has_helmet=bool(chance[0] < 0.6),
        has_low_step=bool(chance[1] < 0.4),
        has_pannier=bool(chance[2] < 0.35),
    )


def draw_bicycle(look: BicycleLook, phase: float, ppm: float, seed: int) -> Sprite:
    """Bicycle and rider, going right.

    Args:
        look: which.
        phase: 0..1 of the crank's turn.
        ppm: px a metre.
        seed: of the cloth's grain.
    """
    canvas = Canvas(half_m=1.0, top_m=2.1, ppm=ppm)
    turn = -2 * pi * phase
    far_pedal, near_pedal = _pedal(turn + pi), _pedal(turn)
    _draw_leg(canvas, look, far_pedal, _FAR)
    canvas.line([_CRANK, far_pedal], 0.035, lit(_METAL, 0.6))
    for hub in (_REAR, _FRONT):
        _draw_wheel(canvas, hub, turn * 2.2)
    _draw_frame(canvas, look)
    _draw_rider(canvas, look)
    canvas.line([_CRANK, near_pedal], 0.04, _METAL)
    _draw_leg(canvas, look, near_pedal, 1.0)
    return canvas.sprite(Finish(top=1.05, bottom=0.88, grain=0.05, seed=seed))


def _pedal(angle: float) -> Point:
    return _CRANK[0] + _CRANK_ARM * cos(angle), _CRANK[1] + _CRANK_ARM * sin(angle)


def _draw_wheel(canvas: Canvas, hub: Point, turn: float) -> None:
    for spoke in range(10):
        angle = turn + 2 * pi * spoke / 10
        rim = (hub[0] + 0.31 * cos(angle), hub[1] + 0.31 * sin(angle))
        canvas.line([hub, rim], 0.006, (128, 128, 130))
    canvas.ring(hub, _WHEEL - 0.022, 0.045, (32, 31, 31))
    canvas.ring(hub, _WHEEL - 0.055, 0.018, _METAL)
    canvas.ellipse(hub, (0.04, 0.04), (90, 90, 92))


def _draw_frame(canvas: Canvas, look: BicycleLook) -> None:
    top = (-0.17, 0.76) if not look.has_low_step else (-0.1, 0.45)
    lower_head = (_HEAD[0] + 0.03, _HEAD[1] - 0.14)
    stays = ([_REAR, (-0.17, 0.76)], [_REAR, _CRANK])
    tubes = ([_CRANK, (-0.19, 0.84)], [top, lower_head], [_CRANK, lower_head], [_HEAD, _FRONT])
    for tube in stays:
        canvas.line(tube, 0.03, lit(look.frame, 0.85))
    for tube in tubes:
        canvas.line(tube, 0.05, look.frame)
    canvas.line([(-0.19, 0.84), (-0.21, 0.93)], 0.035, _METAL)
    canvas.line([_HEAD, (0.35, 1.02), _BARS, (0.46, 1.0)], 0.035, (50, 50, 52))
    saddle = [(-0.34, 0.97), (-0.1, 0.96), (-0.2, 0.91), (-0.32, 0.9)]
    canvas.polygon(rounded(saddle, 1), (36, 34, 34))
    canvas.ellipse(_CRANK, (0.095, 0.095), (70, 70, 72))
    canvas.ellipse(_CRANK, (0.06, 0.06), (120, 120, 122))
    if look.has_pannier:
        canvas.line([(-0.72, 0.78), (-0.25, 0.78)], 0.03, (60, 60, 60))
        bag = [(-0.74, 0.76), (-0.4, 0.76), (-0.43, 0.42), (-0.7, 0.42)]
        canvas.polygon(rounded(bag, 1), look.rider.bag)
        canvas.line([(-0.72, 0.66), (-0.42, 0.66)], 0.03, lit(look.rider.bag, 0.75))


def _hip(look: BicycleLook) -> Point:
    return _SADDLE[0] + 0.03, _SADDLE[1] + 0.06 * look.rider.height / 1.75


def _draw_leg(canvas: Canvas, look: BicycleLook, pedal: Point, light: float) -> None:
    rider = look.rider
    hip, ankle = _hip(look), (pedal[0] - 0.06, pedal[1] + 0.09)
    knee = _knee(hip, ankle, 0.46, 0.45)
    cloth, skin = lit(rider.bottom, light), lit(rider.skin, light)
    canvas.limb(
        [ankle, (pedal[0] + 0.08, pedal[1] + 0.03)], [0.045, 0.032], lit(rider.shoes, light)
    )
    canvas.limb([knee, ankle], [0.062, 0.042], cloth if rider.lower == "trousers" else skin)
    canvas.limb([hip, knee], [0.1 * rider.girth, 0.068], cloth)


def _knee(hip: Point, ankle: Point, thigh: float, shin: float) -> Point:
    """Where two bones meet, forward of the line from hip to ankle (law of cosines)."""
    dx, dy = ankle[0] - hip[0], ankle[1] - hip[1]
    reach = min(hypot(dx, dy), 0.999 * (thigh + shin))
    bend = acos((thigh**2 + reach**2 - shin**2) / (2 * thigh * reach))
    angle = atan2(dy, dx) + bend
    return hip[0] + thigh * cos(angle), hip[1] + thigh * sin(angle)


def _draw_rider(canvas: Canvas, look: BicycleLook) -> None:
    rider, (hx, hy) = look.rider, _hip(look)
    lean, size = (0.55 if not look.has_low_step else 0.32), rider.height / 1.75
    shoulder = (hx + 0.5 * size * sin(lean), hy + 0.5 * size * cos(lean))
    sleeve = lit(rider.top, 0.94)
    elbow = _knee(shoulder, _BARS, 0.31 * size, 0.31 * size)
    elbow = (elbow[0] - 0.02, min(elbow[1], shoulder[1] - 0.2))
    _draw_torso(canvas, look, (hx, hy), shoulder)
    head = (shoulder[0] + 0.08 * size, shoulder[1] + 0.2 * size)
    canvas.limb([shoulder, head], [0.06, 0.055], rider.skin)
    draw_side_head(canvas, rider, head)
    if look.has_helmet:
        _draw_helmet(canvas, look, head)
    lower = sleeve if rider.is_long_sleeved else rider.skin
    canvas.limb([_BARS, (_BARS[0] + 0.03, _BARS[1])], [0.04, 0.035], rider.skin)
    canvas.limb([elbow, _BARS], [0.046, 0.036], lower)
    canvas.limb([shoulder, elbow], [0.064, 0.05], sleeve)


def _draw_torso(canvas: Canvas, look: BicycleLook, hip: Point, shoulder: Point) -> None:
    rider = look.rider
    if rider.has_backpack:
        off = (-0.15, 0.08)
        pack = [(hip[0] * 0.6 + shoulder[0] * 0.4 + off[0], hip[1] * 0.6 + shoulder[1] * 0.4
                 + off[1]), (shoulder[0] + off[0], shoulder[1] + off[1])]  # fmt: skip
        canvas.limb(pack, [0.12, 0.1], rider.bag)
    canvas.limb([hip, shoulder], [0.125 * rider.girth, 0.115 * rider.girth], rider.top)
    if rider.is_striped:
        for part in (0.2, 0.4, 0.6, 0.8):
            x, y = (one + part * (two - one) for one, two in zip(hip, shoulder, strict=True))
            canvas.line([(x - 0.1, y + 0.05), (x + 0.1, y - 0.05)], 0.03, rider.accent)


def _draw_helmet(canvas: Canvas, look: BicycleLook, head: Point) -> None:
    size = look.rider.height
    shape = [(-0.078, 0.02), (-0.07, 0.08), (-0.01, 0.108), (0.06, 0.085), (0.082, 0.035),
             (0.0, 0.03)]  # fmt: skip
    canvas.polygon(
        rounded([(head[0] + x * size, head[1] + y * size) for x, y in shape]), look.helmet
    )
    stripe = [(head[0] - 0.05 * size, head[1] + 0.065 * size), (head[0] + 0.05 * size,
              head[1] + 0.07 * size)]  # fmt: skip
    canvas.line(stripe, 0.03, lit(look.helmet, 0.5))
