"""Pictures with labels, made of pixels alone."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from detector.detections import Detections
from train.starter.labels import Label

Rows = list[tuple[tuple[float, float, float, float], float, int]]  # corners, score, class


def found(rows: Rows) -> Detections:
    """Boxes, best first."""
    ordered = sorted(rows, key=lambda row: -row[1])
    return Detections(
        np.array([box for box, _, _ in ordered], np.float32).reshape(-1, 4),
        np.array([score for _, score, _ in ordered], np.float32),
        np.array([class_id for _, _, class_id in ordered], np.int32),
    )


def label(rows: Rows, path: Path = Path("picture.png")) -> Label:
    """The same as a label."""
    boxes = found(rows)
    return Label(path, boxes.xyxy, boxes.score, boxes.class_id)


def painted(path: Path, seed: int, *, side: int = 96) -> Label:
    """A file with a bright square on noise, and the label of the square."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 60, (side, side, 3), dtype=np.uint8)
    x, y = (int(each) for each in rng.integers(4, side // 2, 2))
    pixels[y : y + 40, x : x + 32] = 240
    cv2.imwrite(str(path), pixels)
    return label([((x, y, x + 32, y + 40), 0.9, seed % 5)], path)


def exam(folder: Path, pictures: Path) -> dict[str, object]:
    """Settings of an exam by one of the painted pictures; writes its annotations to `folder`."""
    truth = {
        "images": [{"id": 1, "file_name": "0.png", "width": 96, "height": 96}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 30, 30]}],
        "categories": [{"id": 1, "name": "person"}],
    }
    annotations, record = folder / "val.json", folder / "trials.md"
    annotations.write_text(json.dumps(truth), "utf-8")
    return {
        "annotations": str(annotations),
        "images": str(pictures),
        "sizes": ["64"],
        "record": str(record),
    }
