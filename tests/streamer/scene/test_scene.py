"""The drawn street: the same numbers, the same pixels, and a truth that fits what was drawn."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from streamer.scene.config import SyntheticConfig
from streamer.scene.layer import Layer
from streamer.scene.scene import MIN_SIDE_PX, Scene
from streamer.scene.sprite import OPAQUE

SMALL = SyntheticConfig(width=320, height=180)
CLEAN = replace(SMALL, noise=0, blur=0, exposure=0, light=0, shadow=0, occluders=0)

SIZES = [
    pytest.param((320, 180), id="landscape"),
    pytest.param((180, 320), id="portrait"),
    pytest.param((641, 359), id="odd"),
    pytest.param((1280, 720), id="720p"),
]


def extent(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """(x1, y1, x2, y2) of the true pixels."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def on_picture(layer: Layer, height: int, width: int) -> NDArray[np.float64]:
    """(height, width) opacity of the layer, 0..1, pixel by pixel."""
    sheet = np.zeros((height, width))
    for row, column in np.argwhere(layer.pixels[..., 3]):
        y, x = row + layer.top, column + layer.left
        if 0 <= y < height and 0 <= x < width:
            sheet[y, x] = layer.pixels[row, column, 3] / 255
    return sheet


def test_same_seed_draws_same_pixels_and_truth() -> None:
    one, two = Scene(SMALL), Scene(SMALL)
    for index in (0, 1, 2):
        (pixels, truth), (again, truth_again) = one.render(index), two.render(index)
        np.testing.assert_array_equal(pixels, again)
        np.testing.assert_array_equal(truth.xyxy, truth_again.xyxy)
        np.testing.assert_array_equal(truth.visible, truth_again.visible)


def test_a_frame_does_not_depend_on_the_frames_drawn_before() -> None:
    walked = Scene(SMALL)
    for index in (90, 3, 41):
        walked.render(index)
    np.testing.assert_array_equal(walked.render(40)[0], Scene(SMALL).render(40)[0])


def test_another_seed_is_another_street() -> None:
    one, two = Scene(CLEAN), Scene(replace(CLEAN, seed=1))
    assert np.abs(one.background.astype(int) - two.background).mean() > 10
    assert one.render(0)[1].xyxy.tolist() != two.render(0)[1].xyxy.tolist()


def test_pictures_are_writable_and_never_share_pixels() -> None:
    scene = Scene(SMALL)
    first, _ = scene.render(0)
    kept = first.copy()
    second, _ = scene.render(0)
    second[:] = 0
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_array_equal(scene.render(0)[0], kept)


@pytest.mark.parametrize("size", SIZES)
def test_boxes_fit_the_drawn_opacity_within_a_pixel(size: tuple[int, int]) -> None:
    scene = Scene(replace(CLEAN, width=size[0], height=size[1], objects=12))
    for index in (0, 33, 66):
        for layer in scene.layers(index).values():
            x1, y1, x2, y2 = extent(layer.pixels[..., 3] >= OPAQUE)
            drawn = (x1 + layer.left, y1 + layer.top, x2 + layer.left, y2 + layer.top)
            # The box is exact to a fraction, the drawn extent is whole pixels: 1 px; a nose or a
            # shoe of less than a pixel fades below half opacity: 0.5 px more.
            np.testing.assert_allclose(layer.box, drawn, atol=1.5)


@pytest.mark.parametrize("seed", range(6))
def test_a_lone_object_changes_the_street_just_inside_its_box(seed: int) -> None:
    scene = Scene(replace(CLEAN, width=640, height=360, objects=1, seed=seed))
    compared = 0
    for index in range(0, 300, 30):
        pixels, truth = scene.render(index)
        if not len(truth) or truth.visible[0] < 0.999:
            continue
        changed = np.abs(pixels.astype(int) - scene.background).max(axis=2) > 24
        # 2 px: bodies of the colour behind them do not show to their very edge.
        np.testing.assert_allclose(truth.xyxy[0], extent(changed), atol=2)
        compared += 1
    assert compared >= 3


def test_visible_share_is_what_a_pixel_by_pixel_painter_leaves() -> None:
    config = replace(CLEAN, objects=30, occluders=5)
    scene = Scene(config)
    for index in (0, 50):
        _, truth = scene.render(index)
        everyone = scene.layers(index)
        things = [*everyone.values(), *scene.occluders]
        sheets = {id(layer): on_picture(layer, config.height, config.width) for layer in things}
        for object_id, visible in zip(truth.object_id.tolist(), truth.visible, strict=True):
            layer = everyone[object_id]
            seen = sheets[id(layer)].copy()
            for other in things:
                if other.foot_px > layer.foot_px:
                    seen *= 1 - sheets[id(other)]
            whole = layer.pixels[..., 3].sum() / 255
            # 0.02: bytes against exact numbers.
            assert visible == pytest.approx(seen.sum() / whole, abs=0.02)
        assert truth.visible.min() < 0.7, "nobody is hidden: the scene proves nothing"
        assert truth.visible.max() > 0.99


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    index=st.integers(0, 100_000),
    width=st.integers(64, 400),
    height=st.integers(64, 400),
    objects=st.integers(0, 20),
)
def test_truth_lies_in_the_picture_and_names_each_object_once(
    seed: int, index: int, width: int, height: int, objects: int
) -> None:
    config = SyntheticConfig(width=width, height=height, seed=seed, objects=objects)
    pixels, truth = Scene(config).render(index)
    assert pixels.shape == (height, width, 3)
    assert truth.xyxy.shape == (len(truth), 4)
    assert len(set(truth.object_id.tolist())) == len(truth) <= objects
    assert set(truth.label) <= {"person", "car", "bicycle"}
    x1, y1, x2, y2 = truth.xyxy.T
    assert ((x1 >= 0) & (y1 >= 0) & (x2 <= width) & (y2 <= height)).all()
    assert ((x2 - x1 >= MIN_SIDE_PX - 1e-3) & (y2 - y1 >= MIN_SIDE_PX - 1e-3)).all()
    assert ((truth.visible >= 0) & (truth.visible <= 1)).all()


def test_an_empty_street_has_an_empty_truth() -> None:
    _, truth = Scene(replace(SMALL, objects=0)).render(0)
    assert len(truth) == 0
    assert truth.xyxy.shape == (0, 4)


def test_objects_keep_their_id_and_label_and_move_smoothly() -> None:
    scene = Scene(replace(CLEAN, objects=10))
    last: dict[int, tuple[float, float]] = {}
    labels: dict[int, str] = {}
    followed = 0
    for index in range(60):
        now = {}
        for object_id, layer in scene.layers(index).items():
            now[object_id] = ((layer.box[0] + layer.box[2]) / 2, layer.foot_px)
        for object_id in now.keys() & last.keys():
            moved = np.subtract(now[object_id], last[object_id])
            # A car at 10 m/s and 35 px/m nearby moves 14 px in 1/25 s; arms and legs swing.
            assert np.abs(moved).max() < 16
            followed += 1
        last = now
        _, truth = scene.render(index)
        for object_id, label in zip(truth.object_id.tolist(), truth.label, strict=True):
            assert labels.setdefault(object_id, label) == label
    assert followed > 400


def test_all_kinds_are_about_in_roughly_the_number_asked_for() -> None:
    scene = Scene(replace(CLEAN, objects=12))
    truths = [scene.render(index)[1] for index in range(0, 3000, 150)]
    assert {label for truth in truths for label in truth.label} == {"person", "car", "bicycle"}
    assert 9 <= np.mean([len(truth) for truth in truths]) <= 12


def test_time_runs_by_the_rate_and_not_by_the_index() -> None:
    slow, fast = Scene(CLEAN), Scene(replace(CLEAN, rate=Fraction(50)))
    np.testing.assert_array_equal(slow.render(30)[0], fast.render(60)[0])


@pytest.mark.parametrize(
    ("name", "value", "least"),
    [
        pytest.param("noise", 8.0, 3.0, id="noise"),
        pytest.param("blur", 3.0, 1.0, id="blur"),
        pytest.param("light", 0.5, 3.0, id="light"),
        pytest.param("shadow", 1.0, 0.3, id="shadow"),
        pytest.param("exposure", 1.0, 0.02, id="exposure"),
        pytest.param("occluders", 8, 0.5, id="occluders"),
    ],
)
def test_every_disturbance_changes_the_picture(name: str, value: float, least: float) -> None:
    clean, _ = Scene(CLEAN).render(10)
    disturbed, _ = Scene(replace(CLEAN, **{name: value})).render(10)  # type: ignore[arg-type]  # one name at a time
    assert np.abs(disturbed.astype(int) - clean).mean() > least


def test_noise_has_the_standard_deviation_asked_for_and_is_new_in_each_frame() -> None:
    still = replace(CLEAN, objects=0, noise=6.0)
    scene = Scene(still)
    middle = (scene.background > 40) & (scene.background < 215)  # where nothing saturates
    one, two = (scene.render(index)[0].astype(int) - scene.background for index in (0, 1))
    assert one[middle].std() == pytest.approx(6, rel=0.03)
    assert abs(np.corrcoef(one[middle], two[middle])[0, 1]) < 0.05
