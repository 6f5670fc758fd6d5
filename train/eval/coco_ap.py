"""Average precision as COCO defines it, counted by pycocotools.

Source: Lin et al. 2014, Microsoft COCO, and cocodataset.org/#detection-eval.
"""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from detector.detections import Detections

_ALL, _SMALL, _MEDIUM, _LARGE = range(4)  # pycocotools' order of areas
_IOU_50, _IOU_75 = 0, 5  # places in 0.50, 0.55, ..., 0.95


class CocoRow(TypedDict):
    """One found box, as COCO's results files have it.

    Attributes:
        image_id: of the annotation file.
        category_id: likewise.
        bbox: x, y, width, height; px of the picture.
        score: in 0..1.
    """

    image_id: int
    category_id: int
    bbox: list[float]
    score: float


@dataclass(frozen=True, slots=True)
class ClassAp:
    """One class's share of the whole.

    Attributes:
        name: of the category.
        truths: boxes of it in the annotations, crowds left out.
        ap: mean over IoU 0.50 to 0.95; NaN where there is no box to find.
        ap50: at IoU 0.50.
        ap75: at IoU 0.75.
    """

    name: str
    truths: int
    ap: float
    ap50: float
    ap75: float


@dataclass(frozen=True, slots=True)
class ApSummary:
    """COCO's figures, each in 0..1; NaN where the annotations hold no such box.

    Attributes:
        ap: mean over IoU 0.50 to 0.95 in steps of 0.05, all sizes, classes and pictures.
        ap50: at IoU 0.50.
        ap75: at IoU 0.75.
        ap_small: boxes below 32 x 32 px.
        ap_medium: between.
        ap_large: boxes above 96 x 96 px.
        ar1: recall with the best box of each class and picture.
        ar10: with the ten best.
        ar100: with the hundred best.
        classes: those with a box in the annotations, in their order.
        pictures: evaluated.
        truths: boxes to find.
    """

    ap: float = math.nan
    ap50: float = math.nan
    ap75: float = math.nan
    ap_small: float = math.nan
    ap_medium: float = math.nan
    ap_large: float = math.nan
    ar1: float = math.nan
    ar10: float = math.nan
    ar100: float = math.nan
    classes: tuple[ClassAp, ...] = ()
    pictures: int = 0
    truths: int = 0

    def line(self) -> str:
        """The three figures everybody quotes.

        >>> ApSummary(ap=0.4428, ap50=0.629, ap75=0.4831).line()
        'AP=0.443 AP50=0.629 AP75=0.483'
        """
        return f"AP={self.ap:.3f} AP50={self.ap50:.3f} AP75={self.ap75:.3f}"


def average_precision(
    ground_truth: COCO | Mapping[str, Any],  # Any: JSON
    detections: Sequence[CocoRow],
) -> ApSummary:
    """How well `detections` find what `ground_truth` holds.

    Args:
        ground_truth: `images`, `annotations` and `categories` as in a COCO file. Only ids, `bbox`
            and names are needed: a missing `area` is the box's, a missing `iscrowd` is 0.
        detections: of those pictures and categories, in any order; not changed. Pictures with a
            truth and no row here count as found empty.

    Raises:
        ValueError: a row is of a picture that `ground_truth` has not.
    """
    dataset = ground_truth if isinstance(ground_truth, Mapping) else ground_truth.dataset
    images = list(dataset["images"])
    known = {image["id"] for image in images}
    strange = {row["image_id"] for row in detections} - known
    if strange:
        raise ValueError(f"expected rows of the annotated pictures, got image_id {min(strange)!r}")
    categories = list(dataset["categories"])
    truths = [note for note in dataset["annotations"] if note["image_id"] in known]
    if not images or not categories:  # pycocotools stumbles over nothing
        return ApSummary(pictures=len(images))
    with contextlib.redirect_stdout(io.StringIO()):  # it tells its progress
        evaluation = COCOeval(
            _indexed(images, categories, truths), _indexed(images, categories, detections), "bbox"
        )
        evaluation.evaluate()
        evaluation.accumulate()
    return _summary(evaluation, categories, truths)


def rows_of(
    image_id: int,
    found: Detections,
    category_ids: Sequence[int | None],
    *,
    is_published_rounding: bool = False,
) -> list[CocoRow]:
    """The boxes of one picture as COCO has them, best first.

    Args:
        image_id: of the annotation file.
        found: px of the picture.
        category_ids: of every class id; None leaves the class out.
        is_published_rounding: coordinates and scores to two decimals, as CenterNet's results files
            have them and its figures were made from; many scores become equal.
    """
    xywh = found.xyxy.copy()
    xywh[:, 2:] -= xywh[:, :2]
    rows = zip(found.class_id.tolist(), xywh.tolist(), found.score.tolist(), strict=True)
    keep: Callable[[float], float] = _two_decimals if is_published_rounding else float
    return [
        CocoRow(
            image_id=image_id,
            category_id=category,
            bbox=[keep(value) for value in box],
            score=keep(score),
        )
        for class_id, box, score in rows
        if (category := category_ids[class_id]) is not None
    ]


def _two_decimals(value: float) -> float:
    return float(f"{value:.2f}")


def _indexed(
    images: Sequence[Mapping[str, Any]],  # Any: JSON
    categories: Sequence[Mapping[str, Any]],
    notes: Sequence[Mapping[str, Any]] | Sequence[CocoRow],
) -> COCO:
    """An index of pycocotools over copies, so that nobody's rows are written to."""
    coco = COCO()
    coco.dataset = {
        "images": list(images),
        "categories": list(categories),
        # An id of 0 would be read as "found nothing", so ids are given anew.
        "annotations": [
            {
                "area": note["bbox"][2] * note["bbox"][3],
                "iscrowd": 0,
                **note,
                "id": number,
            }
            for number, note in enumerate(notes, 1)
        ],
    }
    coco.createIndex()
    return coco


def _summary(
    evaluation: COCOeval,
    categories: Sequence[Mapping[str, Any]],  # Any: JSON
    truths: Sequence[Mapping[str, Any]],
) -> ApSummary:
    # (IoU, recall, category, area, most boxes a picture), -1 where there is nothing to find
    precision: NDArray[np.float64] = evaluation.eval["precision"]
    recall: NDArray[np.float64] = evaluation.eval["recall"]  # without the second axis
    everywhere = precision[:, :, :, _ALL, -1]
    counts: dict[int, int] = {}
    for note in truths:
        if not note.get("iscrowd", 0):
            counts[note["category_id"]] = counts.get(note["category_id"], 0) + 1
    names = {category["id"]: str(category["name"]) for category in categories}
    classes = tuple(
        ClassAp(
            names[category],
            counts[category],
            _mean(everywhere[:, :, place]),
            _mean(everywhere[_IOU_50, :, place]),
            _mean(everywhere[_IOU_75, :, place]),
        )
        for place, category in enumerate(evaluation.params.catIds)
        if counts.get(category)
    )
    return ApSummary(
        ap=_mean(everywhere),
        ap50=_mean(everywhere[_IOU_50]),
        ap75=_mean(everywhere[_IOU_75]),
        ap_small=_mean(precision[:, :, :, _SMALL, -1]),
        ap_medium=_mean(precision[:, :, :, _MEDIUM, -1]),
        ap_large=_mean(precision[:, :, :, _LARGE, -1]),
        ar1=_mean(recall[:, :, _ALL, 0]),
        ar10=_mean(recall[:, :, _ALL, 1]),
        ar100=_mean(recall[:, :, _ALL, 2]),
        classes=classes,
        pictures=len(evaluation.params.imgIds),
        truths=sum(each.truths for each in classes),
    )


def _mean(values: NDArray[np.float64]) -> float:
    """Of those that are there."""
    there = values[values > -1]
    return float(there.mean()) if there.size else math.nan
