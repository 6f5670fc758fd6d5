"""Views: pictures, boxes and the teacher's maps stay where they are to each other."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from train.augment.config import ColourConfig
from train.starter.lesson import lesson
from train.starter.view import Seen, ViewConfig
from train.student.store import SIDE, STEPS_PER_SPREAD, STRIDES
from train.student.targets import Found, lesson_of
from train.student.views import Draw, see, see_boxes, see_maps

PLAIN = ColourConfig(strength=0, lighting=0)
STILL = ViewConfig(zoom=1, ratio=1, flip=0, colour=PLAIN)
WILD = ViewConfig(zoom=1.6, ratio=1.3, flip=0.5, colour=PLAIN)


def _draw(config: ViewConfig, *, side: int, count: int = 1, seed: int = 0) -> Draw:
    return Draw.of(count, side, np.random.default_rng(seed), config)


def test_view_of_nothing_changed_is_the_picture() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (1, SIDE, SIDE, 3), dtype=np.uint8)
    seen = see(torch.from_numpy(pixels), _draw(STILL, side=SIDE), SIDE)
    back = (seen[0].permute(1, 2, 0) * 255).numpy()
    assert back == pytest.approx(pixels[0], abs=0.1)  # positions are float32


@pytest.mark.parametrize("seed", range(12))
def test_box_lies_on_what_it_lay_on(seed: int) -> None:
    """A bright square, wherever the view moved it: its box holds it and nothing else."""
    pixels = np.zeros((1, SIDE, SIDE, 3), np.uint8)
    pixels[0, 120:200, 90:150] = 255
    box = np.array([[90, 120, 150, 200]], np.float32)
    draw = _draw(WILD, side=160, seed=seed)
    seen = see(torch.from_numpy(pixels), draw, 160)[0, 0].numpy()
    xyxy, is_seen = see_boxes(box, np.array([0]), draw, 160)
    assert is_seen.all()
    rows, columns = np.nonzero(seen > 0.5)
    # within a pixel and a half: a pixel's centre is its corner here, and samples are two apart
    around = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert xyxy[0] == pytest.approx(around, abs=1.5)


@pytest.mark.parametrize("seed", range(4))
def test_maps_show_what_the_view_shows(seed: int) -> None:
    """A map that says where on the picture it is says so in the view, too."""
    draw = _draw(WILD, side=160, seed=seed)
    maps = []
    for stride in STRIDES:
        side = SIDE // stride
        column = np.broadcast_to(np.arange(side, dtype=np.int8), (1, 1, side, side))
        maps.append(torch.from_numpy(column.copy()))
    seen, is_on_picture = see_maps(maps, draw, 160, stride=4)
    assert seen.shape == (1, len(STRIDES), 40, 40)
    pixel = draw.scale[0, 0] * np.arange(0, 160, 4) + draw.shift[0, 0]
    for level, stride in zip(seen[0].numpy(), STRIDES, strict=True):
        expected = np.clip(pixel / stride, 0, SIDE // stride - 1) / STEPS_PER_SPREAD
        assert level == pytest.approx(np.broadcast_to(expected, (40, 40)), abs=1e-4)
    row = draw.scale[0, 1] * np.arange(0, 160, 4) + draw.shift[0, 1]
    inside = [(at >= 0) & (at <= SIDE - 1) for at in (row, pixel)]
    assert np.array_equal(is_on_picture[0, 0].numpy(), inside[0][:, None] & inside[1])


def test_colours_change_as_drawn() -> None:
    pixels = np.full((1, SIDE, SIDE, 3), 100, np.uint8)
    config = ViewConfig(zoom=1, ratio=1, flip=0, colour=ColourConfig(strength=0.4, lighting=0))
    draw = _draw(config, side=64, seed=3)
    matrix = draw.colours[0].matrix(100 / 255)
    expected = matrix @ (100 / 255, 100 / 255, 100 / 255, 1)
    seen = see(torch.from_numpy(pixels), draw, 64)
    assert seen[0, :, 10, 10].tolist() == pytest.approx(expected.clip(0, 1), abs=1e-5)


@pytest.mark.parametrize("seed", range(8))
def test_batch_is_taught_as_picture_by_picture(seed: int) -> None:
    """The heat and boxes of a whole batch are those that are drawn object by object."""
    rng = np.random.default_rng(seed)
    side, stride, classes = 96, 8, 3
    seen, rows = [], []
    for picture in range(3):
        count = int(rng.integers(0, 9))
        low = rng.uniform(0, side - 2, (count, 2))
        high = np.minimum(low + rng.uniform(1, 60, (count, 2)), side)
        xyxy = np.concatenate([low, high], 1).astype(np.float32)
        score = rng.permutation(np.linspace(0.05, 0.95, 9))[:count].astype(np.float32)
        class_id = rng.integers(0, classes, count).astype(np.int32)
        pixels = np.zeros((side, side, 3), np.uint8)
        seen.append(Seen(pixels, xyxy, score, class_id))
        rows.append((np.full(count, picture), xyxy, score, class_id))
    lookup = np.zeros((1, 256, 3), np.float32)
    one = lesson(seen, lookup, classes=classes, stride=stride)
    picture_, xyxy_, score_, class_ = (
        torch.from_numpy(np.concatenate(column)) for column in zip(*rows, strict=True)
    )
    found = Found(picture_, xyxy_ / stride, score_, class_.long())
    other = lesson_of(one.pictures, found, classes=classes, stride=stride)
    torch.testing.assert_close(other.heat, one.heat)
    assert other.certainty == pytest.approx(one.certainty)
    order = torch.argsort(other.box_at)
    assert torch.equal(other.box_at[order], one.box_at)
    torch.testing.assert_close(other.box[order], one.box, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(other.box_weight[order], one.box_weight)
