from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from detector.overlap import iou_matrix

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
def test_iou_is_symmetric_and_within_0_and_1(
    first: NDArray[np.float64], second: NDArray[np.float64]
) -> None:
    overlap = iou_matrix(first, second)
    assert overlap.shape == (len(first), len(second))
    np.testing.assert_allclose(overlap, iou_matrix(second, first).T)
    assert ((overlap >= 0) & (overlap <= 1 + 1e-12)).all()
