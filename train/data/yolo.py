"""Labels as YOLO's tools have them: a `data.yaml`, and a text file beside every picture.

A line is a class number and then either centre x, centre y, width, height, or the corners of an
outline; all as shares of the picture. `images` in a picture's path becomes `labels` in that of
its text file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import yaml

from train.data.config import DataConfig
from train.data.problem import Problem, Trouble
from train.data.raw import RawBox, RawPicture, RawSet
from train.errors import DataError

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})


def read_yolo(config: DataConfig) -> RawSet:
    """The set that a data.yaml describes.

    Raises:
        DataError: data.yaml is missing or no such file, or names no folder with pictures.
    """
    if config.annotations is None:
        raise DataError("data: the layout yolo needs a data.yaml under annotations")
    settings = _read_yaml(config.annotations)
    names = _names(settings.get("names"), config.annotations.name)
    split = config.split or "train"
    places = [config.images] if config.images is not None else _places(config, settings, split)
    pictures = [picture for place in places for picture in _pictures_at(place)]
    if not pictures:
        raise DataError(f"data set {str(places[0])!r}: no picture there")
    problems: list[Problem] = []
    name = f"{config.annotations.name} {split}"
    reader = _read(pictures, names, problems)
    return RawSet(name, tuple(names.values()), reader, is_relative=True, problems=problems)


def _read(
    pictures: Sequence[Path], names: Mapping[int, str], problems: list[Problem]
) -> Iterator[RawPicture]:
    for index, picture in enumerate(pictures):
        labels = label_path(picture)
        boxes = []
        for number, line in enumerate(_lines(labels, problems), start=1):
            where = f"line {number}"
            box = _box(line.split(), names, where)
            if isinstance(box, str):
                problems.append(Problem(Trouble.BAD_LABEL, f"{labels.name}, {where}", box))
            elif box is not None:
                boxes.append(box)
        yield RawPicture(picture, None, index, boxes)


def label_path(picture: Path) -> Path:
    """Where the labels of a picture are.

    >>> label_path(Path("data/images/train/a.jpg")).as_posix()
    'data/labels/train/a.txt'
    """
    parts = list(picture.parts)
    for index in range(len(parts) - 2, -1, -1):
        if parts[index] == "images":
            parts[index] = "labels"
            break
    return Path(*parts).with_suffix(".txt")


def _lines(path: Path, problems: list[Problem]) -> Sequence[str]:
    """The lines of a label file; none where there is no file, for that means nothing to find."""
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()  # editors put a mark before
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        problems.append(Problem(Trouble.BAD_LABEL, path.name, f"cannot be read: {error}"))
        return ()


def _box(words: Sequence[str], names: Mapping[int, str], where: str) -> RawBox | str | None:
    """The box, what is wrong with it, or None for an empty line."""
    if not words:
        return None
    try:
        number, values = float(words[0]), [float(word) for word in words[1:]]
    except ValueError:
        return f"expected numbers, got {' '.join(words)[:60]!r}"
    name = names.get(int(number)) if number.is_integer() else None
    name = f"number {words[0]}" if name is None else name
    if len(values) == 4:
        x, y, width, height = values
        corners = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        return RawBox(corners, name, where=where)
    if len(values) < 6 or len(values) % 2:
        return f"expected 4 numbers or an even 6 and more after the class, got {len(values)}"
    xs, ys = values[::2], values[1::2]
    return RawBox((min(xs), min(ys), max(xs), max(ys)), name, [values], where=where)


def _places(config: DataConfig, settings: Mapping[str, object], split: str) -> list[Path]:
    """Where data.yaml says that the pictures of a split are."""
    assert config.annotations is not None
    where = settings.get(split)
    words = [where] if isinstance(where, str) else where
    if not isinstance(words, list) or not words or not all(isinstance(w, str) for w in words):
        raise DataError(f"{config.annotations.name}: expected a folder under {split!r}")
    home = config.annotations.parent
    root = settings.get("path")
    bases = [home / root, home] if isinstance(root, str) else [home]
    return [_first_there([base / word for base in bases]) for word in words]


def _first_there(paths: Sequence[Path]) -> Path:
    return next((path for path in paths if path.exists()), paths[0])


def _pictures_at(place: Path) -> list[Path]:
    """The pictures of a folder and those below it, or of a list in a text file, sorted."""
    try:
        if place.is_dir():
            return sorted(p for p in place.rglob("*") if p.suffix.lower() in PICTURE_SUFFIXES)
        lines = place.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"data set {str(place)!r}: {reason}") from error
    return [place.parent / line.strip() for line in lines if line.strip()]


def _read_yaml(path: Path) -> Mapping[str, object]:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"annotations {str(path)!r}: {reason}") from error
    except yaml.YAMLError as error:
        raise DataError(f"annotations {path.name!r}: not YAML: {_one_line(error)}") from error
    if not isinstance(data, dict):
        raise DataError(f"annotations {path.name!r}: expected keys and values")
    return data


def _names(names: object, where: str) -> Mapping[int, str]:
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict) or not all(isinstance(key, int) for key in names):
        raise DataError(f"{where}: expected class names under 'names', as a list or by number")
    if not all(isinstance(name, str | int | float) for name in names.values()):
        raise DataError(f"{where}: expected class names under 'names' to be text")
    return {key: str(name) for key, name in sorted(names.items())}


def _one_line(error: yaml.YAMLError) -> str:
    return " ".join(str(error).split())
