from __future__ import annotations

import contextlib
import copy
import io
import math
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from detector.detections import Detections
from train.eval.coco_ap import ApSummary, CocoRow, average_precision, rows_of


def _truth(pictures: int = 12, seed: int = 3) -> dict[str, Any]:
    """Boxes of every size in two of three classes, one crowd."""
    stream = np.random.default_rng(seed)
    notes: list[dict[str, Any]] = []
    for picture in range(pictures):
        for _ in range(4):
            x, y = stream.uniform(0, 300, 2).tolist()
            w, h = stream.uniform(8, 200, 2).tolist()
            category = int(stream.choice([7, 9]))
            notes.append({"image_id": picture, "category_id": category, "bbox": [x, y, w, h]})
    for number, note in enumerate(notes):
        note |= {"id": number + 1, "iscrowd": int(number == 5)}
        note |= {"area": note["bbox"][2] * note["bbox"][3]}
    return {
        "images": [{"id": picture, "width": 640, "height": 480} for picture in range(pictures)],
        "annotations": notes,
        "categories": [{"id": i, "name": n} for i, n in [(7, "car"), (9, "dog"), (11, "cat")]],
    }


def _noisy(truth: dict[str, Any], seed: int = 1) -> list[CocoRow]:
    """The truths moved about, some missed, some of another class, some out of nowhere."""
    stream = np.random.default_rng(seed)
    rows = []
    for note in truth["annotations"]:
        box = (np.array(note["bbox"]) + stream.normal(0, 5, 4)).tolist()
        category = int(stream.choice([note["category_id"], 7, 9, 11], p=[0.7, 0.1, 0.1, 0.1]))
        row = CocoRow(
            image_id=note["image_id"],
            category_id=category,
            bbox=box,
            score=float(stream.uniform()),
        )
        rows += [row] * int(stream.choice([0, 1, 1, 2]))
    return rows


def _perfect(truth: dict[str, Any]) -> list[CocoRow]:
    return [
        CocoRow(
            image_id=note["image_id"],
            category_id=note["category_id"],
            bbox=list(note["bbox"]),
            score=0.9,
        )
        for note in truth["annotations"]
    ]


def test_no_detections_are_worth_nothing() -> None:
    summary = average_precision(_truth(), [])
    assert (summary.ap, summary.ap50, summary.ar100) == (0, 0, 0)


def test_the_truth_itself_is_perfect() -> None:
    truth = _truth()
    summary = average_precision(truth, _perfect(truth))
    # pycocotools adds the smallest float to the divisor, so 1 only nearly
    assert summary.ap == pytest.approx(1, abs=1e-9)
    assert summary.ap_small == pytest.approx(1, abs=1e-9)
    assert (summary.pictures, summary.truths) == (12, 47)  # 12 x 4, the crowd left out
    assert [each.name for each in summary.classes] == ["car", "dog"]
    assert [each.ap for each in summary.classes] == pytest.approx([1, 1], abs=1e-9)


def test_figures_are_those_of_pycocotools() -> None:
    truth = _truth()
    rows = _noisy(truth)
    ours = average_precision(truth, rows)
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = copy.deepcopy(truth)
        coco.createIndex()
        theirs = COCOeval(coco, coco.loadRes(copy.deepcopy(rows)), "bbox")
        theirs.evaluate()
        theirs.accumulate()
        theirs.summarize()
    figures = [ours.ap, ours.ap50, ours.ap75, ours.ap_small, ours.ap_medium, ours.ap_large]
    figures += [ours.ar1, ours.ar10, ours.ar100]
    np.testing.assert_allclose(figures, theirs.stats[:9], rtol=1e-12)
    assert 0.1 < ours.ap < 0.9


def test_mean_over_classes_is_the_whole() -> None:
    truth = _truth()
    summary = average_precision(truth, _noisy(truth))
    means = [np.mean([getattr(each, f) for each in summary.classes]) for f in ("ap", "ap50")]
    np.testing.assert_allclose(means, [summary.ap, summary.ap50], rtol=1e-12)


def test_annotation_with_id_0_can_be_found() -> None:
    """pycocotools notes the id of what was found, and takes 0 for nothing."""
    truth = _truth()
    for number, note in enumerate(truth["annotations"]):
        note["id"] = number
    assert average_precision(truth, _perfect(truth)).ap == pytest.approx(1, abs=1e-9)


def test_area_and_crowd_may_be_missing() -> None:
    truth = _truth()
    for note in truth["annotations"]:
        del note["area"], note["iscrowd"], note["id"]
    summary = average_precision(truth, _perfect(truth))
    assert summary.ap_large == pytest.approx(1, abs=1e-9)
    assert summary.truths == 48


@pytest.mark.parametrize("part", ["images", "annotations", "categories"])
def test_nothing_to_find_is_no_figure(part: str) -> None:
    summary = average_precision(_truth() | {part: []}, [])
    assert math.isnan(summary.ap)
    assert summary.line() == "AP=nan AP50=nan AP75=nan"


def test_nothing_is_printed_or_changed(capsys: pytest.CaptureFixture[str]) -> None:
    truth = _truth()
    rows = _noisy(truth)
    before = copy.deepcopy((truth, rows))
    average_precision(truth, rows)
    assert (truth, rows) == before
    assert capsys.readouterr() == ("", "")


def test_row_of_another_picture_is_refused() -> None:
    row = CocoRow(image_id=99, category_id=7, bbox=[0, 0, 1, 1], score=1)
    with pytest.raises(ValueError, match="got image_id 99"):
        average_precision(_truth(), [row])


def test_line_has_three_decimals() -> None:
    assert ApSummary(ap=0.44349, ap50=0.6286, ap75=1.0).line() == "AP=0.443 AP50=0.629 AP75=1.000"


def _found() -> Detections:
    return Detections(
        np.array([[1.005, 2, 11.016, 22], [5, 6, 7, 8], [1, 1, 0, 0]], np.float32),
        np.array([0.876, 0.8749, 0.001], np.float32),
        np.array([2, 0, 1], np.int32),
    )


def test_rows_have_widths_and_the_files_category_ids() -> None:
    rows = rows_of(5, _found(), [17, None, 3])
    assert [(row["image_id"], row["category_id"]) for row in rows] == [(5, 3), (5, 17)]
    np.testing.assert_allclose(rows[0]["bbox"], [1.005, 2, 10.011, 20], rtol=1e-6)
    assert rows[0]["score"] == pytest.approx(0.876)


def test_published_rounding_leaves_two_decimals() -> None:
    rows = rows_of(5, _found(), [17, 4, 3], is_published_rounding=True)
    # 1.005 is 1.00499999 in float32
    assert [row["bbox"] for row in rows] == [[1.0, 2, 10.01, 20], [5, 6, 2, 2], [1, 1, -1, -1]]
    assert [row["score"] for row in rows] == [0.88, 0.87, 0]
