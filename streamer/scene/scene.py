"""The whole street: any frame of it, drawn from its number alone."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.scene.actor import Actor, Wardrobe, actors_at
from streamer.scene.config import SyntheticConfig
from streamer.scene.facade import draw_backdrop
from streamer.scene.ground import draw_ground
from streamer.scene.layer import Layer, Stand, blend, cast_shadow, place, visible_shares
from streamer.scene.lens import Lens
from streamer.scene.motion import Slot, cast_slots
from streamer.scene.occluder import set_occluders
from streamer.scene.sprite import Sprite
from streamer.scene.view import Street, View
from streamer.truth import Truth

MIN_SIDE_PX = 4.0  # smaller in the picture than this, nobody could tell what it is
# Drawings of 8 objects in all their phases take some 30 bytes a pixel of the picture; a scene that
# keeps more than it needs grows for minutes before it is full.
_WARDROBE_BYTES_A_PIXEL = 40 / 8
_WARDROBE_BYTES = (8 << 20, 128 << 20)
_PPM_OF_SIDE = 0.11  # px a metre on the lower edge, as a part of the picture's middling side


@dataclass(frozen=True, slots=True)
class Sun:
    """How shadows fall: columns right and rows up the picture for each row of height."""

    slant: float
    flat: float


class Scene:
    """A street with people, cars and bicycles.

    Each frame follows from the configuration and its index alone, in any order, so several
    processes can draw parts of one scene. Not for several threads at once.

    Args:
        config: the size, the seed and the rest.
    """

    def __init__(self, config: SyntheticConfig) -> None:
        self._config = config
        rng = np.random.default_rng((config.seed, 1))
        self._view, self._street = _survey(rng, config)
        self._sun = Sun(float(rng.uniform(-0.6, 0.6)), float(rng.choice((-0.22, 0.28))))
        self._slots: list[Slot] = cast_slots(config.seed, config.objects, self._view, self._street)
        self._wardrobe = Wardrobe(config.seed, _wardrobe_bytes(config))
        self._lens = Lens(config)
        self._background = np.zeros((config.height, config.width, 3), np.uint8)
        self._draw_background()
        self._occluders = self._set_occluders()

    @property
    def background(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 BGR, the empty street without things in the way; a copy."""
        return self._background.copy()

    @property
    def occluders(self) -> list[Layer]:
        """The things in the way, which stand still."""
        return list(self._occluders)

    def render(self, index: int) -> tuple[NDArray[np.uint8], Truth]:
        """The frame and what is in it.

        Args:
            index: 0 or more.

        Returns:
            (H, W, 3) uint8 BGR, the caller's own, and the truth, nearest object last.
        """
        time_s = float(index / self._config.rate)
        actors = actors_at(self._slots, time_s)
        stands = [(actor, *self._stand(actor)) for actor in actors]
        picture = self._background.copy()
        self._draw_shadows(picture, [(sprite, stand) for _, sprite, stand in stands])
        placed = [(actor, place(sprite, stand)) for actor, sprite, stand in stands]
        everything: list[tuple[Actor | None, Layer]] = [*placed]
        everything += [(None, layer) for layer in self._occluders]
        everything.sort(key=lambda pair: pair[1].foot_px)
        for _, layer in everything:
            blend(picture, layer)
        return self._lens(picture, index, time_s), self._truth(everything)

    def layers(self, index: int) -> dict[int, Layer]:
        """Each actor's layer at a frame by object id, also those outside the picture."""
        actors = actors_at(self._slots, float(index / self._config.rate))
        return {actor.object_id: place(*self._stand(actor)) for actor in actors}

    def _stand(self, actor: Actor) -> tuple[Sprite, Stand]:
        x, depth = actor.place
        ppm = self._view.ppm(depth)
        shutter_s = self._config.exposure / float(self._config.rate)
        stand = Stand(
            x=self._view.column_px(x, depth),
            y=self._view.foot_px(depth),
            ppm=ppm,
            is_mirrored=actor.step[0] < 0,
            smear_px=actor.speed * abs(actor.step[0]) * ppm * shutter_s,
        )
        return self._wardrobe.sprite(actor, ppm), stand

    def _draw_shadows(
        self, picture: NDArray[np.uint8], standing: list[tuple[Sprite, Stand]]
    ) -> None:
        if not self._config.shadow or not standing:
            return
        shade = np.zeros(picture.shape[:2], np.uint8)
        for sprite, stand in standing:
            cast_shadow(shade, sprite, stand, slant=self._sun.slant, flat=self._sun.flat)
        # Above the houses' feet nothing lies on the ground.
        top = round(self._view.foot_px(self._street.facade))
        light = cv2.convertScaleAbs(shade[top:], alpha=-self._config.shadow, beta=0)
        light = cv2.cvtColor(255 - light, cv2.COLOR_GRAY2BGR)
        picture[top:] = cv2.multiply(picture[top:], light, scale=1 / 255)

    def _truth(self, everything: list[tuple[Actor | None, Layer]]) -> Truth:
        size = (self._config.height, self._config.width)
        shares = visible_shares([layer for _, layer in everything], *size)
        rows = [
            (actor, box, share)
            for (actor, layer), share in zip(everything, shares, strict=True)
            if actor is not None and (box := _clipped(layer.box, *size)) is not None
        ]
        return Truth(
            xyxy=np.array([box for _, box, _ in rows], np.float32).reshape(-1, 4),
            label=tuple(actor.kind for actor, _, _ in rows),
            object_id=np.array([actor.object_id for actor, _, _ in rows], np.int64),
            visible=np.array([share for _, _, share in rows], np.float32),
        )

    def _draw_background(self) -> None:
        rng = np.random.default_rng((self._config.seed, 3))
        view, street = self._view, self._street
        base = round(view.foot_px(street.facade))
        draw_backdrop(self._background, rng, base, view.ppm(street.facade))
        draw_ground(self._background, rng, view, street)
        tint = rng.uniform(0.93, 1.07, 3)  # the white balance is never quite right
        self._background = cv2.multiply(self._background, (*tint, 1.0))

    def _set_occluders(self) -> list[Layer]:
        rng = np.random.default_rng((self._config.seed, 5))
        view = self._view
        standing = [
            (thing.sprite, Stand(view.column_px(thing.x, thing.depth), view.foot_px(thing.depth),
                                 view.ppm(thing.depth)))
            for thing in set_occluders(rng, self._config.occluders, view, self._street)
        ]  # fmt: skip
        self._draw_shadows(self._background, standing)
        return [place(sprite, stand) for sprite, stand in standing]


def _wardrobe_bytes(config: SyntheticConfig) -> int:
    wanted = _WARDROBE_BYTES_A_PIXEL * config.width * config.height * config.objects
    return int(np.clip(wanted, *_WARDROBE_BYTES))


def _survey(rng: np.random.Generator, config: SyntheticConfig) -> tuple[View, Street]:
    """Where the camera and the street's lines are."""
    high = config.height
    side = float(np.sqrt(config.width * config.height))
    near_ppm = side * _PPM_OF_SIDE * float(rng.uniform(0.88, 1.15))
    view = View(config.width, high, float(rng.uniform(0.08, 0.16)) * high, near_ppm)
    facade = float(rng.uniform(0.33, 0.38))
    far_kerb = facade + float(rng.uniform(0.06, 0.08))
    near_kerb = float(rng.uniform(0.8, 0.85))
    far, near = view.depth_m(far_kerb * high), view.depth_m(near_kerb * high)
    street = Street(
        facade=view.depth_m(facade * high),
        far_kerb=far,
        middle=near + 0.48 * (far - near),
        near_kerb=near,
        keeps_right=bool(rng.random() < 0.5),
        crossing_m=float(rng.uniform(-0.6, 0.6)) * view.half_width_m(near),
    )
    return view, street


def _clipped(
    box: tuple[float, float, float, float], height: int, width: int
) -> tuple[float, float, float, float] | None:
    """The part of the box in the picture, or None where it is too small to tell."""
    x1, y1, x2, y2 = box
    x1, y1, x2, y2 = max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height))
    return (x1, y1, x2, y2) if min(x2 - x1, y2 - y1) >= MIN_SIDE_PX else None
