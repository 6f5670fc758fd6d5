"""Raw labels to labels that make sense, with every one that does not named."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from configs.loader import suggestion
from train.data.config import DataConfig
from train.data.problem import Problem, Trouble
from train.data.raw import RawBox, RawPicture, RawSet

# Annotators and converters round: COCO's own boxes reach up to 1 px over the border.
TOLERANCE_PX = 2.0
TOLERANCE_SHARE = 0.005
FARTHEST = 100_000.0  # no picture is larger, and drawing an outline takes memory by its length


@dataclass(frozen=True, slots=True)
class Classes:
    """The classes to learn, and what those of the set become.

    Attributes:
        names: by id.
        ids: of the set's own names; a name that is absent is unknown to the set.
    """

    names: tuple[str, ...]
    ids: dict[str, int | None]  # None: the set has it, the configuration does not want it


class Inspection:
    """Goes through a raw set once; what is wrong gathers in `problems`, what is right comes out.

    Args:
        raw: the set.
        config: which classes to keep.
    """

    def __init__(self, raw: RawSet, config: DataConfig) -> None:
        self._raw = raw
        self.problems: list[Problem] = []
        self.boxes_per_class: Counter[int] = Counter()
        self.pictures = 0
        self.classes = _choose_classes(raw, config, self.problems)

    def __iter__(self) -> Iterator[tuple[RawPicture, list[int]]]:
        """Each picture with the boxes that hold, and the class id of each."""
        seen: set[Path] = set()
        for picture in self._raw.pictures:
            if picture.path in seen:
                self._note(Trouble.DUPLICATE_PICTURE, picture.path.name, "listed twice")
                continue
            seen.add(picture.path)
            if not _is_name(str(picture.path)):
                self._note(Trouble.BAD_LABEL, "a picture", f"no name of a file: {picture.path!r}")
                continue
            if picture.size and max(picture.size) > FARTHEST:
                text = f"labelled as {_shown(picture.size, ' x ')} px"
                self._note(Trouble.WRONG_SIZE, picture.path.name, text)
                continue
            self.pictures += 1
            yield self._inspected(picture)
        self.problems.extend(self._raw.problems)
        there = set(self.classes.ids.values())
        for class_id, name in enumerate(self.classes.names):
            if class_id in there and not self.boxes_per_class[class_id]:
                self._note(Trouble.EMPTY_CLASS, self._raw.name, repr(name))

    def _inspected(self, picture: RawPicture) -> tuple[RawPicture, list[int]]:
        boxes: list[RawBox] = []
        ids: list[int] = []
        seen: set[tuple[int, tuple[float, ...]]] = set()
        for raw in picture.boxes:
            where = f"{picture.path.name}, {raw.where}"
            if raw.class_name not in self.classes.ids:
                self._note(Trouble.UNKNOWN_CLASS, where, raw.class_name)
                continue
            class_id = self.classes.ids[raw.class_name]
            if class_id is None:
                continue
            box = self._box(raw, picture, where)
            if box is None:
                continue
            if (class_id, box.xyxy) in seen:
                self._note(Trouble.DUPLICATE_BOX, where, _shown(box.xyxy))
                continue
            seen.add((class_id, box.xyxy))
            boxes.append(box)
            ids.append(class_id)
        self.boxes_per_class.update(ids)
        return replace(picture, boxes=boxes), ids

    def _box(self, raw: RawBox, picture: RawPicture, where: str) -> RawBox | None:
        """The box with what of it holds, or None."""
        if not all(map(math.isfinite, raw.xyxy)):
            self._note(Trouble.NOT_A_NUMBER, where, _shown(raw.xyxy))
            return None
        x1, y1, x2, y2 = raw.xyxy
        if x2 <= x1 or y2 <= y1:
            self._note(Trouble.EMPTY_BOX, where, f"{_shown(raw.xyxy)} (x1, y1, x2, y2)")
            return None
        raw = replace(raw, polygons=self._outlines(raw, where))
        size = (1.0, 1.0) if self._raw.is_relative else picture.size
        if size is None:
            return raw
        slack = TOLERANCE_SHARE if self._raw.is_relative else TOLERANCE_PX
        if -slack <= min(x1, y1) and x2 <= size[0] + slack and y2 <= size[1] + slack:
            return raw
        whole = "shares of 0..1" if self._raw.is_relative else f"{_shown(size, ' x ')} px"
        self._note(Trouble.OUTSIDE, where, f"{_shown(raw.xyxy)} in a picture of {whole}")
        cut = (max(x1, 0.0), max(y1, 0.0), min(x2, float(size[0])), min(y2, float(size[1])))
        return replace(raw, xyxy=cut) if cut[0] < cut[2] and cut[1] < cut[3] else None

    def _outlines(self, raw: RawBox, where: str) -> Sequence[Sequence[float]]:
        """The outlines that have an inside."""
        good = [each for each in raw.polygons if _is_outline(each)]
        if len(good) < len(raw.polygons):
            bad = len(raw.polygons) - len(good)
            text = f"{bad} of {len(raw.polygons)} are no even list of 6 or more numbers"
            self._note(Trouble.BAD_OUTLINE, where, text)
        return good

    def _note(self, trouble: Trouble, where: str, text: str) -> None:
        self.problems.append(Problem(trouble, where, text))


def _choose_classes(raw: RawSet, config: DataConfig, problems: list[Problem]) -> Classes:
    renames = config.renames()
    for old in renames:
        if old not in raw.class_names:
            text = f"{old!r} to rename{suggestion(old, raw.class_names)}"
            problems.append(Problem(Trouble.UNKNOWN_CLASS, raw.name, text))
    renamed = {name: renames.get(name, name) for name in raw.class_names}
    there = tuple(dict.fromkeys(renamed.values()))
    for wanted in config.classes:
        if wanted not in there:
            text = f"{wanted!r} to learn{suggestion(wanted, there)}"
            problems.append(Problem(Trouble.UNKNOWN_CLASS, raw.name, text))
    names = config.classes or there
    ids = {name: index for index, name in enumerate(names)}
    return Classes(names, {old: ids.get(new) for old, new in renamed.items()})


def _is_outline(values: object) -> bool:
    if not isinstance(values, list | tuple) or len(values) < 6 or len(values) % 2:
        return False
    return all(isinstance(value, int | float) and abs(value) <= FARTHEST for value in values)


def _is_name(path: str) -> bool:
    try:
        return b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:  # half a character
        return False


def _shown(numbers: Sequence[float], between: str = ", ") -> str:
    return between.join(f"{number:.6g}" for number in numbers)
