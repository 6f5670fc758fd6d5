"""A labelled data set that even a tiny network can learn: bright shapes on dim noise."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from configs.loader import load
from train.config import TrainConfig

COLOURS = {"person": (40, 60, 230), "car": (230, 80, 40), "bicycle": (60, 220, 60)}  # BGR
SIDE = 64  # px; of every picture


def write_shapes(folder: Path, count: int, *, seed: int = 0) -> Path:
    """`count` pictures with one to three filled boxes each; gives their COCO file."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    images: list[dict[str, object]] = []
    notes: list[dict[str, object]] = []
    for number in range(count):
        name = f"{number:03d}.png"
        picture = rng.integers(0, 60, (SIDE, SIDE, 3), np.uint8)
        corners = rng.permutation([(2, 2), (34, 2), (2, 34), (34, 34)])[: rng.integers(1, 4)]
        for x, y in corners:
            kind = int(rng.integers(len(COLOURS)))
            width, height = (int(side) for side in rng.integers(14, 27, 2))
            colour = list(COLOURS.values())[kind]
            picture[y : y + height, x : x + width] = colour
            notes.append(
                {
                    "id": len(notes) + 1,
                    "image_id": number,
                    "category_id": kind,
                    "bbox": [int(x), int(y), width, height],
                    "area": width * height,
                    "iscrowd": 0,
                }
            )
        cv2.imwrite(str(folder / name), picture)
        images.append({"id": number, "file_name": name, "width": SIDE, "height": SIDE})
    kinds = [{"id": index, "name": name} for index, name in enumerate(COLOURS)]
    path = folder / "labels.json"
    path.write_text(json.dumps({"images": images, "annotations": notes, "categories": kinds}))
    return path


def settings(folder: Path, count: int) -> dict[str, object]:
    """A short training of the tiny network on shapes, which are drawn into `folder` first."""
    labels = write_shapes(folder / "shapes", count)
    data = {"type": "coco", "annotations": str(labels), "images": str(labels.parent)}
    return {
        "train": data,
        "val": data,
        "model": {"name": "tests.detector.tiny:RECIPE", "imgsz": str(SIDE)},
        "optimizer": {"kind": "sgd", "lr": 0.01},
        "schedule": {"epochs": 2, "decay": "constant", "warmup": 0},
        "learner": {"precision": "fp32", "average_ramp": 4},
        "batch": 4,
        "workers": 0,
        "device": "cpu",
        "output": str(folder / "run"),
    }


def configured(
    folder: Path, changes: Mapping[str, object] | None = None, *, count: int = 8
) -> TrainConfig:
    """The same as a config, with some of it replaced."""
    return load(TrainConfig, {**settings(folder, count), **(changes or {})})
