"""Data sets on a disk: three layouts read, and everything wrong with them named."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from configs.errors import ConfigError
from configs.loader import load
from tests.paths import SHARED, needs_shared
from tests.train.data_sets import GOOD, coco_box, coco_config, textured
from train.augment.chain import Stretched
from train.data.config import DataConfig
from train.data.mask import from_runs
from train.data.problem import Trouble
from train.data.table import build_samples, open_folder
from train.errors import DataError

TRIANGLE = [10.5, 4, 20.5, 4, 15.5, 14]


def test_coco_boxes_are_corners_and_class_ids_follow_the_category_ids(tmp_path: Path) -> None:
    crowd = {"size": [48, 64], "counts": [48 * 10 + 5, 20, 48 * 53 + 23]}  # one column of 20 px
    wide = {"size": [48, 64], "counts": [48 * 10, 48 * 4, 48 * 50]}  # columns 10..13
    annotations = [
        coco_box(7, 5, 10.5, 4, 10, 10, segmentation=[TRIANGLE]),
        coco_box(7, 2, 10, 0, 4, 48, segmentation=wide, iscrowd=1),
        coco_box(7, 2, 10, 5, 1, 20, segmentation=crowd, iscrowd=1),
    ]
    samples = build_samples(coco_config(tmp_path, annotations))
    assert samples.class_names == ("box", "disc")  # categories 2 and 5
    sample = samples.read(0)
    assert sample.picture.shape == (48, 64, 3)
    assert sample.boxes_xyxy[:2].tolist() == [[10.5, 4, 20.5, 14], [10, 0, 14, 48]]
    assert sample.class_id.tolist() == [1, 0, 0]
    assert sample.is_crowd.tolist() == [False, True, True]
    assert (sample.image_id, sample.name) == (7, "a.png")
    assert sample.polygons[0][0].tolist() == [[10.5, 4], [20.5, 4], [15.5, 14]]
    outline = np.concatenate(sample.polygons[1])
    assert outline.min(axis=0).tolist() == [10.5, 0.5]  # through the middles of edge pixels
    assert outline.max(axis=0).tolist() == [13.5, 47.5]
    assert samples.read(1).boxes_xyxy.shape == (0, 4)  # a picture with nothing to find


def test_classes_are_chosen_merged_and_ordered_by_name(tmp_path: Path) -> None:
    config = coco_config(tmp_path, GOOD, rename=["disc=thing"], classes=["thing", "box"])
    samples = build_samples(config)
    assert samples.class_names == ("thing", "box")
    assert [samples.read(index).class_id.tolist() for index in (0, 1)] == [[1], [0]]
    merged = build_samples(coco_config(tmp_path, GOOD, rename=["disc=thing", "box=thing"]))
    assert merged.class_names == ("thing",)
    only = build_samples(coco_config(tmp_path, GOOD, classes=["disc"]))
    assert [len(only.read(index)) for index in (0, 1)] == [0, 1]


def _yolo(folder: Path, labels: str) -> DataConfig:
    for name in ("images/train", "labels/train"):
        (folder / name).mkdir(parents=True)
    cv2.imwrite(str(folder / "images/train/a.png"), textured(40, 20))
    cv2.imwrite(str(folder / "images/train/b.png"), textured(40, 20, seed=1))
    (folder / "labels/train/a.txt").write_text(labels)
    (folder / "data.yaml").write_text(
        "path: .\ntrain: images/train\nval: images/val\nnames: {0: car, 2: dog}\n"
    )
    return DataConfig("yolo", folder / "data.yaml")


def test_yolo_labels_are_shares_of_the_picture_as_box_or_outline(tmp_path: Path) -> None:
    config = _yolo(tmp_path, "2 0.5 0.5 0.25 0.5\n\n0 0.1 0.1 0.4 0.1 0.4 0.6\n")
    samples = build_samples(config)
    assert samples.class_names == ("car", "dog")
    sample = samples.read(0)
    # Centre (20, 10), 10 x 10 px; and corners (4, 2), (16, 2), (16, 12).
    np.testing.assert_allclose(sample.boxes_xyxy, [[15, 5, 25, 15], [4, 2, 16, 12]], atol=1e-5)
    assert sample.class_id.tolist() == [1, 0]
    assert sample.polygons[0] == ()
    np.testing.assert_allclose(sample.polygons[1][0], [[4, 2], [16, 2], [16, 12]], atol=1e-5)
    assert len(samples.read(1)) == 0  # no label file: nothing to find


def test_yolo_pictures_may_stand_in_a_list(tmp_path: Path) -> None:
    config = _yolo(tmp_path, "0 0.5 0.5 0.25 0.5\n2 0.5 0.5 0.2 0.2\n")
    (tmp_path / "few.txt").write_text("images/train/a.png\n")
    text = config.annotations.read_text() if config.annotations else ""
    (tmp_path / "data.yaml").write_text(text.replace("train: images/train", "train: few.txt"))
    assert len(build_samples(config)) == 1


def test_voc_pixel_numbers_from_1_become_corners_from_0(tmp_path: Path) -> None:
    _voc(tmp_path, "1", "1", "40", "20")
    samples = build_samples(DataConfig("voc", images=tmp_path, split="few"))
    assert samples.class_names == ("dog",)
    sample = samples.read(0)
    assert sample.boxes_xyxy.tolist() == [[0, 0, 40, 20]]  # the whole picture
    assert sample.is_crowd.tolist() == [True]  # difficult: not to be judged


def _voc(folder: Path, *corners: str) -> None:
    for name in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (folder / name).mkdir(parents=True)
    cv2.imwrite(str(folder / "JPEGImages/x.jpg"), textured(40, 20))
    (folder / "ImageSets/Main/few.txt").write_text("x 1\n")
    keys = zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True)
    box = "".join(f"<{key}>{value}</{key}>" for key, value in keys)
    (folder / "Annotations/x.xml").write_text(
        "<annotation><filename>elsewhere.jpg</filename><size><width>40</width>"
        "<height>20</height></size><object><name>dog</name><difficult>1</difficult>"
        f"<bndbox>{box}</bndbox></object></annotation>"
    )


NAN = float("nan")
bits = st.integers(0, 1)
BROKEN = [
    pytest.param(coco_box(7, 2, 1, 1, 0, 5), Trouble.EMPTY_BOX, "1, 1, 1, 6", id="no width"),
    pytest.param(coco_box(7, 2, 9, 1, -3, 5), Trouble.EMPTY_BOX, "9, 1, 6, 6", id="inverted"),
    pytest.param(coco_box(7, 2, NAN, 1, 3, 5), Trouble.NOT_A_NUMBER, "nan", id="nan"),
    pytest.param(coco_box(7, 2, 60, 1, 9, 5), Trouble.OUTSIDE, "64 x 48", id="over the border"),
    pytest.param(coco_box(7, 2, 90, 1, 9, 5), Trouble.OUTSIDE, "64 x 48", id="outside"),
    pytest.param(coco_box(7, 4, 1, 1, 9, 5), Trouble.UNKNOWN_CLASS, "category 4", id="class"),
    pytest.param(coco_box(7, 2, 10.5, 4, 10, 10), Trouble.DUPLICATE_BOX, "10.5, 4", id="again"),
    pytest.param(coco_box(7, 2, 1, 2, 3), Trouble.BAD_LABEL, "4 numbers", id="three numbers"),
    pytest.param(coco_box(7, 2, 1, 2, 3, "x"), Trouble.BAD_LABEL, "4 numbers", id="a word"),  # type: ignore[arg-type]  # the fault
    pytest.param(coco_box(99, 2, 1, 1, 9, 5), Trouble.BAD_LABEL, "unlisted", id="no picture"),
    pytest.param(
        coco_box(7, 2, 1, 1, 9, 5, segmentation=[[1, 1, 5, 5]]),
        Trouble.BAD_OUTLINE,
        "6 or more",
        id="outline",
    ),
]


@pytest.mark.parametrize(("annotation", "trouble", "text"), BROKEN)
def test_a_broken_label_stops_or_is_left_out_and_named(
    tmp_path: Path, annotation: dict[str, object], trouble: Trouble, text: str
) -> None:
    with pytest.raises(DataError, match=r"1 .*; see all with python -m train\.check") as failure:
        build_samples(coco_config(tmp_path, [*GOOD, annotation]))
    assert "\n" not in str(failure.value)
    assert trouble.value in str(failure.value)
    samples, inspection = open_folder(coco_config(tmp_path, [*GOOD, annotation], broken="skip"))
    [problem] = inspection.problems
    assert problem.trouble is trouble
    assert text in problem.text
    boxes = samples.read(0).boxes_xyxy
    assert np.isfinite(boxes).all()
    assert (boxes[:, 2:] > boxes[:, :2]).all()


def test_a_box_over_the_border_is_cut_where_broken_ones_are_skipped(tmp_path: Path) -> None:
    over = coco_box(7, 2, 60, 1, 9, 5)
    samples = build_samples(coco_config(tmp_path, [*GOOD, over], broken="skip"))
    assert samples.read(0).boxes_xyxy[1].tolist() == [60, 1, 64, 6]


def test_a_rounding_over_the_border_is_no_problem(tmp_path: Path) -> None:
    samples = build_samples(coco_config(tmp_path, [*GOOD, coco_box(7, 2, 60, 1, 5.5, 5)]))
    assert samples.read(0).boxes_xyxy[1].tolist() == [60, 1, 65.5, 6]  # as annotated


def test_a_class_without_a_box_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="class without a box: 'disc'"):
        build_samples(coco_config(tmp_path, GOOD[:1]))


def test_a_set_without_any_box_stops_even_where_broken_ones_are_skipped(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no box to learn"):
        build_samples(coco_config(tmp_path, [], broken="skip"))


def test_a_misspelt_class_is_named_with_what_was_meant(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'dsc' to learn; did you mean 'disc'\?"):
        build_samples(coco_config(tmp_path, GOOD, classes=["dsc"]))


@given(arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=bits))
def test_run_lengths_in_either_spelling_are_the_mask_they_were_made_of(
    mask: NDArray[np.uint8],
) -> None:
    runs = coco_mask.encode(np.asfortranarray(mask))
    size = (mask.shape[1], mask.shape[0])
    text = runs["counts"].decode()
    np.testing.assert_array_equal(from_runs(text, size), mask)
    flat = mask.T.reshape(-1)
    ends = np.flatnonzero(np.diff(np.concatenate([[0], flat]))).tolist()
    counts = np.diff([0, *ends, flat.size]).tolist()
    np.testing.assert_array_equal(from_runs(counts, size), mask)


@pytest.mark.parametrize(
    "counts",
    [
        pytest.param([5000, 5000], id="too many"),
        pytest.param([3], id="too few"),
        pytest.param([-5, 3077], id="negative"),
        pytest.param(["a"], id="a word"),
        pytest.param(None, id="nothing"),
        pytest.param("P", id="cut off"),
        pytest.param("\u00e9", id="a letter"),
    ],
)
def test_run_lengths_that_do_not_fill_the_picture_are_a_broken_outline(
    tmp_path: Path, counts: object
) -> None:
    crowd = coco_box(7, 2, 1, 1, 9, 5, segmentation={"size": [48, 64], "counts": counts})
    _, inspection = open_folder(coco_config(tmp_path, [*GOOD, crowd]))
    assert [problem.trouble for problem in inspection.problems] == [Trouble.BAD_OUTLINE]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=7) | st.dictionaries(st.sampled_from(["size", "counts"]), inner)
    ),
    max_leaves=12,
)
mostly_numbers = st.lists(st.floats() | st.integers(-9, 99), min_size=4, max_size=4)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(json_values | mostly_numbers, json_values, json_values, json_values)
def test_whatever_an_annotation_holds_is_read_or_named(
    tmp_path: Path, bbox: object, segmentation: object, category: object, crowd: object
) -> None:
    entry = {
        "image_id": 7,
        "category_id": category,
        "bbox": bbox,
        "segmentation": segmentation,
        "iscrowd": crowd,
    }
    bare = {**entry, "category_id": 2}
    samples, inspection = open_folder(coco_config(tmp_path, [*GOOD, entry, bare]))
    sample = samples.read(0)
    assert 1 <= len(sample) <= 3
    assert len(sample) + len(inspection.problems) >= 3  # none is lost without a word
    warped = Stretched(width=32, height=32)(0, samples, np.random.default_rng(0))
    assert np.isfinite(warped.visible()).all()


@pytest.mark.parametrize(
    ("line", "text"),
    [
        pytest.param("0 0.5 0.5 0.2", "got 3", id="three numbers"),
        pytest.param("0 0.5 0.5 0.2 0.1 0.3", "got 5", id="half an outline"),
        pytest.param("zero 0.5 0.5 0.2 0.1", "expected numbers", id="a word"),
        pytest.param("1 0.5 0.5 0.2 0.1", "number 1", id="unknown class"),
        pytest.param("0 0.9 0.5 0.4 0.1", "in a picture of shares", id="outside"),
    ],
)
def test_a_broken_yolo_line_is_named_with_its_number(tmp_path: Path, line: str, text: str) -> None:
    config = _yolo(tmp_path, f"0 0.5 0.5 0.25 0.5\n2 0.5 0.5 0.2 0.2\n{line}\n")
    with pytest.raises(DataError, match="line 3") as failure:
        build_samples(config)
    assert text in str(failure.value)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        pytest.param(None, "No such file", id="missing"),
        pytest.param("{", "not JSON", id="cut off"),
        pytest.param("[1]", "expected COCO's keys", id="a list"),
        pytest.param('{"images": []}', "under 'annotations'", id="no annotations"),
        pytest.param(
            '{"images": [{}], "annotations": [], "categories": []}', "under 'id'", id="no id"
        ),
        pytest.param(
            '{"images": [{"id": 99999999999999999999}], "annotations": [], "categories": []}',
            "whole number of 64 bits",
            id="an endless id",
        ),
        pytest.param(
            '{"images": [], "annotations": [], "categories": '
            '[{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]}',
            "category 1 is 'a' and 'b'",
            id="an id of two classes",
        ),
    ],
)
def test_an_unusable_label_file_is_an_error_in_one_line(
    tmp_path: Path, content: str | None, text: str
) -> None:
    path = tmp_path / "labels.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DataError, match=text) as failure:
        build_samples(DataConfig("coco", path, tmp_path, broken="skip"))
    assert "\n" not in str(failure.value)


def test_an_id_of_two_pictures_gives_its_boxes_to_neither(tmp_path: Path) -> None:
    """Sets joined by hand: whose boxes these are nobody knows."""
    config = coco_config(tmp_path, [*GOOD, coco_box(7, 2, 1, 1, 9, 9)], broken="skip")
    path = tmp_path / "labels.json"
    data = json.loads(path.read_text())
    cv2.imwrite(str(tmp_path / "c.png"), textured(64, 48))
    data["images"].append({**data["images"][0], "file_name": "c.png"})
    path.write_text(json.dumps(data))
    samples, inspection = open_folder(config)
    assert "picture 7 is 'a.png' and 'c.png'" in str(inspection.problems)
    assert [samples.read(index).name for index in range(len(samples))] == ["b.jpg"]


@pytest.mark.parametrize(
    ("change", "trouble"),
    [
        pytest.param({"file_name": "a\0.png"}, Trouble.BAD_LABEL, id="a zero in a name"),
        pytest.param({"file_name": "\ud800.png"}, Trouble.BAD_LABEL, id="half a character"),
        pytest.param({"width": 2**40}, Trouble.WRONG_SIZE, id="an endless picture"),
    ],
)
def test_a_picture_that_cannot_be_is_named_and_left_out(
    tmp_path: Path, change: dict[str, object], trouble: Trouble
) -> None:
    config = coco_config(tmp_path, GOOD)
    path = tmp_path / "labels.json"
    data = json.loads(path.read_text())
    data["images"][0] |= change
    path.write_text(json.dumps(data))
    samples, inspection = open_folder(config)
    assert len(samples) == 1
    assert inspection.problems[0].trouble is trouble
    str(inspection.problems[0]).encode()  # can be shown


@pytest.mark.parametrize("encoding", ["GB2312", "utf-99"])
def test_an_xml_file_in_an_unknown_encoding_is_named(tmp_path: Path, encoding: str) -> None:
    """Python's parser knows single bytes and Unicode; labelling tools in China write GB2312."""
    _voc(tmp_path, "1", "1", "40", "20")
    path = tmp_path / "Annotations/x.xml"
    path.write_text(f'<?xml version="1.0" encoding="{encoding}"?>{path.read_text()}')
    _, inspection = open_folder(DataConfig("voc", images=tmp_path))
    assert "x.xml: unreadable label: cannot be read, save it as UTF-8" in str(
        inspection.problems[0]
    )


def test_the_mark_that_editors_put_before_text_is_no_part_of_it(tmp_path: Path) -> None:
    config = _yolo(tmp_path, "\ufeff0 0.5 0.5 0.25 0.5\n2 0.5 0.5 0.2 0.2\n")
    assert len(build_samples(config).read(0)) == 2


def test_names_that_are_no_text_are_an_error(tmp_path: Path) -> None:
    config = _yolo(tmp_path, "0 0.5 0.5 0.25 0.5\n")
    (tmp_path / "data.yaml").write_text("train: images/train\nnames: [[a, b], c]\n")
    with pytest.raises(DataError, match="expected class names under 'names' to be text"):
        build_samples(config)


def test_a_setting_that_the_layout_needs_is_asked_for() -> None:
    with pytest.raises(ConfigError, match=r"data\.images: the layout coco needs a folder"):
        load(DataConfig, {"type": "coco", "annotations": "a.json"}, "data")


@needs_shared("data", "coco", "annotations")
def test_real_coco_labels_hold() -> None:
    folder = SHARED / "data" / "coco"
    labels = folder / "annotations" / "instances_train2017_subset_official.json"
    samples, inspection = open_folder(DataConfig("coco", labels, folder / "train2017"))
    assert inspection.problems == []
    assert (len(samples), len(samples.labels.class_id)) == (295, 2523)
    assert all(len(samples.labels.polygons(box)) > 0 for box in range(2523))
