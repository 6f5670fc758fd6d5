"""Which pictures and labels to learn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Layout = Literal["coco", "yolo", "voc"]
Broken = Literal["error", "skip"]


@dataclass(frozen=True, slots=True)
class DataConfig:
    """A folder of labelled pictures.

    Attributes:
        type: the layout. `coco`: one JSON file. `yolo`: a text file a picture and a `data.yaml`.
            `voc`: an XML file a picture.
        annotations: coco: the JSON file. yolo: the data.yaml. voc: the folder of XML files, or
            None for `Annotations` under `images`.
        images: the folder of pictures. yolo: None for the one that data.yaml names for `split`.
            voc: it, or the folder above `JPEGImages`.
        split: yolo: the key of data.yaml, `train` where empty. voc: the list in ImageSets/Main,
            every picture where empty.
        classes: the names to learn, in the order of their ids; all of the set's where empty.
        rename: `old=new`, before `classes` chooses; two old names may share a new one.
        broken: what to do about labels or pictures that make no sense: stop with the first of
            them (`error`), or leave them out and count (`skip`).

    Raises:
        ValueError: a rename has no such form, a class stands twice, or the layout lacks a path.
    """

    type: Layout
    annotations: Path | None = None
    images: Path | None = None
    split: str = ""
    classes: tuple[str, ...] = ()
    rename: tuple[str, ...] = ()
    broken: Broken = "error"

    def __post_init__(self) -> None:
        for text in self.rename:
            old, equals, new = text.partition("=")
            if not equals or not old or not new:
                raise ValueError(f"rename: expected old=new, got {text!r}")
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("classes: a name is given twice")
        if self.type != "voc" and self.annotations is None:
            what = {"coco": "a JSON file", "yolo": "a data.yaml"}[self.type]
            raise ValueError(f"annotations: the layout {self.type} needs {what}")
        if self.type != "yolo" and self.images is None:
            raise ValueError(f"images: the layout {self.type} needs a folder of pictures")

    def renames(self) -> Mapping[str, str]:
        """The new name of every old one that changes."""
        return {old: new for old, _, new in (text.partition("=") for text in self.rename)}
