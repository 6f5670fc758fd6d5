"""What a view teaches: peaks as high as teachers are sure, boxes around them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from detector.network import Heads
from detector.peaks import decode, plain_maps
from detector.recipe import RECIPES
from tests.train.starter.lessons import Rows, label
from train.starter.lesson import Lesson, lesson
from train.starter.loss import box_loss, heat_loss
from train.starter.view import Seen, ViewConfig, view

STILL = ViewConfig(zoom=1, ratio=1, flip=0)
LOOKUP = RECIPES["starter"].normalisation()


def _lesson(*pictures: Rows, side: int = 128) -> Lesson:
    views = []
    for rows in pictures:
        one = label(rows)
        pixels = np.zeros((side, side, 3), np.uint8)
        views.append(Seen(pixels, one.xyxy, one.score, one.class_id))
    return lesson(views, LOOKUP, classes=3, stride=8)


def test_picture_without_objects_teaches_that_there_are_none() -> None:
    taught = _lesson([])
    assert float(taught.heat.sum()) == 0
    assert len(taught.box) == 0
    assert taught.certainty == 1


def test_peak_is_as_high_as_the_teachers_are_sure() -> None:
    # centre (36, 52) px is cell (4.5, 6.5); 4.5 rounds to 4 (even), 6.5 to 6
    taught = _lesson([((20, 20, 52, 84), 0.7, 2)])
    assert taught.heat.amax() == taught.heat[0, 2, 6, 4] == pytest.approx(0.7)
    assert float(taught.heat[0, :2].sum()) == 0


def test_boxes_are_learnt_as_seen_from_each_cell_near_the_centre() -> None:
    taught = _lesson([((20, 20, 52, 84), 0.7, 2)])
    for at, box in zip(taught.box_at.tolist(), taught.box.tolist(), strict=True):
        row, column = divmod(at, 16)
        centre = (column + box[2], row + box[3])
        assert centre == pytest.approx((4.5, 6.5))
        assert box[:2] == pytest.approx([4, 8])  # 32 x 64 px
    assert taught.box_weight.tolist() == pytest.approx([0.7] * len(taught.box))


def test_doubtful_object_teaches_a_score_but_no_box() -> None:
    taught = _lesson([((20, 20, 52, 84), 0.1, 2)])
    assert float(taught.heat.amax()) == pytest.approx(0.1)
    assert len(taught.box) == 0


def test_where_two_objects_want_a_cell_the_surer_one_has_it() -> None:
    rows: Rows = [((0, 0, 64, 64), 0.9, 0), ((16, 16, 48, 48), 0.4, 1)]
    taught = _lesson(rows)
    assert {round(float(weight), 3) for weight in taught.box_weight} == {0.9}


def test_every_picture_of_the_batch_has_its_own_cells() -> None:
    taught = _lesson([], [((20, 20, 52, 84), 0.7, 2)])
    assert set((taught.box_at // 256).tolist()) == {1}


@given(
    st.floats(10, 118),
    st.floats(10, 118),
    st.floats(6, 60),
    st.floats(6, 60),
    st.floats(0.2, 1),
)
def test_heads_as_taught_decode_to_the_label(
    x: float, y: float, width: float, height: float, score: float
) -> None:
    box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    taught = _lesson([(box, score, 1)])
    heads = _perfect(taught)
    [[best]] = decode(plain_maps(heads), top_k=1).tolist()
    np.testing.assert_allclose(np.array(best[:4]) * 8, box, atol=1e-3)
    assert best[4:] == pytest.approx([score, 1], abs=1e-4)


def test_loss_is_least_for_heads_as_taught() -> None:
    taught = _lesson([((20, 20, 52, 84), 0.7, 2)], [((60, 10, 120, 50), 0.5, 0)])
    perfect = _perfect(taught)
    assert float(heat_loss(perfect, taught)) == pytest.approx(0, abs=1e-5)
    assert float(box_loss(perfect, taught)) == pytest.approx(0, abs=1e-5)
    blind = Heads(torch.full_like(taught.heat, -9), perfect.size, perfect.offset)
    moved = Heads(perfect.heatmap, perfect.size, perfect.offset + 2)
    assert float(heat_loss(blind, taught)) > 1
    assert float(box_loss(moved, taught)) > 0.5


def test_view_moves_boxes_with_the_pixels() -> None:
    """A white box on black is where the label says, however it is looked at."""
    picture = np.zeros((90, 120, 3), np.uint8)
    picture[30:60, 40:90] = 255
    one = label([((40, 30, 90, 60), 0.8, 1)])
    config = ViewConfig(zoom=1.4, ratio=1.2, flip=0.5)
    for seed in range(20):
        seen = view(picture, one, (160, 128), np.random.default_rng(seed), config)
        assert len(seen.xyxy) == 1
        rows, columns = np.nonzero(seen.picture[..., 1] > seen.picture[..., 1].max() / 2)
        bright = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        # half a source pixel of `warpAffine`'s own counting, and the blur of two
        np.testing.assert_allclose(seen.xyxy[0], bright, atol=3)


def test_view_that_stays_is_the_picture_stretched() -> None:
    picture = np.zeros((50, 100, 3), np.uint8)
    one = label([((10, 10, 90, 40), 0.8, 1)])
    seen = view(picture, one, (200, 200), np.random.default_rng(0), STILL)
    np.testing.assert_allclose(seen.xyxy[0], [20, 40, 180, 160], atol=1e-4)


def test_object_that_left_the_view_is_gone() -> None:
    picture = np.zeros((100, 100, 3), np.uint8)
    one = label([((0, 0, 10, 10), 0.9, 0), ((45, 45, 55, 55), 0.9, 1)])
    config = ViewConfig(zoom=4, ratio=1, flip=0)
    kept = [
        set(view(picture, one, (64, 64), np.random.default_rng(seed), config).class_id.tolist())
        for seed in range(30)
    ]
    assert {0, 1} in kept
    assert any(0 not in each for each in kept)


def _perfect(taught: Lesson) -> Heads:
    """Heads that say exactly what was taught."""
    b, _, h, w = taught.heat.shape
    boxes = torch.zeros(b * h * w, 4)
    boxes[taught.box_at] = taught.box
    maps = boxes.view(b, h, w, 4).permute(0, 3, 1, 2)
    lowest = 1 / (1 + math.exp(20))
    logits = taught.heat.clamp(lowest, 1 - 1e-6).logit()
    return Heads(logits, maps[:, :2], maps[:, 2:])
