"""Labels in a folder, what people said beside teachers, and pictures that may not be learnt."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.train.starter.lessons import found, label
from train.errors import DataError
from train.starter import prepare
from train.starter.balance import MOST, shares
from train.starter.labels import read_labels, write_labels
from train.starter.likeness import ALIKE, HeldOut
from train.starter.truth import UNSEEN, Known, read_known, with_truth

PERSON, CAR, DOG = 0, 2, 16
BOX = (10.0, 10.0, 30.0, 50.0)


def test_folder_without_labels_gives_none(tmp_path: Path) -> None:
    assert read_labels(tmp_path) == []
    assert read_labels(tmp_path / "nowhere") == []


def test_labels_come_back_in_the_order_they_were_written(tmp_path: Path) -> None:
    one, none, other = (
        label([(BOX, 0.9, PERSON), (BOX, 0.1, CAR)], Path("a.jpg")),
        label([], Path("b.jpg")),
        label([(BOX, 0.5, DOG)], Path("c.jpg")),
    )
    write_labels(tmp_path, [one, none])
    write_labels(tmp_path, [other])
    back = read_labels(tmp_path)
    assert [each.path for each in back] == [one.path, none.path, other.path]
    for each, wanted in zip(back, [one, none, other], strict=True):
        np.testing.assert_array_equal(each.xyxy, wanted.xyxy)
        np.testing.assert_array_equal(each.score, wanted.score)
        np.testing.assert_array_equal(each.class_id, wanted.class_id)


def test_damaged_labels_are_one_line(tmp_path: Path) -> None:
    write_labels(tmp_path, [label([(BOX, 0.9, PERSON)])])
    [path] = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(DataError, match="delete it and prepare again"):
        read_labels(tmp_path)


def test_labels_after_a_deleted_file_replace_none(tmp_path: Path) -> None:
    """As the line about a damaged one advises."""
    names = [Path(f"{name}.jpg") for name in "abcd"]
    for name in names[:3]:
        write_labels(tmp_path, [label([(BOX, 0.9, PERSON)], name)])
    sorted(tmp_path.iterdir())[1].unlink()
    write_labels(tmp_path, [label([(BOX, 0.9, PERSON)], names[3])])
    assert [each.path for each in read_labels(tmp_path)] == [names[0], names[2], names[3]]


def test_no_labels_are_no_file(tmp_path: Path) -> None:
    """A piece of which every picture looks like a held-out one."""
    write_labels(tmp_path, [])
    assert list(tmp_path.iterdir()) == []


def test_folder_of_held_out_pictures_that_is_not_there_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Or pictures that are to be measured on would be learnt."""
    given = ["--nanodet", "none", "--yolox", "none", "--output", str(tmp_path / "labels")]
    assert prepare.main([*given, "--held-out", str(tmp_path / "val")]) == 3
    assert "expected a folder" in capsys.readouterr().err


def test_people_have_the_last_word_where_they_looked() -> None:
    near = (11.0, 10.0, 31.0, 50.0)
    away = (60.0, 10.0, 90.0, 50.0)
    teachers = found([(near, 0.5, PERSON), (away, 0.8, PERSON), (near, 0.3, DOG)])
    boxes = np.array([BOX, (0, 0, 5, 5)], np.float32)
    known = Known(Path("a"), boxes, np.array([PERSON, CAR], np.int32), frozenset({PERSON, CAR}))
    told = with_truth(teachers, known)
    # the person was seen at 0.5, halfway to 1; the car was not; nobody looked for dogs
    rows = zip(told.class_id.tolist(), told.score.tolist(), strict=True)
    assert list(rows) == [
        (PERSON, pytest.approx(0.75)),
        (CAR, pytest.approx(UNSEEN)),
        (DOG, pytest.approx(0.3)),
    ]
    np.testing.assert_array_equal(told.xyxy[0], BOX)


def test_annotations_say_which_classes_were_looked_for(tmp_path: Path) -> None:
    content = {
        "info": {"labelled_categories": {"roads": ["car"]}},
        "images": [
            {"id": 1, "file_name": "a.jpg", "source": "roads"},
            {"id": 2, "file_name": "b.jpg"},
        ],
        "annotations": [
            {"image_id": 1, "category_id": 3, "bbox": [10, 20, 30, 40]},
            {"image_id": 2, "category_id": 3, "bbox": [0, 0, 5, 5], "iscrowd": 1},
        ],
        "categories": [{"id": 3, "name": "car"}],
    }
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps(content), "utf-8")
    first, second = read_known(path, tmp_path)
    assert first.classes == {CAR}
    assert first.xyxy.tolist() == [[10, 20, 40, 60]]
    assert (len(second.classes), len(second.xyxy)) == (80, 0)


def test_annotations_of_another_form_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "boxes.json"
    path.write_text('{"images": []}', "utf-8")
    with pytest.raises(DataError, match="expected annotations in COCO's form"):
        list(read_known(path, tmp_path))


def test_held_out_picture_is_known_again() -> None:
    pictures = [_photo(seed) for seed in range(12)]
    held_out = HeldOut(pictures[:6])
    for picture in pictures[:6]:
        assert picture in held_out
        assert np.ascontiguousarray(picture[:, ::-1]) in held_out
        assert cv2.resize(picture, (101, 67)) in held_out
        _, packed = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 40])
        assert held_out.nearest(np.asarray(cv2.imdecode(packed, 1), np.uint8)) <= ALIKE
    assert not any(picture in held_out for picture in pictures[6:])
    assert min(held_out.nearest(picture) for picture in pictures[6:]) > ALIKE


def test_nothing_is_held_out_of_nothing() -> None:
    assert HeldOut([]).nearest(_photo(0)) == 64


def test_rare_classes_are_shown_more_often() -> None:
    labels = [label([(BOX, 0.9, PERSON)]) for _ in range(99)] + [label([(BOX, 0.9, DOG)])]
    weight = shares(labels, classes=80, common=0.09)
    assert weight.sum() == pytest.approx(1)
    # dogs are on 1 % of the pictures: sqrt(0.09 / 0.01) = 3 times as often
    assert weight[-1] / weight[0] == pytest.approx(3)
    assert shares(labels, classes=80, common=0.9)[-1] / weight[0] < 2 * MOST
    assert len(set(shares(labels, classes=80, common=0))) == 1


def _photo(seed: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Soft blotches, as photographs have them."""
    coarse = np.random.default_rng(seed).integers(0, 255, (7, 9, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (240, 160), interpolation=cv2.INTER_CUBIC), np.uint8)
