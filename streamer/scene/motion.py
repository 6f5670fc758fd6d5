"""Who is where at a time: everyone comes, goes and comes again as somebody new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import dist
from typing import Literal

import numpy as np

from streamer.scene.view import Street, View

Kind = Literal["person", "car", "bicycle"]

SPEED_M_S: dict[Kind, tuple[float, float]] = {
    "person": (1.0, 1.7),
    "car": (6.0, 10.0),
    "bicycle": (3.2, 5.5),
}
ROOM_M: dict[Kind, float] = {"person": 0.8, "car": 7.0, "bicycle": 3.2}  # with the gap behind
_EDGE_M: dict[Kind, float] = {"person": 1.4, "car": 3.6, "bicycle": 2.0}  # shadow and all
_SHARE: dict[Kind, float] = {"person": 0.42, "car": 0.32, "bicycle": 0.26}

Place = tuple[float, float]  # metres: right of the middle, depth


@dataclass(frozen=True, slots=True)
class Path:
    """A way over the ground, walked at one speed, with one rest.

    Attributes:
        corners: where it leads, from the first place to the last.
        speed: metres a second.
        rest_at: metres from the start where the rest is taken.
        rest_s: seconds it takes.
    """

    corners: tuple[Place, ...]
    speed: float
    rest_at: float = 0.0
    rest_s: float = 0.0

    @property
    def length(self) -> float:
        """Metres."""
        return sum(dist(one, two) for one, two in pairwise(self.corners))

    @property
    def duration(self) -> float:
        """Seconds from start to end."""
        return self.length / self.speed + self.rest_s

    def distance(self, seconds: float) -> float:
        """Metres gone after `seconds`."""
        before = self.rest_at / self.speed
        return self.speed * (seconds - min(max(seconds - before, 0.0), self.rest_s))

    def is_resting(self, seconds: float) -> bool:
        """Whether the rest is being taken."""
        before = self.rest_at / self.speed
        return before < seconds < before + self.rest_s

    def at(self, distance: float) -> tuple[Place, Place]:
        """The place after `distance` metres, and the step of one metre from there."""
        one, two = self.corners[:2]
        left = distance
        for corner in self.corners[2:]:
            if left <= dist(one, two):
                break
            left -= dist(one, two)
            one, two = two, corner
        long = dist(one, two)
        step = ((two[0] - one[0]) / long, (two[1] - one[1]) / long)
        return (one[0] + left * step[0], one[1] + left * step[1]), step


@dataclass(frozen=True, slots=True)
class Slot:
    """A part that is played again and again, each time by somebody new.

    Attributes:
        kind: what plays it.
        path: where.
        period: seconds from one entrance to the next, at least the path's duration.
        phase: seconds of the first performance that were over at time 0.
    """

    kind: Kind
    path: Path
    period: float
    phase: float

    def performance(self, time_s: float) -> tuple[int, float] | None:
        """Which performance is on, and the seconds since it began; None between two."""
        count, since = divmod(time_s + self.phase, self.period)
        return (int(count), since) if since <= self.path.duration else None


def cast_slots(seed: int, count: int, view: View, street: Street) -> list[Slot]:
    """`count` slots of all kinds, spread over the street."""
    rng = np.random.default_rng((seed, 11))
    people, cars, bicycles = _shares(count)
    slots = [_walk(rng, view, street) for _ in range(people)]
    lanes = _lanes(street)
    slots += _vehicles(rng, "car", cars, view, lanes[:2])
    slots += _vehicles(rng, "bicycle", bicycles, view, lanes[2:])
    return slots


def _shares(count: int) -> tuple[int, int, int]:
    people = round(_SHARE["person"] * count)
    cars = round(_SHARE["car"] * count)
    return people, min(cars, count - people), max(0, count - people - cars)


def _lanes(street: Street) -> list[tuple[float, int]]:
    """Depth and direction of the far and near car lane, then of the far and near cycle lane."""
    near = 1 if street.keeps_right else -1
    wide = street.far_kerb - street.near_kerb
    parts = ((0.70, -near), (0.27, near), (0.93, -near), (0.06, near))
    return [(street.near_kerb + part * wide, direction) for part, direction in parts]


def _across(view: View, depth: float, direction: int, edge: float) -> tuple[Place, Place]:
    half = view.half_width_m(depth) + edge
    return (-direction * half, depth), (direction * half, depth)


def _vehicles(
    rng: np.random.Generator, kind: Kind, count: int, view: View, lanes: Sequence[tuple[float, int]]
) -> list[Slot]:
    """Slots in lanes; those of one lane share its speed, so that nobody drives through another."""
    slots: list[Slot] = []
    far = (count + int(rng.integers(2))) // 2
    for number, (depth, direction) in zip((far, count - far), lanes, strict=True):
        speed = float(rng.uniform(*SPEED_M_S[kind]))
        path = Path(_across(view, depth, direction, _EDGE_M[kind]), speed)
        room = ROOM_M[kind] / speed
        period = max(path.duration * 1.02, number * room)
        start = float(rng.uniform(0, period))
        for index in range(number):
            slack = rng.uniform(0, 0.8) * (period / number - room)
            slots.append(Slot(kind, path, period, (start + index * period / number + slack)))
    return slots


def _walk(rng: np.random.Generator, view: View, street: Street) -> Slot:
    make = _crossing if rng.random() < 0.3 else _stroll
    path = make(rng, view, street)
    period = path.duration * 1.03
    return Slot("person", path, period, float(rng.uniform(0, period)))


def _stroll(rng: np.random.Generator, view: View, street: Street) -> Path:
    """Along one of the pavements, perhaps with a rest."""
    near_edge = view.depth_m(view.height * 1.04)
    sides = ((street.far_kerb + 0.3, street.facade - 0.4), (near_edge, street.near_kerb - 0.3))
    low, high = sides[int(rng.random() < 0.6)]
    # Even in the picture, not on the ground: the far end would hold nearly everybody.
    foot = rng.uniform(view.foot_px(high), view.foot_px(low))
    depth = view.depth_m(foot)
    ends = _across(view, depth, 1 if rng.random() < 0.5 else -1, _EDGE_M["person"])
    speed = float(rng.uniform(*SPEED_M_S["person"]))
    length = abs(ends[1][0] - ends[0][0])
    rest = float(rng.uniform(2, 6)) if rng.random() < 0.4 else 0.0
    return Path(ends, speed, rest_at=length * float(rng.uniform(0.25, 0.75)), rest_s=rest)


def _crossing(rng: np.random.Generator, view: View, street: Street) -> Path:
    """Along the near pavement, after a wait over the zebra crossing, and on, or all that back."""
    x = street.crossing_m + float(rng.uniform(-1.2, 1.2))
    here = street.near_kerb - float(rng.uniform(0.4, 0.8))
    there = float(rng.uniform(street.far_kerb + 0.3, street.facade - 0.4))
    sides = rng.choice((-1, 1), 2)
    ends = [
        float(side) * (view.half_width_m(depth) + _EDGE_M["person"])
        for side, depth in zip(sides, (here, there), strict=True)
    ]
    corners: tuple[Place, ...] = ((ends[0], here), (x, here), (x, there), (ends[1], there))
    if rng.random() < 0.5:
        corners = corners[::-1]
    speed = float(rng.uniform(*SPEED_M_S["person"]))
    return Path(corners, speed, rest_at=dist(*corners[:2]), rest_s=float(rng.uniform(0.5, 3)))
