from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analytics.tracking.association import assign, iou_matrix, overlap_gain
from analytics.tracking.kalman import Floats

GAINS = st.tuples(st.integers(0, 4), st.integers(0, 5)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.floats(-1, 1, width=16))
)
CORNERS = arrays(np.float64, (4, 2), elements=st.floats(-50, 50))
BOXES = st.lists(CORNERS, max_size=3).map(
    lambda corners: np.array(
        [[*corner.min(axis=0), *corner.max(axis=0)] for corner in corners]
    ).reshape(-1, 4)
)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param([0, 0, 10, 10], [0, 0, 10, 10], 1.0, id="the same"),
        pytest.param([0, 0, 10, 10], [0, 5, 10, 15], 50 / 150, id="half of each"),
        pytest.param([0, 0, 10, 10], [2, 2, 4, 4], 4 / 100, id="inside"),
        pytest.param([0, 0, 10, 10], [10, 0, 20, 10], 0.0, id="touching"),
        pytest.param([0, 0, 10, 10], [20, 20, 30, 30], 0.0, id="apart in both"),
        pytest.param([5, 5, 5, 5], [5, 5, 5, 5], 0.0, id="without area"),
    ],
)
def test_iou_is_shared_area_over_joint_area(
    first: list[float], second: list[float], expected: float
) -> None:
    overlap = iou_matrix(np.array([first], float), np.array([second], float))
    assert overlap == pytest.approx(np.array([[expected]]))


@given(BOXES, BOXES)
def test_iou_is_symmetric_and_within_0_and_1(first: Floats, second: Floats) -> None:
    overlap = iou_matrix(first, second)
    assert overlap.shape == (len(first), len(second))
    np.testing.assert_allclose(overlap, iou_matrix(second, first).T)
    assert ((overlap >= 0) & (overlap <= 1 + 1e-12)).all()


def test_overlap_below_the_least_is_no_gain() -> None:
    boxes = np.array([[0.0, 0, 10, 10], [0, 5, 10, 15], [0, 9, 10, 19]])
    gain = overlap_gain(boxes[:1], boxes, 0.3)
    assert gain == pytest.approx(np.array([[1.0, 50 / 150, 0.0]]))


@given(GAINS)
def test_assignment_has_the_greatest_sum_and_no_pair_without_gain(gain: Floats) -> None:
    rows, columns = assign(gain)
    assert len(set(rows)) == len(rows) == len(columns) == len(set(columns))
    assert (gain[rows, columns] > 0).all()
    assert gain[rows, columns].sum() == pytest.approx(_best_sum(gain))


def _best_sum(gain: Floats) -> float:
    """By trying every assignment."""
    padded = np.zeros((len(gain), gain.shape[1] + len(gain)))
    padded[:, : gain.shape[1]] = np.maximum(gain, 0)
    numbers = range(len(gain))
    choices = permutations(range(padded.shape[1]), len(gain))
    return max(float(sum(padded[row, choice[row]] for row in numbers)) for choice in choices)
