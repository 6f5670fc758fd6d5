"""Drawn things: whole, on their feet, and no more of them kept than allowed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from streamer.scene.bicycle import bicycle_look, draw_bicycle
from streamer.scene.canvas import Canvas, between
from streamer.scene.car import car_look, draw_car
from streamer.scene.layer import Layer, Stand, blend, place, visible_shares
from streamer.scene.person import draw_person, person_look
from streamer.scene.sprite import Sprite, SpriteCache, bucket_ppm

Draw = Callable[[np.random.Generator, float], Sprite]

DRAWINGS = [
    pytest.param(lambda rng, p: draw_person(person_look(rng), "side", p, 48, 0), id="person side"),
    pytest.param(lambda rng, p: draw_person(person_look(rng), "back", p, 48, 0), id="person back"),
    pytest.param(lambda rng, p: draw_person(person_look(rng), "front", None, 48, 0), id="standing"),
    pytest.param(lambda rng, p: draw_car(car_look(rng), p, 48, 0), id="car"),
    pytest.param(lambda rng, p: draw_bicycle(bicycle_look(rng), p, 48, 0), id="bicycle"),
]


def square(side: int, origin: tuple[float, float]) -> Sprite:
    """An opaque white square at 1 px a metre."""
    return Sprite(np.full((side, side, 4), 255, np.uint8), origin, 1.0)


@pytest.mark.parametrize("draw", DRAWINGS)
def test_drawings_are_whole_premultiplied_and_stand_on_the_ground(draw: Draw) -> None:
    for seed in range(25):
        sprite = draw(np.random.default_rng(seed), seed / 25)
        assert (sprite.pixels[..., :3] <= sprite.pixels[..., 3:]).all()
        edges = (sprite.alpha[0], sprite.alpha[-1], sprite.alpha[:, 0], sprite.alpha[:, -1])
        assert not any(edge.any() for edge in edges), "cut off by its own sheet"
        # 6 cm at 48 px/m: a sole or a tyre touches the ground in every phase.
        assert abs(sprite.box[3] - sprite.origin[1]) < 0.06 * 48 + 1


@pytest.mark.parametrize("draw", DRAWINGS)
def test_seeds_give_different_looks(draw: Draw) -> None:
    means = {
        tuple(np.round(draw(np.random.default_rng(seed), 0.0).pixels.mean(axis=(0, 1)), 2))
        for seed in range(8)
    }
    assert len(means) == 8


def test_walking_moves_the_legs() -> None:
    look = person_look(np.random.default_rng(0))
    wide = [draw_person(look, "side", phase / 8, 48, 0).box for phase in range(8)]
    spans = [box[2] - box[0] for box in wide]
    assert max(spans) > 1.5 * min(spans)


def test_half_pixel_places_split_a_pixel() -> None:
    layer = place(square(4, (0.0, 4.0)), Stand(x=10.5, y=20.0, ppm=1.0))
    assert layer.box == (10.5, 16.0, 14.5, 20.0)
    row = layer.pixels[17 - layer.top, :, 3]
    found = {int(column) + layer.left: int(row[column]) for column in np.flatnonzero(row)}
    assert found == {10: 128, 11: 255, 12: 255, 13: 255, 14: 128} or found == {
        10: 127, 11: 255, 12: 255, 13: 255, 14: 127,
    }  # fmt: skip


def test_mirrored_things_keep_their_place_on_the_ground() -> None:
    sprite = square(4, (1.0, 4.0))
    assert place(sprite, Stand(10, 20, 1.0)).box == (9, 16, 13, 20)
    assert place(sprite, Stand(10, 20, 1.0, is_mirrored=True)).box == (7, 16, 11, 20)


@pytest.mark.parametrize(
    ("left", "front", "share"),
    [
        pytest.param(0, None, 1.0, id="alone"),
        pytest.param(-2, None, 0.5, id="half outside"),
        pytest.param(9, None, 0.0, id="outside"),
        pytest.param(0, 2, 0.5, id="half covered"),
        pytest.param(0, 0, 0.0, id="covered"),
        pytest.param(-1, 2, 0.5, id="a quarter outside, a quarter covered"),
    ],
)
def test_visible_share_counts_what_is_outside_and_what_is_covered(
    left: int, front: int | None, share: float
) -> None:
    pixels = np.full((4, 4, 4), 255, np.uint8)
    layers = [Layer(left, 0, pixels, 4.0, (left, 0, left + 4, 4))]
    if front is not None:
        layers.append(Layer(front, 0, pixels, 5.0, (front, 0, front + 4, 4)))
    assert visible_shares(layers, 8, 8)[0] == pytest.approx(share, abs=0.01)


def test_blending_half_opaque_white_over_black_gives_grey() -> None:
    picture = np.zeros((4, 4, 3), np.uint8)
    half = np.full((2, 2, 4), 128, np.uint8)
    blend(picture, Layer(3, 3, half, 0.0, (3, 3, 5, 5)))
    assert picture[3, 3].tolist() == [128] * 3
    assert int(picture.sum()) == 3 * 128


def test_cache_forgets_the_oldest_beyond_its_bound() -> None:
    drawn: list[int] = []

    def get(cache: SpriteCache, key: int) -> None:
        def draw() -> Sprite:
            drawn.append(key)
            return square(10, (0.0, 0.0))

        cache.get(key, draw)

    cache = SpriteCache(max_bytes=2 * square(10, (0.0, 0.0)).nbytes)
    for key in (1, 2, 1, 3, 1, 2):
        get(cache, key)
    assert drawn == [1, 2, 3, 2]  # 3 pushed 2 out, 1 had just been used


@pytest.mark.parametrize(
    ("ppm", "bucket"),
    [pytest.param(1, 8, id="tiny"), pytest.param(48, 48, id="exact"),
     pytest.param(49, 64, id="next"), pytest.param(999, 256, id="largest")],
)  # fmt: skip
def test_drawing_size_is_the_next_larger_of_a_few(ppm: float, bucket: int) -> None:
    assert bucket_ppm(ppm) == bucket


@pytest.mark.parametrize(
    ("low", "high", "area"),
    [
        pytest.param(5, 6, 0.0, id="above it"),
        pytest.param(-1, 9, 4.0, id="all of it"),
        pytest.param(0.5, 1.0, 1.0, id="a band of a quarter"),
    ],
)
def test_between_cuts_an_outline_at_two_heights(low: float, high: float, area: float) -> None:
    points = between([(0, 0), (2, 0), (2, 2), (0, 2)], low, high)
    x, y = points.T
    shoelace = abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
    assert shoelace == pytest.approx(area)


def test_outlines_without_area_draw_nothing() -> None:
    canvas = Canvas(half_m=1, top_m=1, ppm=8)
    canvas.polygon([], (1, 2, 3))
    assert not canvas.sprite().alpha.any()
