"""Augmentation: as the published code's recorded run, and properties that must always hold."""

from __future__ import annotations

import random
from collections.abc import Callable

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from tests.paths import SHARED, needs_shared
from tests.train.data_sets import labelled, rectangle, textured
from train.augment.colour import ColourDraw, grey_mean, recolour
from train.augment.config import (
    ColourConfig,
    PlacementConfig,
)
from train.augment.published import draw_warp
from train.augment.visible import Window
from train.augment.warp import Warp, affine
from train.data.config import DataConfig
from train.data.mask import expand
from train.data.table import open_folder
from train.sample import Polygon, Sample, clip
from train.targets import TargetsConfig, encode

RECORDED = SHARED / "oracle" / "training"
PLAIN = ColourConfig(0, 0)

seeds = st.integers(0, 2**32 - 1)
sizes = st.tuples(st.integers(16, 200), st.integers(16, 200))


# What the published code computed for its picture of 640 x 480, numpy's generator seeded with 1.
RECORDED_MATRIX = [[1.70306325, 0.0, -503.90960693], [0.0, 1.06666667, 102.20349121]]
RECORDED_BOX = [-299.0311, 166.95016, 213.93155, 523.11017]
RECORDED_VISIBLE = [0.0, 167.27016, 214.78308, 512.8702]
ANNOTATED_BOX = (120.3, 60.7, 421.5, 394.6)


def test_the_placement_is_drawn_and_applied_as_published() -> None:
    rng = np.random.RandomState(1)  # the published code's kind of generator, in its order
    warp = draw_warp(rng, PlacementConfig(), (640, 480), (512, 512))  # type: ignore[arg-type]
    np.testing.assert_allclose(warp.matrix, RECORDED_MATRIX, atol=1e-8)
    assert not warp.is_flipped
    moved = warp(labelled(640, 480, [ANNOTATED_BOX]))
    np.testing.assert_allclose(moved.boxes_xyxy, [RECORDED_BOX], atol=1e-4)
    visible = clip(np.array([RECORDED_VISIBLE], np.float32), 512, 512)
    np.testing.assert_allclose(moved.visible(), visible, atol=1e-4)
    outline = rectangle(*ANNOTATED_BOX)
    found = Window(warp.matrix, (512, 512), (640, 480), is_flipped=False).box([outline])
    np.testing.assert_allclose(found, RECORDED_VISIBLE, atol=1e-4)


@needs_shared("oracle", "training", "aug_train__set1_seed1.npz")
def test_pixels_colours_and_targets_are_those_of_the_recorded_run() -> None:
    folder = RECORDED / "annotations_and_images"
    labels = folder / "annotations" / "instances_val2017.json"
    samples, _ = open_folder(DataConfig("coco", labels, folder / "val2017"))
    recorded = np.load(RECORDED / "aug_train__set1_seed1.npz")
    rng = np.random.RandomState(1)
    warp = draw_warp(rng, PlacementConfig(), (640, 480), (512, 512))  # type: ignore[arg-type]
    np.testing.assert_array_equal(warp.matrix, recorded["trans_input"])
    moved = warp(samples.read(0))
    # OpenCV versions differ by up to 4 grey levels here; the recorded one is 5.0.
    tolerance = 0 if cv2.__version__.startswith("5.0") else 4
    np.testing.assert_allclose(
        moved.picture.astype(int), recorded["warped"].astype(int), atol=tolerance
    )
    np.testing.assert_array_equal(moved.boxes_xyxy, recorded["bbox_input_px"])

    colours = _recorded_colours()
    matrix = colours.matrix(grey_mean(recorded["warped"]))
    changed = recorded["pre_color"] @ matrix[:, :3].T + matrix[:, 3]
    np.testing.assert_allclose(changed, recorded["post_color"], atol=1e-6)  # float32 there
    bytes_ = recolour(recorded["warped"], colours).astype(float)
    cut = np.clip(recorded["post_color"] * 255, 0, 255)
    np.testing.assert_allclose(bytes_, cut, atol=0.75)  # rounding, and OpenCV's fixed point

    targets = encode(moved, 80, 4, TargetsConfig())
    heat = np.zeros(80 * 128 * 128)
    np.maximum.at(heat, targets.heat_at, targets.heat)
    np.testing.assert_allclose(heat.reshape(80, 128, 128), recorded["hm"], atol=1e-6)


def _recorded_colours() -> ColourDraw:
    """The draws of the recorded run: its colours' generator was seeded with 124."""
    order = [0, 1, 2]
    random.Random(1).shuffle(order)
    rng = np.random.RandomState(124)
    one, two, three = (float(1 + rng.uniform(-0.4, 0.4)) for _ in range(3))
    lighting = rng.normal(scale=0.1, size=3)
    return ColourDraw((order[0], order[1], order[2]), (one, two, three), lighting)


@given(
    st.lists(st.tuples(st.floats(-5, 69), st.floats(-5, 53)), min_size=3, max_size=7),
    st.booleans(),
    st.floats(0.3, 2.5),
    st.floats(0.3, 2.5),
    st.floats(-60, 60),
    st.floats(-60, 60),
)
def test_the_visible_box_is_that_of_the_whole_pictures_mask(
    corners: list[tuple[float, float]],
    is_flipped: bool,
    scale_x: float,
    scale_y: float,
    x: float,
    y: float,
) -> None:
    outline = np.round(np.array(corners), 2).astype(np.float32)
    matrix = np.array([[scale_x, 0, x], [0, scale_y, y]])
    found = Window(matrix, (50, 40), (64, 48), is_flipped=is_flipped).box([outline])
    expected = _box_of_whole_mask(outline, matrix, is_flipped=is_flipped)
    np.testing.assert_allclose(found, expected, atol=1e-3)  # float32


def _box_of_whole_mask(
    outline: Polygon, matrix: NDArray[np.float64], *, is_flipped: bool
) -> NDArray[np.float64]:
    """The published rule pixel by pixel, for a picture of 64 x 48 and a window of 50 x 40."""
    decimal = np.round(outline.astype(float), 2).reshape(-1).tolist()
    mask = expand(coco_mask.merge(coco_mask.frPyObjects([decimal], 48, 64)))
    if is_flipped:
        mask = mask[:, ::-1]
    points = []
    for row in range(48):
        before = 0
        for column in range(65):
            now = int(mask[row, column]) if column < 64 else 0
            if now != before:
                to = matrix @ (column, row, 1)
                if -1 <= to[0] < 51 and -1 <= to[1] < 41:
                    points.append(to)
            before = now
    back = cv2.invertAffineTransform(matrix)
    for column in range(50):
        for row in range(40):
            if column not in (0, 49) and row not in (0, 39):
                continue
            source = back @ (column, row, 1)
            inside = 0 <= source[0] < 64 and 0 <= source[1] < 48
            if inside and mask[int(source[1]), int(source[0])]:
                points.append(np.array([column, row], float))
    if not points:
        return np.zeros(4)
    return np.concatenate([np.min(points, axis=0), np.max(points, axis=0)])


@given(seeds, sizes, sizes)
def test_visible_boxes_lie_in_the_picture_and_in_their_own_box(
    seed: int, source_wh: tuple[int, int], output_wh: tuple[int, int]
) -> None:
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 1, (4, 2, 2)) * source_wh
    boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1) + 1], axis=1)
    sample = labelled(*source_wh, [tuple(box) for box in boxes.tolist()])
    warp = draw_warp(rng, PlacementConfig(), source_wh, output_wh)
    moved = warp(sample)
    visible = moved.visible()
    assert moved.picture.shape == (output_wh[1], output_wh[0], 3)
    assert (visible >= 0).all()
    assert (visible <= np.tile(output_wh, 2)).all()
    assert (visible[:, 2:] >= visible[:, :2]).all()
    # A mask counts whole pixels of the source, and the published rule looks 1 px outside.
    slack = 1.01 + np.abs(warp.matrix[:, :2]).sum(axis=1)
    there = (visible[:, 2:] > visible[:, :2]).all(axis=1)
    cut = clip(moved.boxes_xyxy, *output_wh)
    assert (visible[there, :2] >= cut[there, :2] - slack).all()
    assert (visible[there, 2:] <= cut[there, 2:] + slack).all()


@given(sizes, st.lists(st.tuples(*[st.floats(0, 200)] * 4), max_size=4))
def test_mirroring_twice_changes_nothing(
    source_wh: tuple[int, int], boxes: list[tuple[float, float, float, float]]
) -> None:
    ordered = [(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)) for x1, y1, x2, y2 in boxes]
    sample = labelled(*source_wh, ordered)
    same = np.array([[1.0, 0, 0], [0, 1, 0]])
    mirror = Warp(same, *source_wh, is_flipped=True)
    twice = mirror(mirror(sample))
    np.testing.assert_array_equal(twice.picture, sample.picture)
    np.testing.assert_allclose(twice.boxes_xyxy, sample.boxes_xyxy, atol=1e-3)
    for one, other in zip(twice.polygons, sample.polygons, strict=True):
        np.testing.assert_allclose(one[0], other[0], atol=1e-3)


@given(seeds)
def test_boxes_outlines_and_pixels_move_together(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sample = labelled(64, 48, [(20, 12, 44, 36)])
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[12:36, 20:44] = 255
    sample = Sample(
        picture, sample.boxes_xyxy, sample.class_id, sample.polygons, sample.is_crowd, 0, "a"
    )
    moved = draw_warp(rng, PlacementConfig(), (64, 48), (96, 96))(sample)
    outline = moved.polygons[0][0]
    bounds = np.concatenate([outline.min(axis=0), outline.max(axis=0)])
    np.testing.assert_allclose(bounds, moved.boxes_xyxy[0], atol=1e-3)
    x1, y1, x2, y2 = clip(moved.boxes_xyxy, 96, 96)[0]
    lit = np.argwhere(moved.picture[:, :, 0] > 127)
    if x2 - x1 < 2 or y2 - y1 < 2 or not len(lit):
        return
    # Pixels count by their middles and boxes by edges: half a source pixel, and one to round.
    scale = (moved.boxes_xyxy[0, 2:] - moved.boxes_xyxy[0, :2]) / 24
    slack = 0.5 * scale + 1
    assert (np.abs(lit.min(axis=0)[::-1] - (x1, y1)) <= slack).all()
    assert (np.abs(lit.max(axis=0)[::-1] + 1 - (x2, y2)) <= slack).all()


@given(seeds, st.floats(1, 90))
def test_a_rotated_object_stays_under_its_box(seed: int, degrees: float) -> None:
    rng = np.random.default_rng(seed)
    config = PlacementConfig(rotate_deg=degrees, flip=0)
    moved = draw_warp(rng, config, (64, 48), (96, 96))(labelled(64, 48, [(20, 12, 44, 36)]))
    outline = np.clip(moved.polygons[0][0], 0, 96)
    low, high = moved.boxes_xyxy[0, :2], moved.boxes_xyxy[0, 2:]
    np.testing.assert_allclose(low, moved.polygons[0][0].min(axis=0), atol=1e-3)
    np.testing.assert_allclose(high, moved.polygons[0][0].max(axis=0), atol=1e-3)
    assert (moved.visible()[0, :2] >= outline.min(axis=0) - 8).all()
    assert (moved.visible()[0, 2:] <= outline.max(axis=0) + 8).all()


@given(seeds, st.permutations([0, 1, 2]))
def test_the_colour_matrix_is_its_steps_one_after_the_other(seed: int, order: list[int]) -> None:
    rng = np.random.default_rng(seed)
    drawn = ColourDraw.draw(rng, ColourConfig())
    draw = ColourDraw((order[0], order[1], order[2]), drawn.factor, drawn.lighting)
    picture = rng.integers(0, 256, (5, 7, 3)).astype(np.uint8)
    values = picture / 255
    grey = values @ (0.114, 0.587, 0.299)
    steps: list[Callable[[NDArray[np.float64], float], NDArray[np.float64]]] = [
        lambda image, a: image * a,
        lambda image, a: image * a + grey.mean() * (1 - a),
        lambda image, a: image * a + (grey * (1 - a))[:, :, None],
    ]
    for which, factor in zip(draw.order, draw.factor, strict=True):
        values = steps[which](values, factor)
    matrix = draw.matrix(grey_mean(picture))
    lighting = (
        matrix[:, 3]
        - ColourDraw(draw.order, draw.factor, np.zeros(3)).matrix(grey_mean(picture))[:, 3]
    )
    got = picture / 255 @ matrix[:, :3].T + matrix[:, 3] - lighting
    np.testing.assert_allclose(got, values, atol=1e-12)


def test_without_strength_colours_stay() -> None:
    picture = textured(30, 20)
    draw = ColourDraw.draw(np.random.default_rng(0), PLAIN)
    np.testing.assert_array_equal(recolour(picture, draw), picture)


@given(st.floats(1, 999), st.floats(1, 999), st.floats(1, 999), st.floats(1, 999))
def test_an_affine_puts_the_corners_where_they_belong(
    width: float, height: float, to_width: float, to_height: float
) -> None:
    matrix = affine((width, height), (to_width, to_height), (100, 50))
    corners = matrix @ np.array([[0, width], [0, height], [1, 1]])
    expected = [
        [100 - to_width / 2, 100 + to_width / 2],
        [50 - to_height / 2, 50 + to_height / 2],
    ]
    np.testing.assert_allclose(corners, expected, rtol=1e-4, atol=1e-2)  # float32 points
