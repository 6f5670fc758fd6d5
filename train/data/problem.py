"""What can be wrong with a labelled picture."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Trouble(Enum):
    """The kinds of problems, in the order of a report."""

    MISSING_PICTURE = "missing picture"
    BROKEN_PICTURE = "broken picture"
    WRONG_SIZE = "wrong size"
    BAD_LABEL = "unreadable label"
    NOT_A_NUMBER = "box not a number"
    EMPTY_BOX = "box without area"
    OUTSIDE = "box outside"
    BAD_OUTLINE = "broken outline"
    DUPLICATE_BOX = "duplicate box"
    DUPLICATE_PICTURE = "duplicate picture"
    UNKNOWN_CLASS = "unknown class"
    EMPTY_CLASS = "class without a box"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and what is done where `broken: skip` is set.

    Attributes:
        trouble: its kind.
        where: the picture or label file, with the line or annotation where there is one.
        text: what was there.
    """

    trouble: Trouble
    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.where}: {self.trouble.value}: {self.text}"
