"""What people have labelled, beside what teachers found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from detector.coco import COCO_CLASSES
from detector.detections import Detections
from train.errors import DataError
from train.starter.fuse import overlaps
from train.starter.labels import Label

SEEN = 0.5  # IoU from which a teacher's box shows that it saw a labelled object
UNSEEN = 0.6  # score of a labelled object no teacher saw: there, but hard; tried once, not tuned


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """A picture and what people said of it.

    Attributes:
        path: of the picture.
        xyxy: (N, 4) float32, px.
        class_id: (N,) int32.
        classes: whose every object is in there; of others nothing is known.
    """

    path: Path
    xyxy: np.ndarray[tuple[int, ...], np.dtype[np.float32]]
    class_id: np.ndarray[tuple[int, ...], np.dtype[np.int32]]
    classes: frozenset[int]


def read_known(annotations: Path, images: Path) -> Iterator[Known]:
    """The pictures of a file in COCO's form; crowds are left out.

    Where its `info` has `labelled_categories` (names by source), a picture's `source` says which
    classes are labelled on it; otherwise all are.

    Raises:
        DataError: the file cannot be read as one.
    """
    try:
        content = json.loads(annotations.read_text("utf-8"))
        names = {each["id"]: each["name"] for each in content["categories"]}
        notes: dict[int, list[tuple[list[float], int]]] = {}
        for note in content["annotations"]:
            if not note.get("iscrowd", 0):
                class_id = COCO_CLASSES.index(names[note["category_id"]])
                notes.setdefault(note["image_id"], []).append((note["bbox"], class_id))
        by_source = content.get("info", {}).get("labelled_categories", {})
        for image in content["images"]:
            labelled = by_source.get(image.get("source"), COCO_CLASSES)
            rows = notes.get(image["id"], [])
            xywh = np.array([box for box, _ in rows], np.float32).reshape(-1, 4)
            xywh[:, 2:] += xywh[:, :2]
            yield Known(
                images / image["file_name"],
                xywh,
                np.array([class_id for _, class_id in rows], np.int32),
                frozenset(COCO_CLASSES.index(name) for name in labelled),
            )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{str(annotations)!r}: expected annotations in COCO's form, got {error}"
        ) from error


def with_truth(found: Detections, known: Known) -> Label:
    """The labels people gave, and of classes they did not look for those of the teachers."""
    unknown = ~np.isin(found.class_id, list(known.classes))
    score = [_certainty(box, c, found) for box, c in zip(known.xyxy, known.class_id, strict=True)]
    return Label(
        known.path,
        np.concatenate([known.xyxy, found.xyxy[unknown]]),
        np.concatenate([np.array(score, np.float32), found.score[unknown]]),
        np.concatenate([known.class_id, found.class_id[unknown]]),
    )


def _certainty(box: np.ndarray, class_id: np.int32, found: Detections) -> float:
    """Halfway from what the teachers thought of it to certainty."""
    overlap = overlaps(box, found.xyxy)
    same = (found.class_id == class_id) & (overlap > SEEN)
    return (1 + float(found.score[same].max())) / 2 if same.any() else UNSEEN
