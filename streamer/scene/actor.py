"""The cast of a scene: what a slot's player looks like, and which drawing shows him now."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from streamer.scene.bicycle import PHASES as CRANK_PHASES
from streamer.scene.bicycle import bicycle_look, draw_bicycle
from streamer.scene.car import PHASES as WHEEL_PHASES
from streamer.scene.car import car_look, draw_car
from streamer.scene.motion import Kind, Place, Slot
from streamer.scene.person import PHASES as WALK_PHASES
from streamer.scene.person import Facing, draw_person, person_look
from streamer.scene.sprite import Sprite, SpriteCache, bucket_ppm

_STEEP = 0.75  # share of depth in a step from which on a walker shows his front or back


@dataclass(frozen=True, slots=True)
class Actor:
    """One person, car or bicycle at one moment.

    Attributes:
        kind: what.
        object_id: who; the same over all of his performance, never used again.
        place: metres right of the middle, depth.
        step: the way of one metre.
        distance: metres since his entrance.
        speed: metres a second now.
        is_resting: stands still.
    """

    kind: Kind
    object_id: int
    place: Place
    step: Place
    distance: float
    speed: float
    is_resting: bool


def actors_at(slots: list[Slot], time_s: float) -> list[Actor]:
    """Everyone whose performance is on."""
    found = []
    for number, slot in enumerate(slots):
        now = slot.performance(time_s)
        if now is None:
            continue
        count, since = now
        distance = slot.path.distance(since)
        place, step = slot.path.at(distance)
        resting = slot.path.is_resting(since)
        speed = 0.0 if resting else slot.path.speed
        object_id = count * len(slots) + number
        found.append(Actor(slot.kind, object_id, place, step, distance, speed, resting))
    return found


class Wardrobe:
    """Draws actors, and keeps the drawings for the next frames.

    Args:
        seed: the scene's; with an actor's id it settles how he looks.
        max_bytes: memory for drawings.
    """

    def __init__(self, seed: int, max_bytes: int) -> None:
        self._seed = seed
        self._cache = SpriteCache(max_bytes)

    def sprite(self, actor: Actor, ppm: float) -> Sprite:
        """The actor as he is now, at least `ppm` px a metre up to the largest drawing."""
        draw = {"person": self._person, "car": self._car, "bicycle": self._bicycle}[actor.kind]
        return draw(actor, bucket_ppm(ppm))

    def _rng(self, actor: Actor) -> np.random.Generator:
        return np.random.default_rng((self._seed, 23, actor.object_id))

    def _person(self, actor: Actor, ppm: int) -> Sprite:
        look = person_look(self._rng(actor))
        facing: Facing = "side"
        if abs(actor.step[1]) > _STEEP:
            facing = "back" if actor.step[1] > 0 else "front"
        phase = None if actor.is_resting else _phase(actor.distance / look.stride_m, WALK_PHASES)
        return self._cache.get(
            (actor.object_id, facing, phase, ppm),
            lambda: draw_person(look, facing, phase, ppm, actor.object_id),
        )

    def _car(self, actor: Actor, ppm: int) -> Sprite:
        look = car_look(self._rng(actor))
        phase = _phase(actor.distance / look.stride_m, WHEEL_PHASES)
        return self._cache.get(
            (actor.object_id, phase, ppm), lambda: draw_car(look, phase, ppm, actor.object_id)
        )

    def _bicycle(self, actor: Actor, ppm: int) -> Sprite:
        look = bicycle_look(self._rng(actor))
        phase = _phase(actor.distance / look.stride_m, CRANK_PHASES)
        return self._cache.get(
            (actor.object_id, phase, ppm), lambda: draw_bicycle(look, phase, ppm, actor.object_id)
        )


def _phase(turns: float, phases: int) -> float:
    """The part of a turn, as the nearest of a few drawings."""
    return round(turns % 1 * phases) % phases / phases
