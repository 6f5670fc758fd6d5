from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from detector.detections import BoxesXyxy
from detector.peaks import Maps, decode
from tests.paths import SHARED, needs_shared
from train.radius import corrected_radius, published_radius
from train.sample import Sample
from train.targets import PictureTargets, TargetsConfig, encode

STRIDE, CLASSES = 4, 3
TRAINING = SHARED / "oracle" / "training"
SETS = ("single_large", "overlap_same_class", "border_tiny_degenerate")


def test_picture_without_boxes_has_no_targets() -> None:
    targets = encode(_sample([], []), CLASSES, STRIDE, TargetsConfig())
    assert [len(column) for column in targets] == [0] * 7
    assert targets.box.shape == (0, 4)


def test_box_is_one_peak_with_its_size_and_the_way_to_its_centre() -> None:
    # (10, 20)..(30, 44) px: centre (20, 32) px = cell (5, 8) exactly; 5 x 6 cells.
    targets = encode(_sample([(10, 20, 30, 44)], [1]), CLASSES, STRIDE, TargetsConfig())
    heat = _dense(targets.heat_at, targets.heat, (CLASSES, 16, 16))
    assert np.argwhere(heat == 1).tolist() == [[1, 8, 5]]
    assert heat[[0, 2]].max() == 0
    box = _boxes(targets, 16, 16)
    assert box[8, 5].tolist() == [5, 6, 0, 0]
    assert box[8, 6].tolist() == [5, 6, -1, 0]  # one cell further right, the centre lies left
    assert targets.centre_at.tolist() == [1 * 256 + 8 * 16 + 5]
    assert targets.centre_box.tolist() == [[5, 6, 0, 0]]
    assert targets.box_weight.sum() == pytest.approx(1, abs=1e-6)


@given(
    st.lists(
        st.tuples(
            st.integers(0, CLASSES - 1),
            st.floats(-20, 80),
            st.floats(-20, 80),
            st.floats(0.5, 60),
            st.floats(0.5, 60),
        ),
        max_size=6,
    )
)
def test_dense_targets_are_what_the_words_say_in_float64(
    objects: Sequence[tuple[int, float, float, float, float]],
) -> None:
    """A second, slow derivation: every cell for itself, in float64."""
    corners = [(x, y, x + w, y + h) for _, x, y, w, h in objects]
    sample = _sample(corners, [kind for kind, *_ in objects])
    targets = encode(sample, CLASSES, STRIDE, TargetsConfig())
    heat, weight, box = _by_hand(sample.boxes_xyxy, sample.class_id, 16, 16)
    _assert_close(_dense(targets.heat_at, targets.heat, heat.shape), heat)
    _assert_close(_dense(targets.box_at, targets.box_weight, weight.shape), weight)
    seen = weight > 1e-12  # fainter cells weigh nothing
    _assert_close(_boxes(targets, 16, 16)[seen], box[seen])


# One object in every other eighth of the picture at most, so that no peak is another's neighbour.
apart = st.lists(
    st.tuples(
        st.sampled_from([(x, y) for x in (0, 24, 44) for y in (0, 24, 44)]),
        st.integers(0, CLASSES - 1),
        st.floats(9, 18),
        st.floats(9, 18),
    ),
    max_size=6,
    unique_by=lambda each: each[0],
)


@given(apart)
def test_decoding_perfect_heads_gives_the_boxes_back(
    objects: Sequence[tuple[tuple[int, int], int, float, float]],
) -> None:
    corners = [(x, y, x + w, y + h) for (x, y), _, w, h in objects]
    sample = _sample(corners, [kind for _, kind, _, _ in objects])
    targets = encode(sample, CLASSES, STRIDE, TargetsConfig())
    heat = _dense(targets.heat_at, targets.heat, (1, CLASSES, 16, 16))
    box = torch.from_numpy(_boxes(targets, 16, 16)).permute(2, 0, 1)[None]
    rows = decode(Maps(torch.from_numpy(heat), box[:, :2], box[:, 2:]), top_k=20)[0].numpy()
    found = rows[rows[:, 4] == 1]
    wanted = np.column_stack([sample.boxes_xyxy / STRIDE, np.ones(len(sample)), sample.class_id])
    order_found, order_wanted = (np.lexsort(table[:, :2].T.round(3)) for table in (found, wanted))
    _assert_close(found[order_found], wanted[order_wanted])


def test_little_that_is_left_of_a_small_object_is_not_learnt() -> None:
    # 7 px wide of which 3 are inside: 0.75 cells, under 2 and under half; 40 px: 9 px inside is
    # over 2 cells, and learnt.
    boxes = [(-4.0, 20.0, 3.0, 40.0), (-31.0, 20.0, 9.0, 40.0)]
    targets = encode(_sample(boxes, [0, 1]), CLASSES, STRIDE, TargetsConfig())
    assert [at // 256 for at in targets.centre_at.tolist()] == [1]


def test_crowds_and_objects_beyond_the_limit_can_be_left_out() -> None:
    boxes = [(4.0, 4.0, 20.0, 20.0), (30.0, 4.0, 50.0, 20.0), (4.0, 40.0, 20.0, 60.0)]
    sample = _sample(boxes, [0, 1, 2], is_crowd=[True, False, False])
    few = encode(sample, CLASSES, STRIDE, TargetsConfig(max_objects=2))
    assert [at // 256 for at in few.centre_at.tolist()] == [0, 1]
    alone = encode(sample, CLASSES, STRIDE, TargetsConfig(learns_crowds=False))
    assert [at // 256 for at in alone.centre_at.tolist()] == [1, 2]


@given(st.floats(1, 200), st.floats(1, 200), st.floats(0.3, 0.9))
def test_corrected_radius_keeps_the_overlap_it_promises(w: float, h: float, least: float) -> None:
    radius = corrected_radius(w, h, least)
    area = w * h
    shifted = (w - radius) * (h - radius)
    overlaps = (
        (w - 2 * radius) * (h - 2 * radius) / area,
        area / ((w + 2 * radius) * (h + 2 * radius)),
        shifted / (2 * area - shifted),
    )
    assert min(overlaps) == pytest.approx(least, abs=1e-6)
    assert radius < published_radius(w, h, least) + 1e-9


@needs_shared("oracle", "units")
def test_radius_is_the_published_one() -> None:
    golden = np.load(SHARED / "oracle" / "units" / "unit_gaussian.npz")
    found = [published_radius(float(w), float(h), 0.7) for h, w in golden["radius_in"]]
    assert found == pytest.approx(golden["radius"].tolist(), abs=1e-9)


@needs_shared("oracle", "training")
@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize(("variant", "width"), [("default", 512), ("keep_res", 672)])
def test_dense_targets_are_the_published_ones(name: str, variant: str, width: int) -> None:
    golden = np.load(TRAINING / f"targets_fork_{variant}__{name}.npz")
    classes, h, w = golden["hm"].shape
    targets = encode(_oracle_sample(name, width, 512), classes, STRIDE, TargetsConfig())
    _assert_close(_dense(targets.heat_at, targets.heat, (classes, h, w)), golden["hm"])
    weight = golden["dense_wh_mask"][0]
    _assert_close(_dense(targets.box_at, targets.box_weight, (h, w)), weight)
    # Where the weight is 0 nothing is learnt; ours keeps no value there.
    box = np.concatenate([golden["dense_wh"], golden["dense_off"]]).transpose(1, 2, 0)
    _assert_close(_boxes(targets, h, w)[weight > 0], box[weight > 0])


@needs_shared("oracle", "training")
@pytest.mark.parametrize("name", SETS)
def test_sparse_targets_are_the_first_centernets(name: str) -> None:
    golden = np.load(TRAINING / f"targets_orig_default__{name}.npz")
    sample = _oracle_sample(name, 512, 512, is_stretched=False)
    targets = encode(sample, 80, STRIDE, TargetsConfig(regression="sparse"))
    _assert_close(_dense(targets.heat_at, targets.heat, (80, 128, 128)), golden["hm"])
    used = golden["reg_mask"] > 0
    assert targets.box_at.tolist() == golden["ind"][used].tolist()
    _assert_close(targets.box[:, :2], golden["wh"][used])
    _assert_close(targets.box[:, 2:], golden["reg"][used])
    assert set(targets.box_weight.tolist()) == {1.0}


def _assert_close(found: NDArray[np.floating], wanted: NDArray[np.floating]) -> None:
    """To 1e-5; boxes of 168 cells differ by 1.5e-5, the last bit of float32."""
    np.testing.assert_allclose(found, wanted, rtol=1.2e-7, atol=1e-5)


def _sample(
    boxes: Sequence[tuple[float, float, float, float]],
    kinds: Sequence[int],
    *,
    is_crowd: Sequence[bool] | None = None,
) -> Sample:
    """64 x 64 px."""
    return Sample(
        np.zeros((64, 64, 3), np.uint8),
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(kinds, np.int32),
        tuple(() for _ in kinds),
        np.array([False] * len(kinds) if is_crowd is None else is_crowd, np.bool_),
        image_id=1,
        name="test",
    )


def _dense(
    at: NDArray[np.int64], values: NDArray[np.float32], shape: tuple[int, ...]
) -> NDArray[np.float32]:
    dense = np.zeros(shape, np.float32)
    dense.ravel()[at] = values
    return dense


def _boxes(targets: PictureTargets, h: int, w: int) -> NDArray[np.float32]:
    dense = np.zeros((h * w, 4), np.float32)
    dense[targets.box_at] = targets.box
    return dense.reshape(h, w, 4)


def _by_hand(
    boxes: BoxesXyxy, kinds: NDArray[np.int32], h: int, w: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Heatmap, weight and box of every cell, from the words of the specification."""
    heat, weight = np.zeros((CLASSES, h, w)), np.zeros((h, w))
    box = np.zeros((h, w, 4))
    rows, columns = np.mgrid[:h, :w]
    for (x1, y1, x2, y2), kind in zip(boxes, kinds, strict=True):
        left, right = (np.clip(v / np.float32(4), 0, np.float32(w)) for v in (x1, x2))
        top, bottom = (np.clip(v / np.float32(4), 0, np.float32(h)) for v in (y1, y2))
        bw, bh = right - left, bottom - top
        whole_w, whole_h = x2 / np.float32(4) - x1 / np.float32(4), (y2 - y1) / np.float32(4)
        if not (bw > 2 or bw / (whole_w + 0.01) > 0.5) or not (
            bh > 2 or bh / (whole_h + 0.01) > 0.5
        ):
            continue
        centre_x, centre_y = (left + right) / 2, (top + bottom) / 2
        radius = max(0, int(published_radius(float(np.ceil(bw)), float(np.ceil(bh)), 0.7)))
        away_x, away_y = columns - int(centre_x), rows - int(centre_y)
        near = (abs(away_x) <= radius) & (abs(away_y) <= radius)
        squared = away_x.astype(np.float64) ** 2 + away_y**2
        peak = np.where(near, np.exp(-squared / (2 * ((2 * radius + 1) / 6) ** 2)), 0)
        heat[kind] = np.maximum(heat[kind], peak)
        sigma = (2 * radius + 1) / 24
        steps = np.arange(-radius, radius + 1)
        total = np.exp(-(steps**2) / (2 * sigma**2)).sum() ** 2
        mine = np.where(near, np.exp(-squared / (2 * sigma**2)) / total, 0)
        mine = mine.astype(np.float32)  # ties are those of the published precision
        wins = near & (mine >= weight) & (mine > 0)
        weight[wins] = mine[wins]
        box[wins] = np.stack(
            np.broadcast_arrays(bw, bh, centre_x - columns, centre_y - rows), axis=-1
        )[wins]
    return heat, weight, box


def _oracle_sample(name: str, width: int, height: int, *, is_stretched: bool = True) -> Sample:
    """A picture of the oracle's annotation file, without its pixels."""
    file = TRAINING / "annotations_and_images" / "annotations" / "instances_val2017.json"
    content = json.loads(file.read_text())
    image = next(image for image in content["images"] if image["set"] == name)
    notes = [note for note in content["annotations"] if note["image_id"] == image["id"]]
    ids = sorted(category["id"] for category in content["categories"])
    xywh = np.array([note["bbox"] for note in notes])
    boxes = np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], 1).astype(np.float32)
    size = np.array([image["width"], image["height"]] * 2)
    wanted = np.array([width, height] * 2)
    # The first CenterNet keeps the ratio: the longer side fills the input, the picture its middle.
    gain = wanted / (size if is_stretched else size.max())
    boxes = ((boxes - size / 2) * gain + wanted / 2).astype(np.float32)
    return Sample(
        np.zeros((height, width, 3), np.uint8),
        boxes,
        np.array([ids.index(note["category_id"]) for note in notes], np.int32),
        tuple(() for _ in notes),
        np.zeros(len(notes), np.bool_),
        image["id"],
        name,
    )
