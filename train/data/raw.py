"""Labels as a file has them, before anything is checked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from train.data.problem import Problem


@dataclass(frozen=True, slots=True)
class RawBox:
    """One box of a label file.

    Attributes:
        xyxy: continuous coordinates; px, or shares of the picture where the set is relative.
        class_name: as the set calls it.
        polygons: outlines as x, y, x, y, ... in the unit of `xyxy`.
        is_crowd: the box stands for many objects, or is not to be judged.
        where: the line or annotation, for messages.
    """

    xyxy: tuple[float, float, float, float]
    class_name: str
    polygons: Sequence[Sequence[float]] = ()
    is_crowd: bool = False
    where: str = ""


@dataclass(frozen=True, slots=True)
class RawPicture:
    """One picture and its boxes.

    Attributes:
        path: of the picture.
        size: width, height in px as the label file says; None where it says nothing.
        image_id: of the label file, or a running number.
        boxes: in the order of the file.
    """

    path: Path
    size: tuple[int, int] | None
    image_id: int
    boxes: Sequence[RawBox]


@dataclass(frozen=True, slots=True)
class RawSet:
    """A data set as its files have it.

    Attributes:
        name: what to call it in messages.
        class_names: of the set, in the order of its ids.
        pictures: read once, in order; reading may add to `problems`.
        is_relative: coordinates are shares of the picture instead of px.
        problems: what could not be read.
    """

    name: str
    class_names: tuple[str, ...]
    pictures: Iterable[RawPicture]
    is_relative: bool = False
    problems: list[Problem] = field(default_factory=list)
