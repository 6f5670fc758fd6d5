"""Labelling from the outside: a drawn street, and a teacher that knows what is drawn."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO

from detector.detections import Detections
from streamer.errors import SinkError
from streamer.result import Result
from tests.detector.frames import plain_frame
from tests.paths import SHARED, needs_shared
from tests.truth_detector import NAMES
from train.autolabel import main
from train.data.config import DataConfig
from train.data.table import build_samples
from train.teacher.labels import LabelPlan, LabelSink, read_thresholds

TEACHER = "tests.truth_detector:Truthful"
STREET = "synthetic:width=160,height=96,frames=16,rate=4,objects=8,occluders=0,noise=0,blur=0"


def _run(tmp_path: Path, *more: str, source: str = STREET) -> int:
    out = ["--source", source, "--detector", TEACHER, "--out", str(tmp_path / "coco.json")]
    return main([*out, *more])


def _read(tmp_path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((tmp_path / "coco.json").read_text())
    return content


def test_labels_are_what_the_teacher_saw(tmp_path: Path) -> None:
    assert _run(tmp_path) == 0
    data = _read(tmp_path)
    assert [each["name"] for each in data["categories"]] == list(NAMES)
    assert [each["id"] for each in data["categories"]] == [1, 2, 3]
    assert 2 <= len(data["images"]) <= 4  # of 4 seconds
    for image in data["images"]:
        picture = cv2.imread(str(tmp_path / "coco" / image["file_name"]))
        assert picture is not None
        assert picture.shape == (image["height"], image["width"], 3) == (96, 160, 3)
        assert image["file_name"] == f"synthetic_{round(image['time_s'] * 4):06d}.jpg"
    assert len(data["annotations"]) > 3
    for note in data["annotations"]:
        x, y, w, h = note["bbox"]
        assert min(x, y) >= 0
        assert min(w, h) >= 2
        assert x + w <= 160.01
        assert y + h <= 96.01
    left_over = [path for path in tmp_path.rglob("*") if "partial" in path.name]
    assert left_over == []


def test_result_is_read_by_pycocotools_and_by_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(tmp_path) == 0
    coco = COCO(str(tmp_path / "coco.json"))
    capsys.readouterr()
    config = DataConfig("coco", annotations=tmp_path / "coco.json", images=tmp_path / "coco")
    samples = build_samples(config)
    assert samples.class_names == NAMES
    assert len(samples) == len(coco.imgs)
    for index in range(len(samples)):
        sample = samples.read(index)
        notes = coco.imgToAnns[sample.image_id]
        assert sorted(sample.class_id + 1) == sorted(note["category_id"] for note in notes)


def test_only_chosen_classes_become_categories(tmp_path: Path) -> None:
    assert _run(tmp_path, "--classes", "car, person") == 0
    data = _read(tmp_path)
    assert [(each["id"], each["name"]) for each in data["categories"]] == [
        (1, "person"),
        (2, "car"),
    ]
    assert {note["category_id"] for note in data["annotations"]} <= {1, 2}


def test_threshold_of_a_class_stands_over_that_of_all(tmp_path: Path) -> None:
    """The teacher is sure by 0.9."""
    assert _run(tmp_path, "--threshold", "person=0.85", "--threshold", "0.95") == 0
    assert {note["category_id"] for note in _read(tmp_path)["annotations"]} == {1}


def test_class_that_is_never_found_is_no_category(tmp_path: Path) -> None:
    sure_of_two = ["--threshold", "person=0.95", "--threshold", "0.5"]
    assert _run(tmp_path, *sure_of_two) == 0
    data = _read(tmp_path)
    assert [(each["id"], each["name"]) for each in data["categories"]] == [
        (1, "bicycle"),
        (2, "car"),
    ]
    assert {note["category_id"] for note in data["annotations"]} == {1, 2}


def test_frames_without_a_box_can_be_dropped(tmp_path: Path) -> None:
    assert _run(tmp_path, "--threshold", "1") == 0
    assert _read(tmp_path)["annotations"] == []
    (tmp_path / "other").mkdir()
    assert _run(tmp_path / "other", "--threshold", "1", "--drop-empty") == 1
    assert list((tmp_path / "other").iterdir()) == []


def test_every_frame_is_kept_where_all_is_new(tmp_path: Path) -> None:
    assert _run(tmp_path, "--difference", "0", "--min-gap", "0") == 0
    assert len(_read(tmp_path)["images"]) == 16


def test_limit_counts_kept_frames(tmp_path: Path) -> None:
    assert _run(tmp_path, "--difference", "0", "--min-gap", "0", "--limit", "5") == 0
    assert [each["file_name"] for each in _read(tmp_path)["images"]] == [
        f"synthetic_{index:06d}.jpg" for index in range(5)
    ]


def test_two_sources_share_one_file(tmp_path: Path) -> None:
    assert _run(tmp_path, "--source", f"{STREET},seed=3") == 0
    data = _read(tmp_path)
    names = {re.sub(r"_\d+\.jpg", "", each["file_name"]) for each in data["images"]}
    assert names == {"synthetic", "synthetic-2"}
    assert [each["id"] for each in data["images"]] == list(range(1, len(data["images"]) + 1))


def test_corrected_labels_are_not_replaced_unasked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "coco.json").write_text("corrected by hand")
    assert _run(tmp_path) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert (tmp_path / "coco.json").read_text() == "corrected by hand"
    assert _run(tmp_path, "--overwrite") == 0
    assert _read(tmp_path)["images"]


def test_source_that_breaks_off_costs_only_its_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(tmp_path, "--source", str(tmp_path / "missing.mp4")) == 4
    assert "missing.mp4" in capsys.readouterr().err
    assert _read(tmp_path)["images"]


@pytest.mark.parametrize(
    ("more", "code", "told"),
    [
        pytest.param(["--threshold", "horse=0.5"], 2, "got 'horse'", id="class"),
        pytest.param(["--threshold", "person=high"], 2, "expected 0.5 or person=0.5", id="number"),
        pytest.param(["--threshold", "3"], 2, "in 0..1, got '3'", id="range"),
        pytest.param(["--classes", "persn"], 2, "perhaps 'person'", id="classes"),
        pytest.param(["--difference", "2"], 2, "difference: expected 0..1", id="difference"),
        pytest.param(["--limit", "0"], 2, "limit: expected at least 1", id="limit"),
        pytest.param(["--detector", "none"], 2, "expected one with classes", id="no classes"),
        pytest.param(["--out", "labels.txt"], 2, "ending in .json", id="suffix"),
        pytest.param(["--min-gp", "3"], 2, "did you mean '--min-gap'?", id="option"),
        pytest.param(["--detector", "yolox"], 5, "an ONNX file of YOLOX", id="weights"),
    ],
)
def test_what_is_wrong_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], code: int, told: str
) -> None:
    assert _run(tmp_path, *more) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert told in captured.err


def test_nothing_to_read_is_its_own_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(tmp_path, source=str(tmp_path / "missing.mp4")) == 3
    assert capsys.readouterr().err.count("\n") == 1


def _plan(path: Path) -> LabelPlan:
    return LabelPlan(path, NAMES, None, np.full(3, 0.5, np.float32), "a teacher")


def _found(*boxes: tuple[float, float, float, float]) -> Detections:
    count = len(boxes)
    xyxy = np.array(boxes, np.float32).reshape(-1, 4)
    return Detections(xyxy, np.full(count, 0.5, np.float32), np.zeros(count, np.int32))


def test_box_is_cut_to_the_picture_and_a_line_is_none(tmp_path: Path) -> None:
    found = _found((-5, 10, 30, 90), (63, 0, 80, 30), (70, 70, 90, 90), (20, 20, 10, 10))
    with LabelSink(_plan(tmp_path / "coco.json")) as sink:
        sink.write(Result(plain_frame(1, 2, 3), found, 0, 0))
    (note,) = _read(tmp_path)["annotations"]
    assert note["bbox"] == [0, 10, 30, 54]
    assert note["area"] == 30 * 54
    assert sink.tally.boxes == {"person": 1}


def test_labels_are_whole_though_the_run_fails(tmp_path: Path) -> None:
    sink = LabelSink(_plan(tmp_path / "coco.json"))
    sink.__enter__()
    sink.write(Result(plain_frame(1, 2, 3), _found((0, 0, 9, 9)), 0, 0))
    error = RuntimeError("another sink")
    sink.__exit__(RuntimeError, error, error.__traceback__)
    assert len(_read(tmp_path)["annotations"]) == 1


def test_folder_that_vanishes_is_one_line(tmp_path: Path) -> None:
    sink = LabelSink(_plan(tmp_path / "coco.json"))
    with sink:
        (tmp_path / "coco").rmdir()
        with pytest.raises(SinkError, match="cannot be written"):
            sink.write(Result(plain_frame(1, 2, 3), _found(), 0, 0))


def test_thresholds_are_the_default_without_any() -> None:
    thresholds = read_thresholds([], NAMES, default=0.5)
    assert thresholds.tolist() == [0.5, 0.5, 0.5]
    assert thresholds.dtype == np.float32


@needs_shared("data", "weights", "yolox_nano.onnx")
@needs_shared("data", "video", "torchcodec_dog_eating.mp4")
def test_published_network_labels_the_dog(tmp_path: Path) -> None:
    arguments = {
        "--source": SHARED / "data" / "video" / "torchcodec_dog_eating.mp4",
        "--detector": "yolox",
        "--weights": SHARED / "data" / "weights" / "yolox_nano.onnx",
        "--out": tmp_path / "coco.json",
        "--min-gap": 4,
    }
    assert main([str(each) for pair in arguments.items() for each in pair]) == 0
    data = _read(tmp_path)
    names = {each["id"]: each["name"] for each in data["categories"]}
    found = {names[note["category_id"]] for note in data["annotations"]}
    assert "dog" in found
    assert len(data["images"]) == 4  # 13.8 s: at 0, 4, 8 and 12
