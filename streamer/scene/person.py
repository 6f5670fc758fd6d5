"""People: how one looks, how one walks, and both drawn."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi, sin
from typing import Literal

import numpy as np

from streamer.scene.canvas import Canvas, Finish, Point, rounded
from streamer.scene.colour import CLOTH, HAIR, SHOES, SKIN, TROUSERS, Bgr, lit, pick
from streamer.scene.sprite import Sprite

Facing = Literal["side", "front", "back"]
Lower = Literal["trousers", "shorts", "skirt"]

PHASES = 16  # drawings of one stride, two steps
_FAR = 0.72  # light on the limbs behind the body

# Lengths in parts of the height, after the usual eight-heads figure.
_THIGH, _SHIN, _ANKLE = 0.245, 0.245, 0.038
_TORSO, _UPPER_ARM, _FOREARM = 0.30, 0.165, 0.15


@dataclass(frozen=True, slots=True)
class PersonLook:
    """One person's body and clothes; lengths in metres."""

    height: float
    girth: float
    skin: Bgr
    hair: Bgr
    top: Bgr
    accent: Bgr
    bottom: Bgr
    shoes: Bgr
    bag: Bgr
    lower: Lower
    is_long_sleeved: bool
    is_striped: bool
    has_long_hair: bool
    has_hat: bool
    has_coat: bool
    has_backpack: bool

    @property
    def stride_m(self) -> float:
        """Metres of ground in one stride."""
        return 0.78 * self.height


def person_look(rng: np.random.Generator) -> PersonLook:
    """A person nobody has seen before."""
    lower: tuple[Lower, ...] = ("trousers", "trousers", "trousers", "shorts", "skirt")
    chance = rng.random(6)
    return PersonLook(
        height=float(np.clip(rng.normal(1.72, 0.09), 1.5, 1.95)),
        girth=float(rng.uniform(0.9, 1.2)),
        skin=pick(rng, SKIN),
        hair=pick(rng, HAIR),
        top=pick(rng, CLOTH),
        accent=pick(rng, CLOTH),
        bottom=pick(rng, TROUSERS),
        shoes=pick(rng, SHOES),
        bag=pick(rng, CLOTH),
        lower=lower[int(rng.integers(len(lower)))],
        is_long_sleeved=bool(chance[0] < 0.6),
        is_striped=bool(chance[1] < 0.25),
        has_long_hair=bool(chance[2] < 0.4),
        has_hat=bool(chance[3] < 0.2),
        has_coat=bool(chance[4] < 0.2),
        has_backpack=bool(chance[5] < 0.3),
    )


def draw_person(
    look: PersonLook, facing: Facing, phase: float | None, ppm: float, seed: int
) -> Sprite:
    """The person on foot.

    Args:
        look: who.
        facing: "side" looks right; "front" towards the camera.
        phase: 0..1 of a stride, or None for standing still.
        ppm: px a metre.
        seed: of the cloth's grain.
    """
    canvas = Canvas(half_m=0.62, top_m=look.height * 1.08, ppm=ppm)
    draw = _draw_side if facing == "side" else _draw_frontal
    draw(canvas, look, phase, facing)
    return canvas.sprite(Finish(top=1.06, bottom=0.86, grain=0.06, seed=seed))


def bent(start: Point, length: float, angle: float) -> Point:
    """Where a bone ends that leaves `start` at `angle` radians forward of straight down."""
    return start[0] + length * sin(angle), start[1] - length * cos(angle)


def _leg_angles(phase: float | None) -> tuple[float, float]:
    """Thigh and shin angles: the thigh swings as a sine, the knee bends while the foot is free."""
    if phase is None:
        return 0.03, -0.02
    thigh = 0.40 * sin(2 * pi * phase) + 0.06
    free = max(0.0, cos(2 * pi * (phase - 0.93)))
    return thigh, thigh - 0.08 - 0.95 * free**1.5


def _side_leg(hip: Point, look: PersonLook, phase: float | None) -> tuple[Point, Point, Point]:
    thigh, shin = _leg_angles(phase)
    knee = bent(hip, _THIGH * look.height, thigh)
    ankle = bent(knee, _SHIN * look.height, shin)
    toe = bent(ankle, 0.1 * look.height, shin * 0.55 + pi / 2 - 0.22)
    return knee, ankle, toe


def _draw_side(canvas: Canvas, look: PersonLook, phase: float | None, _facing: Facing) -> None:
    h = look.height
    far = None if phase is None else (phase + 0.5) % 1
    legs = [_side_leg((0.0, 0.0), look, each) for each in (far, phase)]
    lowest = min(min(ankle[1], toe[1] + 0.012 * h) for _, ankle, toe in legs)
    hip = (0.0, _ANKLE * h - lowest)  # the lower foot stands on the ground: the body bobs
    shoulder = (0.025 * h, hip[1] + _TORSO * h)
    _draw_side_arm(canvas, look, shoulder, phase, _FAR)
    _draw_leg(canvas, look, hip, legs[0], _FAR)
    _draw_leg(canvas, look, hip, legs[1], 1.0)
    _draw_skirt(canvas, look, hip, spread=0.12 if phase is None else 0.17)
    if look.has_backpack:
        pack = [(-0.17, -0.02), (-0.05, -0.02), (-0.03, -0.24), (-0.18, -0.22)]
        canvas.polygon(
            rounded([(x * h * 0.9 + 0.01, shoulder[1] + y * h) for x, y in pack]), look.bag
        )
    _draw_side_torso(canvas, look, hip, shoulder)
    _draw_side_head(canvas, look, shoulder)
    _draw_side_arm(canvas, look, shoulder, far, 1.0)


def _draw_leg(
    canvas: Canvas, look: PersonLook, hip: Point, leg: tuple[Point, Point, Point], light: float
) -> None:
    h, g = look.height, look.girth
    knee, ankle, toe = ((hip[0] + x, hip[1] + y) for x, y in leg)
    cloth = lit(look.bottom, light)
    skin = lit(look.skin, light)
    shoe = lit(look.shoes, light)
    canvas.limb([ankle, toe], [0.026 * h, 0.017 * h], shoe)
    is_bare = look.lower != "trousers"
    canvas.limb([knee, ankle], [0.036 * h * g, 0.024 * h], skin if is_bare else cloth)
    thigh = skin if look.lower == "skirt" else cloth
    canvas.limb([hip, knee], [0.056 * h * g, 0.039 * h * g], thigh)


def _draw_skirt(canvas: Canvas, look: PersonLook, hip: Point, spread: float) -> None:
    h, y = look.height, hip[1]
    length = 0.26 if look.lower == "skirt" else 0.17
    if look.lower != "skirt" and not look.has_coat:
        return
    colour = look.bottom if look.lower == "skirt" else look.top
    hem = [(-0.068, 0.03), (0.068, 0.03), (spread * 0.75, -length), (-spread * 0.75, -length)]
    canvas.polygon([(x * h, y + dy * h) for x, dy in hem], lit(colour, 0.9))
    lit_side = [(-0.05, 0.03), (0.0, 0.03), (-0.01, -length), (-spread * 0.6, -length)]
    canvas.polygon([(x * h, y + dy * h) for x, dy in lit_side], lit(colour, 1.05))


def _draw_side_torso(canvas: Canvas, look: PersonLook, hip: Point, shoulder: Point) -> None:
    h, g = look.height, look.girth
    (hx, hy), (sx, sy) = hip, shoulder
    outline = rounded([
        (hx - 0.064 * h * g, hy - 0.03 * h), (hx + 0.06 * h * g, hy - 0.03 * h),
        (hx + 0.066 * h * g, hy + 0.1 * h), (sx + 0.066 * h * g, sy - 0.07 * h),
        (sx + 0.03 * h, sy + 0.03 * h), (sx - 0.05 * h, sy + 0.025 * h),
        (sx - 0.082 * h * g, sy - 0.08 * h), (hx - 0.058 * h * g, hy + 0.1 * h),
    ])  # fmt: skip
    canvas.polygon(outline, lit(look.top, 0.8))
    middle = np.array([(hx + sx) / 2, (hy + sy) / 2])
    canvas.polygon((outline - middle) * (0.8, 0.97) + middle + (-0.008 * h, 0.004 * h), look.top)
    if look.is_striped:
        for part in np.arange(0.1, 0.95, 0.16):
            y = hy + part * (sy - hy)
            x = hx + part * (sx - hx)
            canvas.line([(x - 0.052 * h * g, y), (x + 0.052 * h * g, y)], 0.018 * h, look.accent)


def _draw_side_arm(
    canvas: Canvas, look: PersonLook, shoulder: Point, opposite: float | None, light: float
) -> None:
    """An arm swings with the leg of the other side."""
    h = look.height
    swing = 0.0 if opposite is None else 0.42 * sin(2 * pi * opposite)
    start = (shoulder[0] - 0.01 * h, shoulder[1] - 0.015 * h)
    elbow = bent(start, _UPPER_ARM * h, swing - 0.06)
    wrist = bent(elbow, _FOREARM * h, swing + 0.22 + 0.2 * max(0.0, swing))
    sleeve = lit(look.top, light * 0.96)
    skin = lit(look.skin, light)
    canvas.limb([wrist, bent(wrist, 0.03 * h, swing + 0.3)], [0.02 * h, 0.017 * h], skin)
    lower = sleeve if look.is_long_sleeved or look.has_coat else skin
    canvas.limb([elbow, wrist], [0.025 * h, 0.019 * h], lower)
    canvas.limb([start, elbow], [0.035 * h, 0.027 * h], sleeve)


def _draw_side_head(canvas: Canvas, look: PersonLook, shoulder: Point) -> None:
    h = look.height
    x, y = shoulder[0] + 0.012 * h, shoulder[1] + 0.105 * h
    canvas.limb([(x - 0.016 * h, y - 0.09 * h), (x - 0.006 * h, y)], [0.031 * h] * 2, look.skin)
    draw_side_head(canvas, look, (x, y))


def draw_side_head(canvas: Canvas, look: PersonLook, centre: Point) -> None:
    """A head in profile, looking right."""
    h = look.height
    x, y = centre
    if look.has_long_hair:
        canvas.limb(
            [(x - 0.024 * h, y + 0.01 * h), (x - 0.04 * h, y - 0.1 * h)],
            [0.05 * h, 0.032 * h], lit(look.hair, 0.9),
        )  # fmt: skip
    canvas.ellipse((x, y), (0.055 * h, 0.068 * h), lit(look.skin, 0.88), turn=0.12)
    canvas.ellipse((x + 0.004 * h, y + 0.006 * h), (0.046 * h, 0.058 * h), look.skin, turn=0.12)
    nose = [(x + 0.045 * h, y + 0.01 * h), (x + 0.066 * h, y - 0.016 * h)]
    canvas.polygon([*nose, (x + 0.045 * h, y - 0.02 * h)], lit(look.skin, 0.95))
    canvas.ellipse((x + 0.034 * h, y + 0.01 * h), (0.006 * h, 0.006 * h), (40, 40, 44))
    canvas.ellipse((x - 0.006 * h, y - 0.006 * h), (0.01 * h, 0.016 * h), lit(look.skin, 0.8))
    cap = [(0.05, 0.025), (0.04, 0.075), (-0.01, 0.088), (-0.062, 0.06), (-0.068, 0.0),
           (-0.046, -0.045), (-0.03, -0.03), (-0.018, 0.02)]  # fmt: skip
    canvas.polygon(rounded([(x + dx * h, y + dy * h) for dx, dy in cap]), look.hair)
    if look.has_hat:
        brim = [(-0.066, 0.03), (0.05, 0.03), (0.095, 0.022), (0.05, 0.045), (0.035, 0.092),
                (-0.045, 0.09)]  # fmt: skip
        canvas.polygon(rounded([(x + dx * h, y + dy * h) for dx, dy in brim], 1), look.accent)


def _draw_frontal(canvas: Canvas, look: PersonLook, phase: float | None, facing: Facing) -> None:
    h, g = look.height, look.girth
    hip_y = (_THIGH + _SHIN + _ANKLE) * h
    shoulder_y = hip_y + _TORSO * h
    for side in (-1, 1):
        lift = 0.0 if phase is None else max(0.0, side * sin(2 * pi * phase))
        _draw_frontal_leg(canvas, look, side, hip_y, lift)
    _draw_skirt(canvas, look, (0.0, hip_y), spread=0.15)
    for side in (-1, 1):
        reach = 0.0 if phase is None else side * sin(2 * pi * phase)
        _draw_frontal_arm(canvas, look, side, shoulder_y, reach)
    half = 0.098 * h * g
    outline = rounded([
        (-0.082 * h * g, hip_y - 0.06 * h), (0.082 * h * g, hip_y - 0.06 * h),
        (0.07 * h * g, hip_y + 0.1 * h), (half, shoulder_y - 0.06 * h),
        (half * 0.9, shoulder_y + 0.01 * h), (0.0, shoulder_y + 0.05 * h),
        (-half * 0.9, shoulder_y + 0.01 * h), (-half, shoulder_y - 0.06 * h),
        (-0.07 * h * g, hip_y + 0.1 * h),
    ])  # fmt: skip
    canvas.polygon(outline, lit(look.top, 0.82))
    middle = np.array([0.0, (hip_y + shoulder_y) / 2])
    canvas.polygon((outline - middle) * (0.84, 0.97) + middle + (-0.006 * h, 0.004 * h), look.top)
    _draw_front_details(canvas, look, facing, hip_y, shoulder_y)
    _draw_frontal_head(canvas, look, facing, shoulder_y + 0.112 * h)


def _draw_frontal_leg(
    canvas: Canvas, look: PersonLook, side: int, hip_y: float, lift: float
) -> None:
    h, g = look.height, look.girth
    hip = (side * 0.04 * h * g, hip_y)
    knee = (side * 0.006 * h, (0.02 * lift - _THIGH) * h)
    ankle = (side * 0.004 * h, 0.075 * lift * h - (_THIGH + _SHIN) * h)
    toe = (side * 0.014 * h, ankle[1] - 0.018 * h)
    _draw_leg(canvas, look, hip, (knee, ankle, toe), 1 - 0.16 * lift)  # a lifted leg is behind


def _draw_frontal_arm(
    canvas: Canvas, look: PersonLook, side: int, shoulder_y: float, reach: float
) -> None:
    h, g = look.height, look.girth
    start = (side * 0.08 * h * g, shoulder_y - 0.016 * h)
    elbow = (side * 0.108 * h * g, start[1] - _UPPER_ARM * h)
    wrist = (side * 0.11 * h * g, elbow[1] - _FOREARM * h * (1 - 0.28 * max(0.0, reach)))
    skin, sleeve = look.skin, lit(look.top, 0.94)
    canvas.limb([wrist, (wrist[0], wrist[1] - 0.03 * h)], [0.02 * h, 0.017 * h], skin)
    lower = sleeve if look.is_long_sleeved or look.has_coat else skin
    canvas.limb([elbow, wrist], [0.025 * h, 0.02 * h], lower)
    canvas.limb([start, elbow], [0.035 * h, 0.027 * h], sleeve)


def _draw_front_details(
    canvas: Canvas, look: PersonLook, facing: Facing, hip_y: float, shoulder_y: float
) -> None:
    h, g = look.height, look.girth
    if look.is_striped:
        for part in np.arange(0.08, 0.95, 0.16):
            y = hip_y + part * (shoulder_y - hip_y)
            canvas.line([(-0.062 * h * g, y), (0.062 * h * g, y)], 0.018 * h, look.accent)
    if look.has_backpack and facing == "back":
        pack = [(-0.075, 0.0), (0.075, 0.0), (0.08, -0.22), (-0.08, -0.22)]
        canvas.polygon(rounded([(x * h, shoulder_y + y * h) for x, y in pack]), look.bag)
    if look.has_backpack and facing == "front":
        for side in (-1, 1):
            strap = [(side * 0.055 * h, shoulder_y + 0.025 * h), (side * 0.06 * h, hip_y + 0.1 * h)]
            canvas.line(strap, 0.02 * h, lit(look.bag, 0.8))


def _draw_frontal_head(canvas: Canvas, look: PersonLook, facing: Facing, y: float) -> None:
    h = look.height
    if look.has_long_hair:
        canvas.ellipse((0.0, y - 0.025 * h), (0.062 * h, 0.092 * h), lit(look.hair, 0.85))
    canvas.limb([(0.0, y - 0.09 * h), (0.0, y)], [0.032 * h] * 2, lit(look.skin, 0.9))
    canvas.ellipse((0.0, y), (0.05 * h, 0.068 * h), look.skin)
    if facing == "back":
        canvas.ellipse((0.0, y + 0.01 * h), (0.056 * h, 0.072 * h), look.hair)
    else:
        for side in (-1, 1):
            canvas.ellipse((side * 0.02 * h, y + 0.006 * h), (0.006 * h, 0.005 * h), (40, 40, 44))
        canvas.line([(-0.014 * h, y - 0.034 * h), (0.014 * h, y - 0.034 * h)], 0.007 * h,
                    lit(look.skin, 0.62))  # fmt: skip
        fringe = [(-0.056, 0.01), (-0.05, 0.065), (0.0, 0.088), (0.05, 0.065), (0.056, 0.01),
                  (0.034, 0.035), (-0.01, 0.042), (-0.04, 0.032)]  # fmt: skip
        canvas.polygon(rounded([(dx * h, y + dy * h) for dx, dy in fringe]), look.hair)
    if look.has_hat:
        crown = [(-0.066, 0.026), (0.066, 0.026), (0.05, 0.094), (-0.05, 0.094)]
        canvas.polygon(rounded([(dx * h, y + dy * h) for dx, dy in crown], 1), look.accent)
