"""Pictures scaled into a corner, and boxes back out of it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.letterbox import GREY, Letterbox

SIDES = st.integers(1, 5000)
INPUTS = st.integers(1, 40).map(lambda cells: 32 * cells)
COORDINATES = st.floats(-1e4, 1e4, width=32)


@pytest.mark.parametrize(
    ("size", "into", "scaled", "ratio"),
    [
        pytest.param((416, 416), (416, 416), (416, 416), 1.0, id="as it is"),
        pytest.param((1280, 720), (416, 416), (416, 234), 416 / 1280, id="wide: 720 * 0.325"),
        pytest.param((586, 640), (416, 416), (380, 416), 416 / 640, id="high: 586 * 0.65 = 380.9"),
        pytest.param((100, 50), (416, 416), (416, 208), 4.16, id="enlarged"),
        pytest.param((5000, 1), (416, 416), (416, 1), 416 / 5000, id="never thinner than a pixel"),
        pytest.param(
            (640, 480), (416, 256), (341, 256), 256 / 480, id="an input that is not square"
        ),
    ],
)
def test_picture_is_as_large_as_the_input_allows(
    size: tuple[int, int], into: tuple[int, int], scaled: tuple[int, int], ratio: float
) -> None:
    box = Letterbox.fit(*size, into_width=into[0], into_height=into[1])
    assert (box.width, box.height) == scaled
    assert box.ratio == pytest.approx(ratio)


@given(SIDES, SIDES, INPUTS, INPUTS)
def test_scaled_picture_lies_within_the_input_and_fills_one_side(
    width: int, height: int, into_width: int, into_height: int
) -> None:
    box = Letterbox.fit(width, height, into_width=into_width, into_height=into_height)
    assert 1 <= box.width <= into_width
    assert 1 <= box.height <= into_height
    assert box.width == into_width or box.height == into_height
    assert box.width == 1 or abs(box.width - width * box.ratio) < 1 + 1e-6 * box.width
    assert box.height == 1 or abs(box.height - height * box.ratio) < 1 + 1e-6 * box.height


@given(SIDES, SIDES, st.lists(st.tuples(*[COORDINATES] * 4), max_size=5))
def test_boxes_come_back_as_they_went(
    width: int, height: int, rows: list[tuple[float, float, float, float]]
) -> None:
    boxes = np.array(rows, np.float32).reshape(-1, 4)
    box = Letterbox.fit(width, height, into_width=416, into_height=416)
    back = box.to_frame(boxes * np.float32(box.ratio))
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, boxes, rtol=1e-6, atol=1e-30)  # two roundings of float32


def test_picture_lies_at_the_top_left_of_grey_by_planes() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (48, 96, 3), np.uint8)
    planes = np.full((3, 64, 64), np.nan, np.float32)
    box = Letterbox.fit(96, 48, into_width=64, into_height=64)
    box.draw(pixels, planes)
    scaled = cv2.resize(pixels, (64, 32), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(planes[:, :32], scaled.transpose(2, 0, 1))
    np.testing.assert_array_equal(planes[:, 32:], np.full((3, 32, 64), GREY))


def test_smaller_picture_leaves_nothing_of_the_one_before() -> None:
    planes = np.empty((3, 64, 64), np.float32)
    for height, width in ((64, 64), (20, 64), (64, 20)):
        Letterbox.fit(width, height, into_width=64, into_height=64).draw(
            np.full((height, width, 3), 7, np.uint8), planes
        )
    assert set(np.unique(planes[:, :, :20])) == {7}
    assert set(np.unique(planes[:, :, 20:])) == {GREY}
