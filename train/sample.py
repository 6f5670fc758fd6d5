"""One labelled picture, and what gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from detector.detections import BoxesXyxy, ClassIds, check_column
from streamer.picture import BgrArray

Polygon = NDArray[np.float32]  # (M, 2): x, y of the corners of a closed outline, px
Polygons = tuple[Polygon, ...]  # the outlines of one object's parts; empty where none are known
IsCrowd = NDArray[np.bool_]  # (N,)


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One picture with the boxes that are to be found on it; parallel columns, a row a box.

    Coordinates are continuous, as annotation files have them: a box that fills the picture is
    (0, 0, W, H).

    Attributes:
        picture: (H, W, 3) uint8 BGR.
        boxes_xyxy: (N, 4) float32, px of the picture; after an augmentation not clipped to it,
            so that it says how large the object would be, were it all to be seen.
        class_id: (N,) int32, from 0, dense.
        polygons: N tuples of (M, 2) float32 outlines in the same pixels.
        is_crowd: (N,) bool: the box stands for many objects, as COCO's `iscrowd`.
        image_id: of the annotation file, or the index where it has none.
        name: of the picture, for messages.
        visible_xyxy: (N, 4) float32: the box of the part inside the picture, which is what a
            network should learn; (0, 0, 0, 0) where nothing is left. None: `boxes_xyxy`, clipped.

    Raises:
        ValueError: the columns disagree in length, dtype or shape.
    """

    picture: BgrArray
    boxes_xyxy: BoxesXyxy
    class_id: ClassIds
    polygons: tuple[Polygons, ...]
    is_crowd: IsCrowd
    image_id: int
    name: str
    visible_xyxy: BoxesXyxy | None = None

    def __post_init__(self) -> None:
        count = len(self.class_id)
        if self.picture.ndim != 3 or self.picture.shape[2] != 3 or self.picture.dtype != np.uint8:
            raise ValueError(
                f"picture: expected (H, W, 3) uint8, got {self.picture.shape} {self.picture.dtype}"
            )
        check_column("boxes_xyxy", self.boxes_xyxy, (count, 4), np.float32)
        check_column("class_id", self.class_id, (count,), np.int32)
        check_column("is_crowd", self.is_crowd, (count,), np.bool_)
        if len(self.polygons) != count:
            raise ValueError(f"polygons: expected {count} tuples, got {len(self.polygons)}")
        if self.visible_xyxy is not None:
            check_column("visible_xyxy", self.visible_xyxy, (count, 4), np.float32)

    def __len__(self) -> int:
        return len(self.class_id)

    @property
    def width(self) -> int:
        """Px."""
        return int(self.picture.shape[1])

    @property
    def height(self) -> int:
        """Px."""
        return int(self.picture.shape[0])

    def visible(self) -> BoxesXyxy:
        """The box of each object's part inside the picture, (N, 4)."""
        if self.visible_xyxy is not None:
            return self.visible_xyxy
        return clip(self.boxes_xyxy, self.width, self.height)

    def select(self, keep: NDArray[np.bool_]) -> Sample:
        """The same picture with the rows where `keep`, (N,) bool, is true."""
        visible = None if self.visible_xyxy is None else self.visible_xyxy[keep]
        polygons = tuple(each for each, kept in zip(self.polygons, keep, strict=True) if kept)
        return Sample(
            self.picture,
            self.boxes_xyxy[keep],
            self.class_id[keep],
            polygons,
            self.is_crowd[keep],
            self.image_id,
            self.name,
            visible,
        )


class Samples(Protocol):
    """Labelled pictures by index; reading is free of side effects, so any process may."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """The name of every class id."""
        ...

    def __len__(self) -> int: ...

    def read(self, index: int) -> Sample:
        """The picture at `index`, decoded.

        Raises:
            train.errors.SampleError: it is missing or broken.
        """
        ...


def joined(picture: BgrArray, parts: Sequence[Sample]) -> Sample:
    """One sample of everything on several pictures that became one.

    Args:
        picture: what they became.
        parts: in its pixels; the first gives the name.
    """
    return Sample(
        picture,
        np.concatenate([part.boxes_xyxy for part in parts]),
        np.concatenate([part.class_id for part in parts]),
        tuple(chain.from_iterable(part.polygons for part in parts)),
        np.concatenate([part.is_crowd for part in parts]),
        parts[0].image_id,
        parts[0].name,
        np.concatenate([part.visible() for part in parts]),
    )


def clip(boxes_xyxy: BoxesXyxy, width: int, height: int) -> BoxesXyxy:
    """The boxes (N, 4) cut to a picture, px; a box outside it becomes a line or a point.

    >>> clip(np.array([[-5, 2, 30, 9]], np.float32), 20, 10).tolist()
    [[0.0, 2.0, 20.0, 9.0]]
    """
    limits = np.array([width, height, width, height], np.float32)
    return np.clip(boxes_xyxy, 0, limits)
