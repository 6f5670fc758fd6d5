from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from train.eval.coco_ap import CocoRow
from train.eval.confusion import Confusion, confusion
from train.eval.confusion_picture import draw
from train.eval.truth import Truth

BOX = [10.0, 10.0, 20.0, 20.0]
MOVED = [14.0, 10.0, 20.0, 20.0]  # 16 x 20 of it shared: 320 / 480 = 2/3
FAR = [100.0, 100.0, 20.0, 20.0]


def _truth(*notes: tuple[int, list[float]], is_crowd: bool = False) -> Truth:
    annotations: list[dict[str, Any]] = [
        {"image_id": 1, "category_id": category, "bbox": box, "iscrowd": int(is_crowd)}
        for category, box in notes
    ]
    categories = ({"id": 5, "name": "cat"}, {"id": 8, "name": "dog"})
    return Truth(({"id": 1, "file_name": "a.jpg"},), tuple(annotations), categories)


def _row(category: int, box: list[float], score: float = 0.9) -> CocoRow:
    return CocoRow(image_id=1, category_id=category, bbox=box, score=score)


# rows: cat, dog, nothing; columns likewise
@pytest.mark.parametrize(
    ("notes", "rows", "expected"),
    [
        pytest.param([], [], [[0, 0, 0], [0, 0, 0], [0, 0, 0]], id="nothing"),
        pytest.param([(5, BOX)], [], [[0, 0, 1], [0, 0, 0], [0, 0, 0]], id="missed"),
        pytest.param([], [_row(8, BOX)], [[0, 0, 0], [0, 0, 0], [0, 1, 0]], id="from nothing"),
        pytest.param([(5, BOX)], [_row(5, MOVED)], [[1, 0, 0], [0, 0, 0], [0, 0, 0]], id="right"),
        pytest.param([(5, BOX)], [_row(8, BOX)], [[0, 1, 0], [0, 0, 0], [0, 0, 0]], id="confused"),
        pytest.param([(5, BOX)], [_row(5, FAR)], [[0, 0, 1], [0, 0, 0], [1, 0, 0]], id="apart"),
        pytest.param(
            [(5, BOX)],
            [_row(8, BOX), _row(5, MOVED)],
            [[1, 0, 0], [0, 0, 0], [0, 1, 0]],
            id="its own class first",
        ),
        pytest.param(
            [(5, BOX)],
            [_row(5, BOX), _row(5, MOVED)],
            [[1, 0, 0], [0, 0, 0], [1, 0, 0]],
            id="found twice",
        ),
        pytest.param(
            [(5, BOX)], [_row(5, BOX, 0.29)], [[0, 0, 1], [0, 0, 0], [0, 0, 0]], id="weak"
        ),
    ],
)
def test_every_box_is_counted_once(
    notes: list[tuple[int, list[float]]], rows: list[CocoRow], expected: list[list[int]]
) -> None:
    assert confusion(_truth(*notes), rows).counts.tolist() == expected


def test_box_in_a_crowd_is_neither_right_nor_wrong() -> None:
    assert (
        confusion(_truth((5, BOX), is_crowd=True), [_row(5, MOVED), _row(8, BOX)]).counts.sum() == 0
    )


@pytest.mark.parametrize("classes", [0, 1, 3, 80])
def test_picture_has_a_cell_for_every_class_with_boxes(classes: int) -> None:
    names = tuple(f"class {number}" for number in range(classes))
    counts = np.arange((classes + 1) ** 2, dtype=np.int64).reshape(classes + 1, -1)
    picture = draw(Confusion(names, counts))
    assert picture.dtype == np.uint8
    assert picture.shape[2] == 3
    assert picture.shape[0] > 30 * min(classes, 40)


def test_right_is_green_and_wrong_is_red() -> None:
    counts = np.array([[5, 0, 0], [0, 0, 7], [0, 0, 0]], np.int64)
    picture = draw(Confusion(("cat", "dog"), counts)).astype(int)
    blue, green, red = picture[..., 0], picture[..., 1], picture[..., 2]
    assert ((green - red > 80) & (green > blue)).sum() > 200
    assert ((red - green > 80) & (red > blue)).sum() > 200
