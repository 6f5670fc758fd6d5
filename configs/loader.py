"""Plain data to frozen dataclasses by their type hints, strictly; and back."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from fractions import Fraction
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from configs.errors import ConfigError
from configs.scalar import SCALARS, WORDS, Typed, plain, shown

T = TypeVar("T")

TAG = "type"  # the key that says which dataclass of a union is meant


def load(kind: type[T], data: object, path: str = "") -> T:
    """Build `kind` from what a YAML reader gives.

    Args:
        kind: a dataclass whose hints are dataclasses, tuples, unions, Literal, Fraction, Path,
            bool, int, float and str. In a union of dataclasses the key `type`, a Literal in each
            of them, says which is meant.
        data: mappings, lists and scalars.
        path: where `data` stands in the whole, for messages.

    Raises:
        ConfigError: a key is unknown or missing, a type is wrong, or `__post_init__` refused.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Retry:
    ...     count: int
    >>> load(Retry, {"count": "many"}, "sources[0].retry")
    Traceback (most recent call last):
    configs.errors.ConfigError: sources[0].retry.count: expected an int, got 'many'
    """
    return cast("T", _convert(kind, data, path))  # the hints are only known at run time


def dump(value: object) -> object:
    """The inverse of `load`: mappings, lists and scalars.

    Raises:
        TypeError: a value is none that `load` could give.

    >>> dump(Fraction(30000, 1001))
    '30000/1001'
    """
    if is_dataclass(value):
        return {field.name: dump(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [dump(item) for item in value]
    if isinstance(value, Path | Fraction):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"expected a value that load() gives, got {value!r}")


def suggestion(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` or else `; known: a, b`; the tail of an error about `word`.

    >>> suggestion("fike", ["file", "null"]), suggestion("zzz", ["file", "null"])
    ("; did you mean 'file'?", '; known: file, null')
    """
    names = list(known)
    close = difflib.get_close_matches(word, names, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(names)}" if names else ""


def _convert(hint: Any, data: object, path: str) -> object:  # Any: hints have no common type
    if is_dataclass(hint):
        return _dataclass(cast("type[object]", hint), data, path)
    composite = _COMPOSITES.get(get_origin(hint))
    if composite is not None:
        return composite(hint, data, path)
    try:
        return SCALARS[hint](data)
    except (TypeError, ValueError) as error:
        raise ConfigError(path, str(error)) from None


def _dataclass(kind: type[object], data: object, path: str) -> object:
    if not isinstance(data, Mapping):
        raise ConfigError(path, f"expected keys and values, got {shown(data)}")
    hints = get_type_hints(kind)
    known = {field.name: field for field in fields(cast("Any", kind))}  # Any: checked by caller
    for key in data:
        if key not in known:
            raise ConfigError(_join(path, str(key)), f"unknown key{suggestion(str(key), known)}")
    for name, field in known.items():
        if name not in data and field.default is MISSING and field.default_factory is MISSING:
            raise ConfigError(_join(path, name), f"missing: expected {_expected(hints[name])}")
    values = {str(key): _convert(hints[key], data[key], _join(path, key)) for key in data}
    try:
        return kind(**values)
    except ValueError as error:
        raise _refusal(str(error), known, path) from None


def _refusal(message: str, known: Iterable[str], path: str) -> ConfigError:
    """What `__post_init__` said, at the field it names where it names one."""
    name, colon, reason = message.partition(": ")
    if colon and name in known:
        return ConfigError(_join(path, name), reason)
    return ConfigError(path, message)


def _tuple(hint: object, data: object, path: str) -> object:
    if not isinstance(data, Sequence) or isinstance(data, str | bytes):
        raise ConfigError(path, f"expected {_expected(hint)}, got {shown(data)}")
    items = get_args(hint)
    if items[-1] is Ellipsis:
        items = items[:1] * len(data)
    if len(items) != len(data):
        raise ConfigError(path, f"expected {len(items)} values, got {len(data)}")
    return tuple(
        _convert(item, value, f"{path}[{index}]")
        for index, (item, value) in enumerate(zip(items, data, strict=True))
    )


def _literal(hint: object, data: object, path: str) -> object:
    choices = get_args(hint)
    value = data.text if isinstance(data, Typed) and data.text in choices else plain(data)
    for choice in choices:
        if choice == value and type(choice) is type(value):
            return choice
    words = [str(choice) for choice in choices]
    close = difflib.get_close_matches(value, words, n=1) if isinstance(value, str) else []
    hint_text = f"; did you mean {close[0]!r}?" if close else ""
    raise ConfigError(path, f"expected {_expected(hint)}, got {shown(value)}{hint_text}")


def _union(hint: object, data: object, path: str) -> object:
    members = get_args(hint)
    if plain(data) is None and NoneType in members:
        return None
    members = tuple(member for member in members if member is not NoneType)
    if len(members) == 1:
        return _convert(members[0], data, path)
    kinds = [member for member in members if is_dataclass(member)]
    if isinstance(data, Mapping) and kinds:
        return _tagged(kinds, data, path)
    # The member that is exactly of the data's type first, so that 1 stays an int.
    for member in sorted(members, key=lambda member: type(plain(data)) is not member):
        try:
            return _convert(member, data, path)
        except ConfigError:
            continue
    raise ConfigError(path, f"expected {_expected(hint)}, got {shown(data)}")


def _tagged(kinds: Sequence[Any], data: Mapping[object, object], path: str) -> object:
    """The dataclass that `type` names; Any: they have nothing in common but a Literal field."""
    if len(kinds) == 1:
        return _convert(kinds[0], data, path)
    by_tag = {tag: kind for kind in kinds for tag in get_args(get_type_hints(kind).get(TAG))}
    tag = data.get(TAG)
    if not isinstance(tag, str) or tag not in by_tag:
        words = [str(known) for known in by_tag]
        reason = "missing" if TAG not in data else f"unknown {shown(tag)}"
        raise ConfigError(_join(path, TAG), reason + suggestion(shown(tag), words))
    return _convert(by_tag[tag], data, path)


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _expected(hint: Any) -> str:  # Any: hints have no common type
    """The hint in words."""
    if is_dataclass(hint):
        return "keys and values"
    origin = get_origin(hint)
    if origin is tuple:
        return "a list"
    if origin is Literal:
        return "one of " + ", ".join(str(choice) for choice in get_args(hint))
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(_expected(member) for member in get_args(hint)))
    return WORDS[hint]


_COMPOSITES: Mapping[object, Callable[[object, object, str], object]] = {
    tuple: _tuple,
    Literal: _literal,
    Union: _union,
    UnionType: _union,
}
