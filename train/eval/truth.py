"""An annotation file to measure against: read, checked, and its classes brought together."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from train.errors import DataError

Json = dict[str, Any]  # Any: JSON


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What is to be found on which pictures.

    Attributes:
        images: as in the file: at least `id` and `file_name`.
        annotations: as in the file: at least `image_id`, `category_id` and `bbox`.
        categories: as in the file: `id` and `name`.
    """

    images: tuple[Json, ...]
    annotations: tuple[Json, ...]
    categories: tuple[Json, ...]

    @property
    def dataset(self) -> Json:
        """In COCO's form."""
        return {
            "images": list(self.images),
            "annotations": list(self.annotations),
            "categories": list(self.categories),
        }

    def of_pictures(self, image_ids: Collection[int]) -> Truth:
        """The part about these pictures."""
        return replace(
            self,
            images=tuple(each for each in self.images if each["id"] in image_ids),
            annotations=tuple(each for each in self.annotations if each["image_id"] in image_ids),
        )

    def category_ids(self, class_names: Sequence[str]) -> list[int | None]:
        """The category of every class id; None where the file has none of that name.

        Raises:
            DataError: not one name is in the file.
        """
        by_name = {_plain(each["name"]): each["id"] for each in reversed(self.categories)}
        found = [by_name.get(_plain(name)) for name in class_names]
        if all(category is None for category in found):
            raise DataError(
                f"classes: expected names of the annotations ({_first(self.names)}), and the "
                f"detector knows none of them ({_first(class_names)})"
            )
        return found

    @property
    def names(self) -> list[str]:
        """Of the categories."""
        return [each["name"] for each in self.categories]

    def lacking(self, class_names: Sequence[str]) -> list[str]:
        """The categories with boxes whose names the detector does not know."""
        known = {_plain(name) for name in class_names}
        used = {each["category_id"] for each in self.annotations}
        return [
            each["name"]
            for each in self.categories
            if each["id"] in used and _plain(each["name"]) not in known
        ]


def read_truth(path: Path) -> Truth:
    """An annotation file in COCO's form.

    Raises:
        DataError: it cannot be read, is none, or holds no picture or no box.
    """
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"annotations '{path}': cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # also bytes that are no text
        raise DataError(f"annotations '{path}': expected JSON, got: {error}") from error
    parts = [_objects(content, name, path) for name in ("images", "annotations", "categories")]
    for part, check in zip(parts, (_image_fault, _box_fault, _category_fault), strict=True):
        for place, each in enumerate(part):
            if fault := check(each):
                raise DataError(f"annotations '{path}': {fault}, in number {place} of its kind")
    truth = Truth(*(tuple(part) for part in parts))
    _check_links(truth, path)
    return truth


def _objects(content: object, name: str, path: Path) -> list[Json]:
    part = content.get(name) if isinstance(content, dict) else None
    if not isinstance(part, list) or not all(isinstance(each, dict) for each in part):
        raise DataError(f"annotations '{path}': expected a COCO file, with a list {name!r}")
    return part


def _image_fault(image: Json) -> str | None:
    if not _is_id(image.get("id")):
        return f"expected an image's 'id' to be a whole number, got {image.get('id')!r}"
    if not isinstance(image.get("file_name"), str) or not image["file_name"]:
        return f"expected an image's 'file_name', got {image.get('file_name')!r}"
    return None


def _box_fault(note: Json) -> str | None:
    for key in ("image_id", "category_id"):
        if not _is_id(note.get(key)):
            return f"expected an annotation's {key!r} to be a whole number, got {note.get(key)!r}"
    box = note.get("bbox")
    if not isinstance(box, list) or len(box) != 4 or not all(_is_number(side) for side in box):
        return f"expected an annotation's 'bbox' as x, y, width, height, got {box!r}"
    if box[2] < 0 or box[3] < 0:
        return f"expected a width and a height of 0 or more, got {box!r}"
    return None


def _category_fault(category: Json) -> str | None:
    if not _is_id(category.get("id")) or not isinstance(category.get("name"), str):
        return f"expected a category's 'id' and 'name', got {category!r}"
    return None


def _check_links(truth: Truth, path: Path) -> None:
    ids = [each["id"] for each in truth.images]
    if not ids or not truth.annotations:
        what = "boxes" if ids else "pictures"
        raise DataError(f"annotations '{path}': expected {what} to measure by, got none")
    if len(set(ids)) < len(ids):
        raise DataError(f"annotations '{path}': expected every image 'id' once, got one twice")
    unknown = {each["category_id"] for each in truth.annotations} - {
        each["id"] for each in truth.categories
    }
    if unknown:
        raise DataError(
            f"annotations '{path}': expected boxes of its categories, got category_id "
            f"{min(unknown)}, which it does not name"
        )


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _plain(name: str) -> str:
    """As names are compared: spelling of case, spaces, dashes and underscores aside.

    >>> _plain("Traffic_Light") == _plain("traffic light")
    True
    """
    return " ".join(name.casefold().replace("_", " ").replace("-", " ").split())


def _first(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
