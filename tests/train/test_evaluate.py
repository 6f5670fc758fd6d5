"""Evaluation from the outside: a small untrained network, and where it is there a published one."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from detector.coco import COCO_CLASSES
from detector.config import DetectorConfig
from detector.yolox import YoloxDetector
from tests.detector import oracle
from tests.paths import GOLDEN, ROOT, SHARED, needs_shared
from tests.train import pictures as made
from tests.train.tiny_detector import NAME, TinyDetector
from train.eval.evaluation import evaluate
from train.eval.look import find_pictures
from train.eval.truth import read_truth
from train.evaluate import main

NANO = SHARED / "data" / "weights" / "yolox_nano.onnx"
COCO_VAL = SHARED / "data" / "coco" / "annotations" / "instances_val2017_subset.json"
LAST_LINE = re.compile(r"AP=([01]\.\d{3}) AP50=([01]\.\d{3}) AP75=([01]\.\d{3})")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With annotations that are half of the detector's own boxes, moved: AP well inside 0..1."""
    folder = tmp_path_factory.mktemp("set")
    annotations, root = made.write_data_set(folder)
    truth = read_truth(annotations)
    detector = TinyDetector(DetectorConfig(score_threshold=0, top_k=12))
    found = evaluate(detector, truth, find_pictures(truth, root))
    stream = np.random.default_rng(4)
    notes = []
    for row in found.rows:
        x, y, w, h = row["bbox"]
        if stream.uniform() < 0.5:
            box = [x + stream.normal(0, 0.1 * w), y, w, h]
            notes.append(
                {"image_id": row["image_id"], "category_id": row["category_id"], "bbox": box}
            )
    made.write_annotations(annotations, list(truth.images), notes)
    return folder


@pytest.fixture
def boxes(folder: Path, tmp_path: Path) -> tuple[Path, Path]:
    """The test's own copy: annotations and pictures."""
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    return tmp_path / "boxes.json", tmp_path / "pictures"


def _arguments(boxes: tuple[Path, Path], *more: str | Path) -> list[str]:
    annotations, root = boxes
    plain = ["--annotations", annotations, "--images", root, "--detector", NAME, "--device", "cpu"]
    return [str(each) for each in [*plain, *more]]


def _figures(text: str) -> tuple[float, ...]:
    """Of the last line of stdout."""
    found = LAST_LINE.fullmatch(text.splitlines()[-1])
    assert found is not None, text
    return tuple(float(each) for each in found.groups())


def test_last_line_has_the_three_figures(
    boxes: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(_arguments(boxes)) == 0
    ap, ap50, ap75 = _figures(capsys.readouterr().out)
    assert 0.02 < ap < 0.98
    assert ap50 >= ap75


def test_classes_are_matched_by_name_and_a_lacking_one_is_told(
    tmp_path: Path, boxes: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    annotations, root = boxes
    truth = read_truth(annotations)
    extra = {"image_id": 100, "category_id": 12, "bbox": [0, 0, 9, 9]}
    with_extra = made.write_annotations(
        tmp_path / "more.json", list(truth.images), [*truth.annotations, extra]
    )
    assert main(_arguments(boxes)) == 0
    plain = capsys.readouterr()
    assert "unicorn" not in plain.out + plain.err
    assert main(_arguments((with_extra, root))) == 0
    more = capsys.readouterr()
    assert "knows no unicorn" in more.err
    used = {each["category_id"] for each in truth.annotations}
    expected = _figures(plain.out)[0] * len(used) / (len(used) + 1)
    assert _figures(more.out)[0] == pytest.approx(expected, abs=0.001)


def test_results_file_is_cocos_and_gives_the_same_figures(
    tmp_path: Path, boxes: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results.json"
    assert main(_arguments(boxes, "--save", results)) == 0
    ours = _figures(capsys.readouterr().out)
    truth = read_truth(boxes[0]).dataset
    for number, note in enumerate(truth["annotations"], 1):
        note |= {"id": number, "iscrowd": 0, "area": note["bbox"][2] * note["bbox"][3]}
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = truth
        coco.createIndex()
        theirs = COCOeval(coco, coco.loadRes(str(results)), "bbox")
        theirs.evaluate()
        theirs.accumulate()
        theirs.summarize()
    np.testing.assert_allclose(ours, theirs.stats[:3], atol=0.0005)
    assert {row["category_id"] for row in json.loads(results.read_text())} <= {3, 7, 9}


def test_confusion_is_drawn_beside_the_results(tmp_path: Path, boxes: tuple[Path, Path]) -> None:
    assert main(_arguments(boxes, "--save", tmp_path / "results.json", "--conf", "0")) == 0
    picture = cv2.imread(str(tmp_path / "results_confusion.png"))
    assert picture is not None
    assert min(picture.shape[:2]) > 100
    assert len(list(tmp_path.glob("*.partial"))) == 0


@pytest.mark.parametrize(
    "more",
    [
        pytest.param([], id="plain"),
        pytest.param(["--imgsz", "native", "--flip-test", "--batch", "4"], id="native, flipped"),
        pytest.param(["--scales", "0.5,1.5", "--published-rounding"], id="scales"),
    ],
)
def test_pipeline_finds_the_very_same(
    tmp_path: Path, boxes: tuple[Path, Path], more: list[str]
) -> None:
    direct, through = tmp_path / "direct.json", tmp_path / "through.json"
    assert main(_arguments(boxes, *more, "--save", direct)) == 0
    assert main(_arguments(boxes, *more, "--save", through, "--through-pipeline")) == 0
    assert json.loads(direct.read_text()) == json.loads(through.read_text())


def test_published_rounding_leaves_two_decimals_and_no_threshold(
    tmp_path: Path, boxes: tuple[Path, Path]
) -> None:
    results = tmp_path / "results.json"
    assert main(_arguments(boxes, "--published-rounding", "--save", results)) == 0
    rows = json.loads(results.read_text())
    values = [value for row in rows for value in [*row["bbox"], row["score"]]]
    assert all(round(value, 2) == value for value in values)
    assert len(rows) == 6 * 100


def test_flip_and_scales_change_what_is_found(tmp_path: Path, boxes: tuple[Path, Path]) -> None:
    found = []
    for more in ([], ["--flip-test"], ["--scales", "0.5,1"], ["--soft-nms"]):
        results = tmp_path / "results.json"
        assert main(_arguments(boxes, *more, "--imgsz", "native", "--save", results)) == 0
        found.append(results.read_text())
    assert len(set(found)) == 4


def test_missing_and_broken_pictures_are_left_out_and_told(
    boxes: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    _, root = boxes
    (root / "p1.png").unlink()
    (root / "p4.png").write_bytes(b"no picture")
    for more in ([], ["--through-pipeline"]):
        assert main(_arguments(boxes, *more)) == 0
        told = capsys.readouterr()
        assert "1 annotated pictures are not in" in told.err
        assert "p1.png" in told.err
        assert "1 of 5 pictures could not be read" in told.err
        assert "p4.png" in told.err
        assert "on 4 pictures" in told.out


def test_picture_without_annotations_is_looked_at_too(tmp_path: Path) -> None:
    annotations, root = made.write_data_set(tmp_path, pictures=2)
    truth = read_truth(annotations)
    only_first = [note for note in truth.annotations if note["image_id"] == 100]
    made.write_annotations(annotations, list(truth.images), only_first)
    detector = TinyDetector(DetectorConfig(score_threshold=0))
    truth = read_truth(annotations)
    evaluation = evaluate(detector, truth, find_pictures(truth, root))
    assert (evaluation.summary.pictures, evaluation.summary.truths) == (2, 3)
    assert {row["image_id"] for row in evaluation.rows} == {100, 101}


def test_picture_of_another_size_than_annotated_is_told(
    boxes: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = boxes[1] / "p2.png"
    cv2.imwrite(str(path), np.zeros((180, 66, 3), np.uint8))
    assert main(_arguments(boxes)) == 0
    assert "1 pictures are of another size than annotated, such as 'p2.png'" in (
        capsys.readouterr().err
    )


def test_limit_takes_the_first_pictures(
    boxes: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(_arguments(boxes, "--limit", "3")) == 0
    assert "on 3 pictures" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "code", "told"),
    [
        pytest.param(["--limit", "0"], 2, "limit: expected at least 1", id="limit"),
        pytest.param(["--scales", "1,big"], 2, "expected numbers such as", id="scales"),
        pytest.param(["--scales", "0"], 2, "expected numbers in 0.1..4", id="scale of 0"),
        pytest.param(["--imgsz", "huge"], 2, "imgsz: expected", id="imgsz"),
        pytest.param(["--conf", "2"], 2, "expected 0..1, got 2.0", id="conf"),
        pytest.param(["--detector", "hardnet58"], 2, "did you mean 'hardnet", id="detector"),
        pytest.param(["--scale", "1"], 2, "did you mean '--scales'?", id="option"),
        pytest.param(["--precision", "fp8"], 2, "--precision: invalid choice", id="precision"),
        pytest.param(["--save", "results.txt"], 2, "ending in .json", id="suffix"),
        pytest.param(["--save", "no/such/r.json"], 2, "a folder that exists", id="folder"),
        pytest.param(["--annotations", "none.json"], 3, "No such file", id="annotations"),
        pytest.param(["--images", "nowhere"], 3, "expected a folder", id="images"),
        pytest.param(["--images", str(ROOT / "docs")], 3, "got none of all 6", id="other folder"),
        pytest.param(
            ["--detector", "hardnet85", "--weights", "no.pth"], 5, "weights", id="weights"
        ),
        pytest.param(["--detector", "yolox"], 5, "an ONNX file of YOLOX", id="no weights"),
        pytest.param(["--detector", "none"], 3, "knows none of them", id="no classes"),
    ],
)
def test_what_is_wrong_is_one_line(
    boxes: tuple[Path, Path],
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    code: int,
    told: str,
) -> None:
    assert main(_arguments(boxes, *more)) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert told in captured.err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("", "expected JSON", id="empty"),
        pytest.param("[]", "a list 'images'", id="results instead"),
        pytest.param('{"images": [3]}', "a list 'images'", id="no objects"),
        pytest.param(
            '{"images": [{"id": 1}], "annotations": [], "categories": []}', "file_name", id="image"
        ),
        pytest.param(
            '{"images": [], "annotations": [], "categories": []}', "expected pictures", id="nothing"
        ),
        pytest.param(
            '{"images": [{"id": 1, "file_name": "a"}], "annotations": [], "categories": []}',
            "expected boxes",
            id="no box",
        ),
        pytest.param(
            '{"images": [{"id": 1, "file_name": "a"}], "categories": [],'
            ' "annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, NaN]}]}',
            "'bbox' as x, y, width, height",
            id="NaN",
        ),
        pytest.param(
            '{"images": [{"id": 1, "file_name": "a"}], "categories": [],'
            ' "annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, -4]}]}',
            "a width and a height of 0 or more",
            id="inside out",
        ),
        pytest.param(
            '{"images": [{"id": 1, "file_name": "a"}], "categories": [],'
            ' "annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}]}',
            "which it does not name",
            id="category",
        ),
    ],
)
def test_annotations_that_are_none_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, told: str
) -> None:
    path = tmp_path / "a.json"
    path.write_text(text, encoding="utf-8")
    assert main(_arguments((path, tmp_path))) == 3
    captured = capsys.readouterr()
    assert told in captured.err
    assert captured.err.count("\n") == 1


def test_module_runs_from_the_shell(boxes: tuple[Path, Path]) -> None:
    command = [sys.executable, "-m", "train.evaluate", *_arguments(boxes)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert LAST_LINE.fullmatch(done.stdout.splitlines()[-1])
    assert done.stderr == ""


@needs_shared("data", "weights", "yolox_nano.onnx")
@needs_shared("data", "coco", "annotations", "instances_val2017_subset.json")
@pytest.mark.slow
@pytest.mark.parametrize(("nms_iou", "expected"), [(0.65, 0.353), (0.45, 0.347)])
def test_published_network_is_worth_the_same_as_before_in_both_ways(
    nms_iou: float, expected: float
) -> None:
    truth = read_truth(COCO_VAL)
    pictures = find_pictures(truth, SHARED / "data" / "coco" / "val2017")
    config = DetectorConfig(name="yolox", score_threshold=0.001, nms_iou=nms_iou)
    found = []
    for through_pipeline in (False, True):
        detector = YoloxDetector.from_config(config, NANO)
        found.append(evaluate(detector, truth, pictures, through_pipeline=through_pipeline))
    assert found[0].rows == found[1].rows
    assert found[0].summary.ap == found[1].summary.ap == pytest.approx(expected, abs=0.0005)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "more"),
    [
        ("fix512", ["--imgsz", "512"]),
        ("keep_flip", ["--imgsz", "native", "--flip-test"]),
        ("fix512_nms", ["--imgsz", "512", "--soft-nms"]),
    ],
)
def test_published_protocol_writes_the_rows_of_the_published_program(
    tmp_path: Path, mode: str, more: list[str]
) -> None:
    """The oracle's network and picture; its rows rounded as its results file would be."""
    weights = oracle.save_checkpoint(tmp_path / "oracle.pth")
    cv2.imwrite(str(tmp_path / "blocks.png"), oracle.blocks())
    annotations = tmp_path / "a.json"
    names = [{"id": 2 * at + 1, "name": name} for at, name in enumerate(COCO_CLASSES)]
    box = {"image_id": 7, "category_id": 1, "bbox": [0, 0, 9, 9]}
    image = {"id": 7, "file_name": "blocks.png"}
    annotations.write_text(
        json.dumps({"images": [image], "annotations": [box], "categories": names})
    )
    plain = ["--annotations", annotations, "--images", tmp_path, "--weights", weights]
    plain += ["--device", "cpu", "--published-rounding", "--save", tmp_path / "results.json"]
    assert main([str(each) for each in [*plain, *more]]) == 0
    rows = json.loads((tmp_path / "results.json").read_text())
    ours = np.array([[*row["bbox"], row["score"], (row["category_id"] - 1) / 2] for row in rows])
    with np.load(GOLDEN / "golden_blocks_small.npz") as golden:
        expected = golden[f"{mode}/results"].astype(np.float64)
    expected[:, 2:4] -= expected[:, :2]
    # Coordinates as far apart as oracle.assert_same_detections allows, and a rounding; a score at
    # the edge between two hundredths may fall to either side.
    scale = np.array([0.06, 0.06, 0.11, 0.11, 0.0101, 0.5])
    is_match = (np.abs(ours[:, None] - expected.round(2)[None]) <= scale).all(axis=2)
    assert len(ours) == len(expected)
    assert is_match.any(axis=0).all()
    assert is_match.any(axis=1).all()
