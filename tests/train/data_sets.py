"""Labelled pictures for tests: in memory, or written to a folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from configs.loader import load
from streamer.picture import BgrArray
from train.data.config import DataConfig
from train.errors import SampleError
from train.sample import Polygon, Sample


def textured(width: int, height: int, seed: int = 0) -> BgrArray:
    """A picture of smooth random colours."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    picture: BgrArray = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return picture


def rectangle(x1: float, y1: float, x2: float, y2: float) -> Polygon:
    """Its outline."""
    return np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], np.float32)


def labelled(
    width: int, height: int, boxes: Sequence[tuple[float, ...]], *, seed: int = 0
) -> Sample:
    """A picture with boxes of classes 0, 1, ..., whose outlines are themselves."""
    xyxy = np.array(boxes, np.float32).reshape(-1, 4)
    return Sample(
        textured(width, height, seed),
        xyxy,
        np.arange(len(boxes), dtype=np.int32),
        tuple((rectangle(*box),) for box in xyxy.tolist()),
        np.zeros(len(boxes), np.bool_),
        seed,
        "a",
    )


class MemorySamples:
    """Pictures of one colour each, told apart by it: picture i is all i, its one box 16 x 12 px.

    Args:
        count: of pictures.
        broken: indices that cannot be read.
        classes: the box of picture i is of class i modulo this.
    """

    def __init__(
        self, count: int, broken: frozenset[int] = frozenset(), *, classes: int = 2
    ) -> None:
        self._count = count
        self._broken = broken
        self._classes = classes

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(f"class {index}" for index in range(self._classes))

    def __len__(self) -> int:
        return self._count

    def read(self, index: int) -> Sample:
        if index in self._broken:
            raise SampleError(f"picture '{index}.png': cut off after 12 bytes")
        box = np.array([[4, 6, 20, 18]], np.float32)
        outline = np.array([[4, 6], [20, 6], [20, 18], [4, 18]], np.float32)
        return Sample(
            np.full((24, 32, 3), index, np.uint8),
            box,
            np.array([index % self._classes], np.int32),
            ((outline,),),
            np.zeros(1, np.bool_),
            index,
            f"{index}.png",
        )


def write_coco(folder: Path, annotations: list[dict[str, object]]) -> Path:
    """A COCO set of two pictures, a.png (64 x 48) and b.jpg (40 x 60); gives its JSON file."""
    cv2.imwrite(str(folder / "a.png"), textured(64, 48))
    cv2.imwrite(str(folder / "b.jpg"), textured(40, 60))
    data = {
        "images": [
            {"id": 7, "file_name": "a.png", "width": 64, "height": 48},
            {"id": 3, "file_name": "b.jpg", "width": 40, "height": 60},
        ],
        "categories": [{"id": 5, "name": "disc"}, {"id": 2, "name": "box"}],
        "annotations": annotations,
    }
    path = folder / "labels.json"
    path.write_text(json.dumps(data))
    return path


def coco_box(image_id: int, category_id: int, *xywh: float, **more: object) -> dict[str, object]:
    """One annotation."""
    return {"image_id": image_id, "category_id": category_id, "bbox": list(xywh), **more}


def coco_config(
    folder: Path, annotations: list[dict[str, object]], **settings: object
) -> DataConfig:
    """Two pictures with these annotations; see `write_coco`."""
    path = write_coco(folder, annotations)
    return load(
        DataConfig, {"type": "coco", "annotations": str(path), "images": str(folder), **settings}
    )


GOOD = [coco_box(7, 2, 10.5, 4, 10, 10), coco_box(3, 5, 0, 0, 40, 60)]
