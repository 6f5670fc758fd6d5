"""Labels as Pascal VOC has them: an XML file a picture.

Source: Everingham et al. 2010, The Pascal Visual Object Classes Challenge: corners are pixel
numbers from 1, both inside the box; so 1..W in a picture W wide is 0..W in ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from train.data.config import DataConfig
from train.data.problem import Problem, Trouble
from train.data.raw import RawBox, RawPicture, RawSet
from train.data.yolo import PICTURE_SUFFIXES
from train.errors import DataError

Files = Mapping[str, ET.Element | str]  # XML by stem, or what is wrong with it


def read_voc(config: DataConfig) -> RawSet:
    """The set under a folder; its classes are the names that occur, sorted.

    Raises:
        DataError: a folder is missing or empty, or the list of the split is.
    """
    if config.images is None:
        raise DataError("data: the layout voc needs images")
    pictures = _folder(config.images, "JPEGImages", config.images)
    labels = config.annotations or _folder(config.images, "Annotations", config.images.parent)
    stems = _stems(config, labels)
    files: Files = {stem: _read_xml(labels / f"{stem}.xml") for stem in stems}
    names = {
        name
        for root in files.values()
        if not isinstance(root, str)
        for each in root.iter("object")
        if (name := _text(each, "name"))
    }
    problems: list[Problem] = []
    where = f"{labels.name} {config.split}".strip()
    return RawSet(where, tuple(sorted(names)), _read(pictures, files, problems), problems=problems)


def _read(pictures: Path, files: Files, problems: list[Problem]) -> Iterator[RawPicture]:
    for index, (stem, root) in enumerate(files.items()):
        if isinstance(root, str):
            problems.append(Problem(Trouble.BAD_LABEL, f"{stem}.xml", root))
            continue
        boxes = []
        for number, each in enumerate(root.iter("object"), start=1):
            box = _box(each, f"object {number}")
            if isinstance(box, str):
                problems.append(Problem(Trouble.BAD_LABEL, f"{stem}.xml, object {number}", box))
            else:
                boxes.append(box)
        yield RawPicture(_picture(pictures, stem, root), _size(root), index, boxes)


def _box(element: ET.Element, where: str) -> RawBox | str:
    """The box, or what is wrong with it."""
    name = _text(element, "name")
    if not name:
        return "no name"
    words = [_text(element, f"bndbox/{key}") for key in ("xmin", "ymin", "xmax", "ymax")]
    try:
        x1, y1, x2, y2 = (float(word) for word in words)
    except ValueError:
        return f"expected a bndbox of 4 numbers, got {words}"
    is_difficult = _text(element, "difficult") == "1"
    return RawBox((x1 - 1, y1 - 1, x2, y2), name, is_crowd=is_difficult, where=where)


def _size(root: ET.Element) -> tuple[int, int] | None:
    try:
        width, height = int(_text(root, "size/width")), int(_text(root, "size/height"))
    except ValueError:
        return None
    return (width, height) if width > 0 and height > 0 else None


def _picture(folder: Path, stem: str, root: ET.Element) -> Path:
    """The picture of that stem; what `filename` says is often from another machine."""
    named = folder / Path(_text(root, "filename") or f"{stem}.jpg").name
    if named.stem == stem and named.exists():
        return named
    beside = (folder / f"{stem}{suffix}" for suffix in sorted(PICTURE_SUFFIXES))
    return next((path for path in beside if path.exists()), named)


def _stems(config: DataConfig, labels: Path) -> Sequence[str]:
    if not labels.is_dir():
        raise DataError(f"annotations {str(labels)!r}: no such folder")
    if not config.split:
        stems = sorted(path.stem for path in labels.glob("*.xml"))
        if not stems:
            raise DataError(f"annotations {str(labels)!r}: no XML file there")
        return stems
    listing = labels.parent / "ImageSets" / "Main" / f"{config.split}.txt"
    try:
        lines = listing.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"split {str(listing)!r}: {reason}") from error
    return [line.split()[0] for line in lines if line.strip()]  # a list may carry -1, 0 or 1


def _folder(root: Path, name: str, otherwise: Path) -> Path:
    if (root / name).is_dir():
        return root / name
    return otherwise if otherwise == root else otherwise / name


def _read_xml(path: Path) -> ET.Element | str:
    try:
        return ET.parse(path).getroot()
    except OSError as error:
        return error.strerror or str(error)
    except ET.ParseError as error:
        return f"no XML: {error}"
    except (ValueError, LookupError) as error:  # an encoding that the parser does not know
        return f"cannot be read, save it as UTF-8: {error}"


def _text(element: ET.Element, path: str) -> str:
    return (element.findtext(path) or "").strip()
