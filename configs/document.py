"""A configuration as plain data: YAML files, one `base:` deep, and `--set` on top."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from configs.errors import ConfigError
from configs.scalar import Typed, shown
from configs.strict_yaml import parse

BASE = "base"  # the key that names the file to start from

_PATH = re.compile(r"(?P<key>[^.\[\]]+)(?P<rest>(\[\d+\]|\.[^.\[\]]+)*)")  # a.b[0].c
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")


def read(path: Path) -> dict[str, object]:
    """The settings of a YAML file over those of its `base:`, a file named relative to it.

    Raises:
        ConfigError: the file cannot be read, is not YAML, or its base has a base.
    """
    data = _read_one(path)
    if BASE not in data:
        return data
    base = data.pop(BASE)
    if not isinstance(base, str):
        raise ConfigError(BASE, f"expected the path of a YAML file, got {shown(base)}")
    lower = _read_one(path.parent / base)
    if BASE in lower:
        raise ConfigError(BASE, f"{base!r} has a base of its own; one level is the limit")
    return merged(lower, data)


def merged(lower: Mapping[str, object], upper: Mapping[str, object]) -> dict[str, object]:
    """`upper` over `lower`, group by group; lists and scalars replace.

    >>> merged({"a": {"x": 1, "y": 2}, "b": [1, 2]}, {"a": {"y": 3}, "b": [4]})
    {'a': {'x': 1, 'y': 3}, 'b': [4]}
    """
    result = dict(lower)
    for key, value in upper.items():
        below = result.get(key)
        both = isinstance(value, Mapping) and isinstance(below, Mapping)
        result[key] = merged(below, value) if both else value  # type: ignore[arg-type]  # both
    return result


def overridden(data: Mapping[str, object], assignment: str) -> dict[str, object]:
    """The data with `a.b[0].c=value` done; the value is read as YAML.

    Raises:
        ConfigError: the assignment has no such form or no such place.

    >>> overridden({"a": {"b": [1, 2]}}, "a.b[1]=[x, 3]")
    {'a': {'b': [1, ['x', 3]]}}
    """
    path, equals, text = assignment.partition("=")
    match = _PATH.fullmatch(path.strip())
    if not equals or match is None:
        raise ConfigError("--set", f"expected key=value such as limit=100, got {assignment!r}")
    key, steps = match["key"], [name or int(index) for name, index in _STEP.findall(match["rest"])]
    try:
        value = typed(text)
    except ValueError as error:
        raise ConfigError(path, str(error)) from error
    return {**data, key: _placed(data.get(key), steps, value, key)}


def typed(text: str) -> object:
    """A value from a command line, read as YAML.

    Raises:
        ValueError: it is not YAML.

    >>> typed("0.5"), typed("person")
    (Typed(text='0.5', value=0.5), 'person')
    """
    value = parse(text)
    return value if isinstance(value, Mapping | list | str) else Typed(text.strip(), value)


def _placed(data: object, steps: list[str | int], value: object, path: str) -> object:
    """`data` with `value` put where the steps lead; copies what it changes."""
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    if isinstance(step, int):
        if not isinstance(data, list) or step >= len(data):
            count = len(data) if isinstance(data, list) else 0
            raise ConfigError(f"{path}[{step}]", f"there are {count} entries to choose from")
        changed = _placed(data[step], rest, value, f"{path}[{step}]")
        return [*data[:step], changed, *data[step + 1 :]]
    if data is not None and not isinstance(data, Mapping):
        raise ConfigError(
            path, f"has no keys below it, so {step!r} has no place; it is {shown(data)}"
        )
    below = dict(data or {})
    return {**below, step: _placed(below.get(step), rest, value, f"{path}.{step}")}


def _read_one(path: Path) -> dict[str, object]:
    try:
        data = parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(str(path), f"cannot read it: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(str(path), f"not UTF-8 text: {error.reason}") from error
    except ValueError as error:
        raise ConfigError(str(path), str(error)) from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(str(path), f"expected keys and values, got {type(data).__name__}")
    return data
