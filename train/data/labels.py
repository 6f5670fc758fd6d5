"""All labels of a data set as a few long arrays, which worker processes share without copies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detector.detections import BoxesXyxy, ClassIds
from train.data.raw import RawPicture
from train.sample import IsCrowd, Polygon, Polygons

Offsets = NDArray[np.int64]  # (rows + 1,): where each row's part begins, and the end
Points = NDArray[np.float32]  # (points, 2)


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """The boxes of every picture, one picture after the other.

    A million Python objects would be copied into each worker as soon as their reference counts
    change; arrays stay shared.

    Attributes:
        paths: of the pictures.
        image_id: of each picture.
        width: px, 0 where the label file does not say.
        height: likewise.
        box_start: picture -> its first box.
        boxes_xyxy: (boxes, 4); px, or shares of the picture where `is_relative`.
        class_id: (boxes,).
        is_crowd: (boxes,).
        outline_start: box -> its first outline.
        point_start: outline -> its first point.
        points: of the outlines, in the unit of the boxes.
        is_relative: coordinates are shares of the picture.
    """

    paths: tuple[Path, ...]
    image_id: NDArray[np.int64]
    width: NDArray[np.int32]
    height: NDArray[np.int32]
    box_start: Offsets
    boxes_xyxy: BoxesXyxy
    class_id: ClassIds
    is_crowd: IsCrowd
    outline_start: Offsets
    point_start: Offsets
    points: Points
    is_relative: bool

    def __len__(self) -> int:
        return len(self.paths)

    def rows(self, index: int) -> slice:
        """The boxes of a picture."""
        return slice(int(self.box_start[index]), int(self.box_start[index + 1]))

    def polygons(self, box: int) -> Polygons:
        """The outlines of a box; views."""
        first, end = int(self.outline_start[box]), int(self.outline_start[box + 1])
        return tuple(self._outline(each) for each in range(first, end))

    def _outline(self, index: int) -> Polygon:
        return self.points[int(self.point_start[index]) : int(self.point_start[index + 1])]


def pack(inspected: Iterable[tuple[RawPicture, Sequence[int]]], *, is_relative: bool) -> Labels:
    """The labels of pictures with the class id of each of their boxes."""
    pictures: list[tuple[Path, int, int, int]] = []
    per_picture: list[int] = []
    boxes: list[tuple[float, float, float, float]] = []
    class_ids: list[int] = []
    crowds: list[bool] = []
    per_box: list[int] = []
    outlines: list[Polygon] = []
    for picture, ids in inspected:
        width, height = picture.size or (0, 0)
        pictures.append((picture.path, picture.image_id, width, height))
        per_picture.append(len(ids))
        class_ids.extend(ids)
        for box in picture.boxes:
            boxes.append(box.xyxy)
            crowds.append(box.is_crowd)
            per_box.append(len(box.polygons))
            outlines.extend(np.array(each, np.float32).reshape(-1, 2) for each in box.polygons)
    points = np.concatenate(outlines) if outlines else np.empty((0, 2), np.float32)
    return Labels(
        paths=tuple(path for path, *_ in pictures),
        image_id=np.array([image_id for _, image_id, _, _ in pictures], np.int64),
        width=np.array([width for _, _, width, _ in pictures], np.int32),
        height=np.array([height for *_, height in pictures], np.int32),
        box_start=_starts(per_picture),
        boxes_xyxy=np.array(boxes, np.float64).reshape(-1, 4).astype(np.float32),
        class_id=np.array(class_ids, np.int32),
        is_crowd=np.array(crowds, np.bool_),
        outline_start=_starts(per_box),
        point_start=_starts([len(each) for each in outlines]),
        points=points,
        is_relative=is_relative,
    )


def _starts(lengths: Sequence[int]) -> Offsets:
    return np.array([0, *accumulate(lengths)], np.int64)
