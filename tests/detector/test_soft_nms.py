from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from detector.detections import Detections
from detector.soft_nms import FLOOR, merge, soften
from tests.detector import oracle
from tests.paths import GOLDEN, SHARED, needs_shared


def _boxes(*rows: tuple[float, float, float, float]) -> NDArray[np.float32]:
    return np.array(rows, np.float32).reshape(-1, 4)


def _found(rows: NDArray[np.float32]) -> Detections:
    """(N, 6) x1, y1, x2, y2, score, class; falling scores."""
    return Detections(rows[:, :4].copy(), rows[:, 4].copy(), rows[:, 5].astype(np.int32))


def test_no_box_stays_none() -> None:
    row, score = soften(_boxes(), np.empty(0, np.float32))
    assert (len(row), len(score)) == (0, 0)
    assert len(merge([Detections.empty(), Detections.empty()])) == 0


def test_boxes_apart_keep_their_scores() -> None:
    row, score = soften(_boxes((0, 0, 9, 9), (50, 0, 59, 9)), np.array([0.5, 0.7], np.float32))
    assert row.tolist() == [1, 0]
    np.testing.assert_array_equal(score, np.array([0.7, 0.5], np.float32))


def test_overlapping_box_loses_score_by_its_overlap() -> None:
    # 10 x 10 and 10 x 10 px, half of it shared: 50 / 150 = 1/3; exp(-(1/9) / 0.5) = 0.8007
    boxes = _boxes((0, 0, 9, 9), (5, 0, 14, 9))
    _, score = soften(boxes, np.array([0.8, 0.5], np.float32))
    np.testing.assert_allclose(score, [0.8, 0.5 * np.exp(-2 / 9)], rtol=1e-6)


def test_second_copy_of_a_weak_box_goes() -> None:
    boxes = _boxes((0, 0, 9, 9), (0, 0, 9, 9), (50, 50, 59, 59))
    # exp(-1 / 0.5) = 0.135; 0.135 x 0.005 is below the floor
    row, _ = soften(boxes, np.array([0.8, 0.005, 0.004], np.float32))
    assert row.tolist() == [0, 2]


def test_weak_box_that_overlaps_none_stays() -> None:
    row, _ = soften(_boxes((0, 0, 9, 9), (50, 0, 59, 9)), np.array([0.5, 0.0002], np.float32))
    assert row.tolist() == [0, 1]


def test_leftovers_are_copies_with_their_old_scores() -> None:
    boxes = _boxes((0, 0, 9, 9), (0, 0, 9, 9), (50, 50, 59, 59))
    row, score = soften(boxes, np.array([0.8, 0.005, 0.004], np.float32), keeps_leftovers=True)
    assert row.tolist() == [0, 2, 2]
    np.testing.assert_array_equal(score[1:], np.array([0.004, 0.004], np.float32))


def test_what_was_given_is_not_changed() -> None:
    boxes, score = _boxes((0, 0, 9, 9), (1, 0, 10, 9)), np.array([0.2, 0.5], np.float32)
    soften(boxes, score)
    assert score.tolist() == [np.float32(0.2), 0.5]


def test_classes_do_not_suppress_each_other() -> None:
    rows = np.array([[0, 0, 9, 9, 0.8, 2], [0, 0, 9, 9, 0.7, 1]], np.float32)
    merged = merge([_found(rows)])
    np.testing.assert_array_equal(merged.score, rows[:, 4])
    assert merged.class_id.tolist() == [2, 1]


def test_most_boxes_are_kept_and_those_equal_to_the_last() -> None:
    rows = np.array([[60 * i, 0, 60 * i + 9, 9, s, 0] for i, s in enumerate([0.9, 0.5, 0.5, 0.4])])
    assert len(merge([_found(rows.astype(np.float32))], most=2)) == 3


@pytest.mark.parametrize("mode", ["fix512_ms", "fix512_nms"])
def test_merging_what_the_published_looks_found_gives_the_published_result(mode: str) -> None:
    with np.load(GOLDEN / "golden_blocks_small.npz") as golden:
        looks = [golden[key] for key in golden.files if key.startswith(f"{mode}/post")]
        expected = golden[f"{mode}/results"]
    assert len(looks) == (5 if mode == "fix512_ms" else 1)
    merged = merge([_found(rows) for rows in looks], keeps_leftovers=True)
    oracle.assert_same_detections(merged, expected)
    np.testing.assert_allclose(merged.score, -np.sort(-expected[:, 4]), atol=1e-6)


@needs_shared("oracle", "units", "unit_softnms.npz")
@pytest.mark.parametrize("case", range(6))
def test_rows_are_the_published_ones(case: int) -> None:
    with np.load(SHARED / "oracle" / "units" / "unit_softnms.npz") as units:
        rows, expected = units[f"{case}_in"], units[f"{case}_out_m2"]
        live = len(units[f"{case}_keep_m2"])
    row, score = soften(rows[:, :4], rows[:, 4], keeps_leftovers=True)
    # float32's last bits: 1.8e-7 was measured
    np.testing.assert_allclose(np.column_stack([rows[row, :4], score]), expected, atol=1e-6)
    assert len(soften(rows[:, :4], rows[:, 4])[0]) == live


@needs_shared("oracle")
def test_published_result_of_the_photograph_after_one_look() -> None:
    with np.load(SHARED / "oracle" / "golden__24274813513__fix512_nms.npz") as golden:
        merged = merge([_found(golden["post"])], keeps_leftovers=True)
        oracle.assert_same_detections(merged, golden["results"])


def test_floor_is_a_thousandth() -> None:
    assert pytest.approx(0.001) == float(FLOOR)
