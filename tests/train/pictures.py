"""A small annotated data set on the disk: coloured squares on noise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

CATEGORIES = ((3, "Bicycle"), (7, "person"), (9, "car"), (12, "unicorn"))


def write_data_set(folder: Path, *, pictures: int = 6, seed: int = 0) -> tuple[Path, Path]:
    """An annotation file and its folder of pictures, of three sizes."""
    stream = np.random.default_rng(seed)
    images, notes = [], []
    root = folder / "pictures"
    root.mkdir()
    for index in range(pictures):
        height, width = ((64, 64), (50, 90), (90, 33))[index % 3]
        pixels = stream.integers(0, 256, (height, width, 3)).astype(np.uint8)
        name = f"p{index}.png"
        cv2.imwrite(str(root / name), pixels)
        images.append({"id": 100 + index, "file_name": name, "width": width, "height": height})
        for category in (3, 7, 9):
            x, y = stream.uniform(0, 20, 2).round(1).tolist()
            box = [x, y, 12.0, 20.0]
            notes.append({"image_id": 100 + index, "category_id": category, "bbox": box})
    return write_annotations(folder / "boxes.json", images, notes), root


def write_annotations(
    path: Path, images: list[dict[str, Any]], notes: list[dict[str, Any]]
) -> Path:
    """A COCO file without anything that could be left out."""
    categories = [{"id": number, "name": name} for number, name in CATEGORIES]
    content = {"images": images, "annotations": notes, "categories": categories}
    path.write_text(json.dumps(content), encoding="utf-8")
    return path
