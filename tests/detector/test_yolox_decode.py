"""YOLOX's table to boxes, and doubles away: by hand-made tables, no network."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.overlap import iou_matrix
from detector.yolox_decode import Anchors, Boxes, Table, decode, suppress

ANCHORS = Anchors.of_input(64, 96)  # 8 x 12, 4 x 6, 2 x 3 cells
ALL = np.ones(3, np.bool_)


def _table(*rows: tuple[int, list[float]]) -> Table:
    table = np.zeros((len(ANCHORS), 8), np.float32)
    for row, columns in rows:
        table[row] = columns
    return table


def test_anchors_go_row_by_row_from_the_finest_map() -> None:
    assert len(ANCHORS) == 8 * 12 + 4 * 6 + 2 * 3
    assert ANCHORS.cell[9].tolist() == [1, 1]  # 8 columns a row
    assert ANCHORS.cell[96 + 5].tolist() == [1, 1]  # 4 columns a row
    assert ANCHORS.stride[[0, 95, 96, 119, 120, 125], 0].tolist() == [8, 8, 16, 16, 32, 32]


def test_nothing_is_found_on_an_empty_table() -> None:
    boxes = decode(_table(), ANCHORS, min_score=0.1, wanted=ALL)
    assert boxes.xyxy.shape == (0, 4)
    assert len(suppress(boxes, max_iou=0.5, top_k=10)) == 0


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        # centre ((1 + 0.25) * 8, (1 + 0.5) * 8) = (10, 12), size (2 * 8, 0.5 * 8) = (16, 4)
        pytest.param(9, [2, 10, 18, 14], id="stride 8"),
        # centre (20, 24), size (32, 8)
        pytest.param(96 + 5, [4, 20, 36, 28], id="stride 16"),
        # centre (40, 48), size (64, 16)
        pytest.param(120 + 3, [8, 40, 72, 56], id="stride 32"),
    ],
)
def test_box_is_offset_from_its_cell_and_grows_with_its_stride(
    row: int, expected: list[float]
) -> None:
    table = _table((row, [0.25, 0.5, np.log(2), np.log(0.5), 0.5, 0.2, 0.8, 0.1]))
    boxes = decode(table, ANCHORS, min_score=0.1, wanted=ALL)
    np.testing.assert_allclose(boxes.xyxy, [expected], rtol=1e-6)
    np.testing.assert_allclose(boxes.score, [0.4], rtol=1e-6)  # 0.5 * 0.8
    assert boxes.class_id.tolist() == [1]


@given(
    st.lists(
        st.tuples(
            st.integers(0, len(ANCHORS) - 1),
            st.floats(0.01, 0.99),  # of a cell
            st.floats(0.01, 0.99),
            st.floats(-3, 3),  # exponent of the size
            st.floats(-3, 3),
        ),
        unique_by=lambda row: row[0],
        max_size=8,
    )
)
def test_decoding_inverts_encoding(rows: list[tuple[int, float, float, float, float]]) -> None:
    rows.sort()
    table = _table(*[(row, [x, y, w, h, 1.0, 0.0, 0.0, 1.0]) for row, x, y, w, h in rows])
    xyxy = decode(table, ANCHORS, min_score=0.5, wanted=ALL).xyxy.astype(np.float64)
    index = [row for row, *_ in rows]
    stride = ANCHORS.stride[index]
    offset = (xyxy[:, :2] + xyxy[:, 2:]) / 2 / stride - ANCHORS.cell[index]
    exponent = np.log((xyxy[:, 2:] - xyxy[:, :2]) / stride)
    # float32 keeps 1e-5 px at 100 px; the smallest size is exp(-3) * 8 = 0.4 px
    np.testing.assert_allclose(np.hstack([offset, exponent]), table[index, :4], atol=2e-4)


def test_box_with_exactly_the_threshold_stays() -> None:
    table = _table((0, [0, 0, 0, 0, 0.5, 0.5, 0, 0]), (1, [0, 0, 0, 0, 0.5, 0.4999, 0, 0]))
    assert decode(table, ANCHORS, min_score=0.25, wanted=ALL).score.tolist() == [0.25]


def test_objectness_of_exactly_the_threshold_stays() -> None:
    table = _table((0, [0, 0, 0, 0, 0.25, 1, 0, 0]))
    assert decode(table, ANCHORS, min_score=0.25, wanted=ALL).score.tolist() == [0.25]


def test_only_wanted_classes_stay() -> None:
    table = _table(
        (0, [0, 0, 0, 0, 1, 0.9, 0.8, 0]),  # class 0 is its best: it is no class 1
        (1, [0, 0, 0, 0, 1, 0.1, 0.7, 0]),
    )
    boxes = decode(table, ANCHORS, min_score=0.1, wanted=np.array([False, True, True]))
    assert boxes.class_id.tolist() == [1]
    np.testing.assert_allclose(boxes.score, [0.7])


@pytest.mark.parametrize(
    ("class_ids", "max_iou", "kept"),
    [
        # intersection 9 * 10 = 90, union 110: IoU 0.818
        pytest.param((0, 0), 0.5, [0.9], id="the worse double goes"),
        pytest.param((0, 0), 0.82, [0.9, 0.8], id="overlap is small enough"),
        pytest.param((0, 1), 0.5, [0.9, 0.8], id="another class is another object"),
    ],
)
def test_of_two_boxes_on_one_object_the_better_stays(
    class_ids: tuple[int, int], max_iou: float, kept: list[float]
) -> None:
    boxes = Boxes(
        np.array([[1, 0, 11, 10], [0, 0, 10, 10]], np.float32),
        np.array([0.8, 0.9], np.float32),
        np.array(class_ids, np.int32),
    )
    found = suppress(boxes, max_iou=max_iou, top_k=10)
    np.testing.assert_allclose(found.score, kept)
    assert found.xyxy[0].tolist() == [0, 0, 10, 10]


def test_negative_coordinates_keep_classes_apart() -> None:
    # OpenCV shifts class 1 by 200 + 1 down and right: without care, -101 would become 100, where
    # class 0 lies.
    boxes = Boxes(
        np.array([[100, 100, 200, 200], [-101, -101, -1, -1]], np.float32),
        np.array([0.9, 0.8], np.float32),
        np.array([0, 1], np.int32),
    )
    assert len(suppress(boxes, max_iou=0.1, top_k=10)) == 2


def test_only_the_best_top_k_stay() -> None:
    found = suppress(_apart(9), max_iou=0.5, top_k=4)
    np.testing.assert_allclose(found.score, [0.9, 0.8, 0.7, 0.6])


def _apart(count: int) -> Boxes:
    """Boxes that do not touch, scored 0.1, 0.2, ..."""
    left = np.arange(count, dtype=np.float32)[:, None] * 20
    xyxy = np.hstack([left, left * 0, left + 10, left * 0 + 10])
    score = np.arange(1, count + 1) / 10
    return Boxes(xyxy, score.astype(np.float32), np.zeros(count, np.int32))


@given(st.integers(0, 2**32 - 1), st.integers(0, 40), st.sampled_from([0.3, 0.45, 0.65]))
def test_suppression_is_a_subset_without_doubles_and_idempotent(
    seed: int, count: int, max_iou: float
) -> None:
    boxes = _random_boxes(np.random.default_rng(seed), count)
    found = suppress(boxes, max_iou=max_iou, top_k=count + 1)
    assert {tuple(row) for row in found.xyxy.tolist()} <= {
        tuple(row) for row in boxes.xyxy.tolist()
    }
    same_class = found.class_id[:, None] == found.class_id[None]
    overlap = np.triu(iou_matrix(found.xyxy, found.xyxy) * same_class, k=1)
    assert overlap.max(initial=0) <= max_iou + 1e-6  # float32 boxes, float64 arithmetic
    again = suppress(
        Boxes(found.xyxy, found.score, found.class_id), max_iou=max_iou, top_k=count + 1
    )
    np.testing.assert_array_equal(again.xyxy, found.xyxy)


def _random_boxes(rng: np.random.Generator, count: int) -> Boxes:
    corner = rng.uniform(-50, 100, (count, 2))
    xyxy = np.hstack([corner, corner + rng.uniform(1, 80, (count, 2))]).astype(np.float32)
    score = rng.uniform(0.01, 1, count).astype(np.float32)
    return Boxes(xyxy, score, rng.integers(0, 3, count).astype(np.int32))
