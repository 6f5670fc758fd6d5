"""Labels of many pictures in a folder of small files: written in pieces, read at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from detector.detections import BoxesXyxy, ClassIds, Scores
from train.errors import DataError

_PATTERN = "labels-*.npz"


@dataclass(frozen=True, slots=True, eq=False)
class Label:
    """What is on one picture; not all of it certain.

    Attributes:
        path: of the picture.
        xyxy: (N, 4) float32, px of the picture.
        score: (N,) float32 in 0..1: how sure it is that the box is there.
        class_id: (N,) int32, of COCO_CLASSES.
    """

    path: Path
    xyxy: BoxesXyxy
    score: Scores
    class_id: ClassIds


def write_labels(folder: Path, labels: Sequence[Label]) -> None:
    """One more file in `folder`, whole or not at all; none where there are no labels."""
    if not labels:
        return
    # Not their count: one that was damaged may have been deleted.
    taken = [path.stem.rpartition("-")[2] for path in folder.glob(_PATTERN)]
    number = max((int(text) for text in taken if text.isdecimal()), default=-1) + 1
    target = folder / f"labels-{number:04}.npz"
    partial = target.with_suffix(".part")
    with partial.open("wb") as file:
        np.savez_compressed(
            file,
            path=np.array([str(label.path) for label in labels]),
            count=np.array([len(label.score) for label in labels]),
            xyxy=np.concatenate([label.xyxy for label in labels]),
            score=np.concatenate([label.score for label in labels]),
            class_id=np.concatenate([label.class_id for label in labels]),
        )
    partial.replace(target)


def read_labels(folder: Path) -> list[Label]:
    """All labels of a folder, in the order they were written; none where there is no folder.

    Raises:
        DataError: a file is damaged.
    """
    found = []
    for path in sorted(folder.glob(_PATTERN)):
        try:
            with path.open("rb") as raw, np.load(raw) as file:
                columns = {name: file[name] for name in ("path", "count", "xyxy", "score")}
                class_id = file["class_id"]
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            raise DataError(
                f"{str(path)!r}: expected labels, got a damaged file; delete it and prepare again"
            ) from error
        ends = np.cumsum(columns["count"])
        for name, start, end in zip(columns["path"], ends - columns["count"], ends, strict=True):
            rows = slice(int(start), int(end))
            boxes, score = columns["xyxy"][rows], columns["score"][rows]
            found.append(Label(Path(str(name)), boxes, score, class_id[rows]))
    return found
