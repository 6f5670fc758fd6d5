from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analytics.tracking.association import assign, overlap_gain
from analytics.tracking.kalman import Floats

GAINS = st.tuples(st.integers(0, 4), st.integers(0, 5)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.floats(-1, 1, width=16))
)


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
