"""How single values are read: strictly, for `1` is no string and `true` no number."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import NoneType

LONGEST_SHOWN = 200  # characters of a value in a message


@dataclass(frozen=True, slots=True)
class Typed:
    """A scalar typed on a command line, that YAML reads as something other than text.

    Attributes:
        text: the letters, for a field that holds text: nobody writes quotes there.
        value: what YAML reads in them, for any other field.
    """

    text: str
    value: object


def plain(data: object) -> object:
    """The value, whichever way it came."""
    return data.value if isinstance(data, Typed) else data


def shown(data: object) -> str:
    """The value as an error message shows it, in one line that has an end."""
    text = _SHORT.repr(plain(data))
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


_SHORT = reprlib.Repr()
_SHORT.maxlevel = 3  # YAML aliases hold a million lists in a line
_SHORT.maxstring = _SHORT.maxlong = _SHORT.maxother = LONGEST_SHOWN


def _bool(data: object) -> bool:
    value = plain(data)
    if not isinstance(value, bool):
        raise TypeError(f"expected true or false, got {shown(data)}")
    return value


def _int(data: object) -> int:
    value = plain(data)
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"expected an int, got {shown(data)}")
    return value


def _float(data: object) -> float:
    value = plain(data)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"expected a number, got {shown(data)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"expected a finite number, got {shown(data)}")
    return number


def _str(data: object) -> str:
    if isinstance(data, Typed):
        return data.text
    if not isinstance(data, str):
        quote = "" if isinstance(data, Mapping | list) or data is None else "; put it in quotes"
        raise TypeError(f"expected a string, got {shown(data)}{quote}")
    try:
        data.encode(errors="surrogateescape")  # as the names of files that are no text have it
    except UnicodeEncodeError as error:
        raise ValueError(f"expected text, got half a character in {shown(data)}") from error
    if "\0" in data:
        raise ValueError(f"expected text, got a zero byte in {shown(data)}")
    return data


def _path(data: object) -> Path:
    return Path(_str(data))


def _fraction(data: object) -> Fraction:
    value = plain(data)
    try:
        # By its digits: 29.97 means 2997/100, not the nearest binary number.
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        pass
    raise ValueError(f"expected a fraction such as 30000/1001, got {shown(data)}")


def _none(data: object) -> None:
    if plain(data) is not None:
        raise TypeError(f"expected null, got {shown(data)}")


# A hint and who reads it; TypeError or ValueError says what it expected.
SCALARS: Mapping[object, Callable[[object], object]] = {
    bool: _bool,
    int: _int,
    float: _float,
    str: _str,
    Path: _path,
    Fraction: _fraction,
    NoneType: _none,
}

WORDS: Mapping[object, str] = {
    bool: "true or false",
    int: "an int",
    float: "a number",
    str: "a string",
    Path: "a path",
    Fraction: "a fraction",
    NoneType: "null",
}
