"""Cars from the side: several bodies, wheels that turn."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi, sin

import numpy as np

from streamer.scene.canvas import Canvas, Finish, Point, between, ellipse_points, rounded
from streamer.scene.colour import PAINT, Bgr, lit, pick
from streamer.scene.sprite import Sprite

PHASES = 4  # drawings of one turn from spoke to spoke
SPOKES = 5
_GLASS: Bgr = (92, 74, 58)
_TRIM: Bgr = (40, 38, 37)
_TYRE: Bgr = (30, 29, 29)


@dataclass(frozen=True, slots=True)
class Body:
    """A body's outline in parts of its length and height, nose to the right.

    Attributes:
        length: (shortest, longest) metres.
        height: metres.
        shell: outline from the tail's foot over the roof to the nose's foot.
        windows: outlines of the side windows.
        axles: columns of the two wheels.
        wheel: radius in metres.
    """

    length: tuple[float, float]
    height: float
    shell: tuple[Point, ...]
    windows: tuple[tuple[Point, ...], ...]
    axles: tuple[float, float]
    wheel: float


SALOON = Body(
    (4.4, 4.9), 1.45,
    ((-.495, .14), (-.5, .45), (-.49, .61), (-.35, .655), (-.22, .965), (-.06, 1.0), (.06, .98),
     (.22, .66), (.44, .575), (.5, .44), (.497, .14)),
    (((-.285, .665), (-.205, .9), (-.06, .935), (-.06, .665)),
     ((-.04, .665), (-.04, .935), (.05, .915), (.175, .665))),
    (-.31, .31), 0.32,
)  # fmt: skip
HATCHBACK = Body(
    (3.7, 4.2), 1.5,
    ((-.49, .14), (-.5, .42), (-.485, .64), (-.42, .93), (-.3, .99), (-.02, 1.0), (.08, .97),
     (.26, .65), (.45, .56), (.5, .42), (.495, .14)),
    (((-.42, .66), (-.375, .88), (-.29, .93), (-.1, .935), (-.1, .66)),
     ((-.075, .66), (-.075, .935), (.06, .92), (.205, .66))),
    (-.32, .325), 0.31,
)  # fmt: skip
ESTATE = Body(
    (4.5, 4.9), 1.5,
    ((-.495, .14), (-.5, .45), (-.49, .65), (-.44, .93), (-.36, .99), (0, 1.0), (.07, .97),
     (.22, .65), (.44, .57), (.5, .43), (.497, .14)),
    (((-.445, .66), (-.405, .88), (-.26, .92), (-.26, .66)),
     ((-.245, .66), (-.245, .925), (-.07, .935), (-.07, .66)),
     ((-.05, .66), (-.05, .935), (.05, .915), (.175, .66))),
    (-.31, .315), 0.33,
)  # fmt: skip
SUV = Body(
    (4.3, 4.8), 1.72,
    ((-.49, .18), (-.5, .46), (-.49, .66), (-.46, .93), (-.38, .99), (.04, 1.0), (.11, .97),
     (.24, .68), (.45, .61), (.5, .5), (.495, .18)),
    (((-.455, .68), (-.43, .89), (-.27, .93), (-.27, .68)),
     ((-.25, .68), (-.25, .935), (-.07, .94), (-.07, .68)),
     ((-.045, .68), (-.045, .94), (.085, .925), (.19, .68))),
    (-.31, .32), 0.38,
)  # fmt: skip
VAN = Body(
    (4.8, 5.5), 2.1,
    ((-.495, .13), (-.5, .5), (-.495, .93), (-.48, .985), (.15, 1.0), (.25, .97), (.37, .62),
     (.47, .52), (.5, .38), (.495, .13)),
    (((.115, .62), (.115, .9), (.235, .9), (.335, .62)),),
    (-.31, .335), 0.35,
)  # fmt: skip
PICKUP = Body(
    (5.0, 5.4), 1.75,
    ((-.495, .2), (-.5, .42), (-.495, .64), (-.16, .645), (-.13, .96), (-.06, 1.0), (.1, .98),
     (.22, .67), (.45, .6), (.5, .5), (.495, .2)),
    (((-.115, .68), (-.095, .92), (-.01, .93), (-.01, .68)),
     ((.01, .68), (.01, .93), (.09, .92), (.18, .68))),
    (-.31, .325), 0.38,
)  # fmt: skip
BODIES = (SALOON, HATCHBACK, ESTATE, SUV, VAN, PICKUP)


@dataclass(frozen=True, slots=True)
class CarLook:
    """One car."""

    body: Body
    length: float
    paint: Bgr
    rim: Bgr
    driver: Bgr
    is_two_tone: bool
    has_rails: bool

    @property
    def stride_m(self) -> float:
        """Metres of ground from spoke to spoke."""
        return 2 * pi * self.body.wheel / SPOKES


def car_look(rng: np.random.Generator) -> CarLook:
    """A car nobody has seen before."""
    body = BODIES[int(rng.choice(len(BODIES), p=(0.22, 0.24, 0.16, 0.2, 0.1, 0.08)))]
    return CarLook(
        body=body,
        length=float(rng.uniform(*body.length)),
        paint=pick(rng, PAINT),
        rim=pick(rng, ((176, 174, 172), (130, 128, 126), (70, 68, 68))),
        driver=pick(rng, ((60, 60, 80), (40, 40, 44), (90, 80, 70))),
        is_two_tone=bool(rng.random() < 0.2),
        has_rails=bool(rng.random() < 0.4),
    )


def draw_car(look: CarLook, phase: float, ppm: float, seed: int) -> Sprite:
    """The car, its nose to the right.

    Args:
        look: which.
        phase: 0..1 of the turn from spoke to spoke.
        ppm: px a metre.
        seed: of the dirt.
    """
    canvas = Canvas(half_m=look.length / 2 + 0.2, top_m=look.body.height * 1.06, ppm=ppm)
    _draw_shell(canvas, look)
    _draw_windows(canvas, look)
    _draw_trim(canvas, look)
    for axle in look.body.axles:
        _draw_wheel(canvas, look, axle * look.length, phase)
    return canvas.sprite(Finish(top=1.05, bottom=0.85, grain=0.02, seed=seed))


def _scaled(look: CarLook, points: tuple[Point, ...]) -> list[Point]:
    return [(x * look.length, y * look.body.height) for x, y in points]


def _draw_shell(canvas: Canvas, look: CarLook) -> None:
    rear, front = (axle * look.length for axle in look.body.axles)
    underside = [(rear, 0.13), (front, 0.13), (front, 0.5), (rear, 0.5)]
    canvas.polygon(underside, lit(_TRIM, 0.5))
    shell = rounded(_scaled(look, look.body.shell))
    canvas.polygon(shell, look.paint)
    waist = 0.6 * look.body.height
    bands = ((0.0, 0.3, 0.62), (0.3, 0.42, 0.82), (0.54, 0.6, 1.16), (0.6, 0.64, 1.07))
    for low, high, light in bands:  # the ground and the sky mirrored in the paint
        band = between(shell, low * look.body.height, high * look.body.height)
        canvas.polygon(band, lit(look.paint, light))
    if look.is_two_tone:
        roof = between(shell, 0.945 * look.body.height, look.body.height)
        canvas.polygon(roof, lit(look.paint, 0.3))
    seam = lit(look.paint, 0.72)
    end = 0.47 * look.length
    canvas.line([(-end, waist * 0.78), (end, waist * 0.8)], 0.02, seam)


def _draw_windows(canvas: Canvas, look: CarLook) -> None:
    for outline in look.body.windows:
        points = np.array(_scaled(look, outline))
        middle = points.mean(axis=0)
        canvas.polygon((points - middle) * 1.08 + middle, _TRIM)
        canvas.polygon(points, _GLASS)
        low, high = points[:, 1].min(), points[:, 1].max()
        canvas.polygon(between(points, low + 0.62 * (high - low), high), lit(_GLASS, 1.7))
    _draw_driver(canvas, look)


def _draw_driver(canvas: Canvas, look: CarLook) -> None:
    front = np.array(_scaled(look, look.body.windows[-1]))
    low, high = front[:, 1].min(), front[:, 1].max()
    x, size = front[:, 0].min() + 0.3, high - low
    canvas.ellipse((x, low + 0.55 * size), (0.2 * size, 0.26 * size), lit(look.driver, 0.9))
    back = [(x - 0.34 * size, low), (x - 0.2 * size, low + 0.32 * size), (x + 0.2 * size,
            low + 0.3 * size), (x + 0.34 * size, low)]  # fmt: skip
    canvas.polygon(back, lit(look.driver, 0.6))


def _draw_trim(canvas: Canvas, look: CarLook) -> None:
    high, half = look.body.height, look.length / 2
    seams = sorted({x for window in look.body.windows for x, _ in window[-1:]})
    for x in seams:
        top, foot = (x * look.length, 0.66 * high), (x * look.length, 0.24 * high)
        canvas.line([top, foot], 0.015, lit(look.paint, 0.6))
        handle = [(x * look.length - 0.22, 0.57 * high), (x * look.length - 0.06, 0.57 * high)]
        canvas.line(handle, 0.035, lit(look.paint, 0.55))
    sill = between(rounded(_scaled(look, look.body.shell)), 0.1 * high, 0.1 * high + 0.17)
    canvas.polygon(sill, _TRIM)
    lamp = [(0.98, 0.45), (0.88, 0.52), (0.86, 0.46), (0.97, 0.4)]
    canvas.polygon([(x * half, y * high) for x, y in lamp], (236, 240, 244))
    tail = [(-0.99, 0.6), (-0.93, 0.59), (-0.94, 0.46), (-0.995, 0.45)]
    canvas.polygon([(x * half, y * high) for x, y in tail], (40, 36, 190))
    mirror = np.array(_scaled(look, look.body.windows[-1]))[-1]
    canvas.ellipse((mirror[0] - 0.06, mirror[1] + 0.06), (0.12, 0.075), lit(look.paint, 0.8))
    if look.has_rails and look.body in {ESTATE, SUV}:
        rail = [(-0.38 * look.length, 1.015 * high), (0.03 * look.length, 1.02 * high)]
        canvas.line(rail, 0.035, (150, 150, 150))


def _draw_wheel(canvas: Canvas, look: CarLook, x: float, phase: float) -> None:
    radius = look.body.wheel
    hub = (x, radius)
    arch = ellipse_points((x, radius + 0.03), (radius * 1.17, radius * 1.17), 0.0, 32)
    arch[:, 1] = np.maximum(arch[:, 1], 0.13 * look.body.height)
    canvas.polygon(arch, lit(_TRIM, 0.55))
    canvas.polygon(ellipse_points(hub, (radius, radius), 0.0, 32), _TYRE)
    canvas.ring(hub, radius * 0.86, 0.02, lit(_TYRE, 1.7))
    canvas.polygon(ellipse_points(hub, (radius * 0.68,) * 2, 0.0, 32), lit(look.rim, 0.45))
    for spoke in range(SPOKES):
        angle = -2 * pi * (spoke + phase) / SPOKES
        rim = (x + 0.64 * radius * cos(angle), radius + 0.64 * radius * sin(angle))
        canvas.line([hub, rim], 0.075, look.rim)
    canvas.ring(hub, radius * 0.66, 0.03, look.rim)
    canvas.ellipse(hub, (0.06, 0.06), lit(look.rim, 0.8))
