"""Labels in COCO's JSON.

Source: the data format page of the COCO data set; boxes are x, y, width, height in px.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from train.data.config import DataConfig
from train.data.mask import from_runs
from train.data.problem import Problem, Trouble
from train.data.raw import RawBox, RawPicture, RawSet
from train.errors import DataError

Entry = Mapping[str, object]  # one object of the JSON file


def read_coco(config: DataConfig) -> RawSet:
    """The set that a COCO file describes; classes in the order of their category ids.

    Raises:
        DataError: the file is missing, is no JSON or lacks what every COCO file has.
    """
    if config.annotations is None or config.images is None:
        raise DataError("data: the layout coco needs annotations and images")
    data = _read_json(config.annotations)
    where = config.annotations.name
    pictures, annotations, categories = (
        _entries(data, key, where) for key in ("images", "annotations", "categories")
    )
    names = _names(categories, where)
    problems: list[Problem] = []
    by_picture: dict[int, list[Entry]] = defaultdict(list)
    for entry in annotations:
        by_picture[_integer(entry, "image_id", f"{where}: annotations")].append(entry)
    known: dict[int, set[str]] = defaultdict(set)
    for entry in pictures:
        known[_integer(entry, "id", f"{where}: images")].add(repr(entry.get("file_name")))
    problems.extend(
        Problem(Trouble.BAD_LABEL, where, f"{len(of_it)} boxes of an unlisted picture {image_id}")
        for image_id, of_it in by_picture.items()
        if image_id not in known
    )
    problems.extend(
        Problem(Trouble.BAD_LABEL, where, f"picture {image_id} is {' and '.join(sorted(files))}")
        for image_id, files in known.items()
        if len(files) > 1
    )
    told = [entry for entry in pictures if len(known[_integer(entry, "id", where)]) == 1]
    reader = _pictures(config.images, where, told, by_picture, names, problems)
    return RawSet(where, tuple(names.values()), reader, problems=problems)


def _names(categories: Sequence[Entry], where: str) -> Mapping[int, str]:
    """Of the classes, in the order of their ids.

    Raises:
        DataError: an id is none, or means two classes.
    """
    names: dict[int, str] = {}
    for entry in categories:
        number = _integer(entry, "id", f"{where}: categories")
        name = str(entry.get("name", "?"))
        if names.setdefault(number, name) != name:
            raise DataError(
                f"annotations {where}: category {number} is {names[number]!r} and {name!r}; "
                "give each an id of its own"
            )
    return dict(sorted(names.items()))


def _pictures(
    folder: Path,
    where: str,
    pictures: Sequence[Entry],
    by_picture: Mapping[int, Sequence[Entry]],
    names: Mapping[int, str],
    problems: list[Problem],
) -> Iterator[RawPicture]:
    for entry in pictures:
        image_id = _integer(entry, "id", where)
        name = entry.get("file_name")
        if not isinstance(name, str):
            problems.append(Problem(Trouble.BAD_LABEL, f"picture {image_id}", "no file_name"))
            continue
        size = _size(entry)
        boxes = []
        for annotation in by_picture.get(image_id, ()):
            box = _box(annotation, names, size)
            if isinstance(box, str):
                place = f"{name}, annotation {annotation.get('id', '?')}"
                problems.append(Problem(Trouble.BAD_LABEL, place, box))
            else:
                boxes.append(box)
        yield RawPicture(folder / name, size, image_id, boxes)


def _box(entry: Entry, names: Mapping[int, str], size: tuple[int, int] | None) -> RawBox | str:
    """The box, or what is wrong with it."""
    xywh = entry.get("bbox")
    if not isinstance(xywh, list) or len(xywh) != 4:
        return f"expected a bbox of 4 numbers, got {xywh!r}"
    try:
        x, y, width, height = (float(value) for value in xywh)
    except (TypeError, ValueError, OverflowError):
        return f"expected a bbox of 4 numbers, got {xywh!r}"
    category = entry.get("category_id")
    name = names.get(category) if isinstance(category, int) else None
    return RawBox(
        (x, y, x + width, y + height),
        f"category {category!r}" if name is None else name,
        _outlines(entry.get("segmentation"), size),
        bool(entry.get("iscrowd", 0)),
        f"annotation {entry.get('id', '?')}",
    )


def _outlines(segmentation: object, size: tuple[int, int] | None) -> Sequence[Sequence[float]]:
    if isinstance(segmentation, list):
        return segmentation
    if isinstance(segmentation, dict) and size is not None:
        return _mask_outlines(segmentation, size)
    return ()


def _mask_outlines(
    run_lengths: dict[str, object], size: tuple[int, int]
) -> Sequence[Sequence[float]]:
    """Outlines of a run-length mask, through the middles of its edge pixels.

    COCO uses such masks for crowds only, where the loss of half a pixel does not matter.
    """
    try:
        mask = from_runs(run_lengths.get("counts"), size)
    except ValueError:
        return [()]  # reported as a broken outline
    contours, _ = cv2.findContours(
        np.ascontiguousarray(mask), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    return [(each.reshape(-1) + 0.5).tolist() for each in contours if len(each) >= 3]


def _size(entry: Entry) -> tuple[int, int] | None:
    width, height = entry.get("width"), entry.get("height")
    if isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0:
        return width, height
    return None


def _read_json(path: Path) -> Entry:
    try:
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"annotations {str(path)!r}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"annotations {str(path)!r}: not JSON: {error}") from error
    if not isinstance(data, dict):
        raise DataError(f"annotations {path.name!r}: expected COCO's keys, got a list or a value")
    return data


def _entries(data: Entry, key: str, where: str) -> Sequence[Entry]:
    entries = data.get(key)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise DataError(f"annotations {where!r}: expected a list of objects under {key!r}")
    return entries


def _integer(entry: Entry, key: str, where: str) -> int:
    value = entry.get(key)
    if not isinstance(value, int) or abs(value) >= 2**63:
        raise DataError(f"annotations {where}: expected a whole number of 64 bits under {key!r}")
    return value
