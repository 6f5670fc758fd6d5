"""A list of sources in a file: a line each in .txt, entries in .yaml."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from streamer.errors import SourceOpenError
from streamer.redact import redact

LIST_SUFFIXES = frozenset({".txt", ".yaml", ".yml"})
FORMS = "expected a source, or a mapping with uri and perhaps name"


@dataclass(frozen=True, slots=True)
class Listed:
    """One entry of a list.

    Attributes:
        spec: what a person could write after --source; may hold secrets.
        name: what the stream is to be called, or None.
        where: file and line, for messages.
    """

    spec: str
    name: str | None
    where: str


def is_listing(spec: str) -> bool:
    """It is a list of sources: a .txt or .yaml file here, not an address.

    >>> is_listing("doors.yaml"), is_listing("http://host/doors.txt")
    (True, False)
    """
    return "://" not in spec and Path(spec).suffix.lower() in LIST_SUFFIXES


def read_listing(path: Path) -> list[Listed]:
    """The entries of a list, in order; relative paths in it count from the working directory.

    Raises:
        SourceOpenError: with file and line: unreadable, empty, not a list of sources, or a list
            within the list.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceOpenError(f"source '{path}': expected a list in UTF-8") from error
    except OSError as error:
        raise SourceOpenError(f"source '{path}': cannot read the list: {error.strerror}") from error
    is_text = path.suffix.lower() == ".txt"
    entries = _from_lines(path, text) if is_text else _from_yaml(path, text)
    for entry in entries:
        if is_listing(entry.spec):
            raise SourceOpenError(f"{entry.where}: expected a source, got a list within a list")
    if not entries:
        raise SourceOpenError(f"source '{path}': expected a list of sources, got an empty one")
    return entries


def _from_lines(path: Path, text: str) -> list[Listed]:
    entries = []
    for number, line in enumerate(text.splitlines(), 1):
        spec = re.sub(r"(^|\s)#.*", "", line).strip()  # addresses may hold a # of their own
        if spec:
            entries.append(Listed(spec, None, f"{path}:{number}"))
    return entries


def _from_yaml(path: Path, text: str) -> list[Listed]:
    try:
        root = yaml.compose(text, yaml.SafeLoader)  # nodes, not values: they know their lines
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SourceOpenError(f"{path}:{line}: not YAML: {redact(str(error.problem))}") from error
    except yaml.YAMLError as error:  # a character YAML forbids
        raise SourceOpenError(f"source '{path}': not YAML") from error
    if root is None:
        return []
    if isinstance(root, yaml.MappingNode):
        root = _only_value(path, root, "sources")
    if not isinstance(root, yaml.SequenceNode):
        raise SourceOpenError(f"{_where(path, root)}: expected a list of sources")
    return [_entry(path, node) for node in root.value]


def _only_value(path: Path, root: yaml.MappingNode, key: str) -> yaml.Node:
    """What stands under the only key a list may have at its top."""
    pairs = [(name.value, value) for name, value in root.value]
    if [name for name, _ in pairs] != [key]:
        raise SourceOpenError(f"{_where(path, root)}: expected a list of sources, or {key}: alone")
    value: yaml.Node = pairs[0][1]
    return value


def _entry(path: Path, node: yaml.Node) -> Listed:
    where = _where(path, node)
    if isinstance(node, yaml.ScalarNode):
        return Listed(_text(path, node), None, where)
    if not isinstance(node, yaml.MappingNode):
        raise SourceOpenError(f"{where}: {FORMS}")
    values: dict[str, str] = {}
    for name, value in node.value:
        key = str(name.value)
        if key not in {"name", "uri"} or key in values:
            raise SourceOpenError(f"{_where(path, name)}: {FORMS}, got {redact(key)!r}")
        values[key] = _text(path, value)
    if "uri" not in values:
        raise SourceOpenError(f"{where}: {FORMS}, got no uri")
    return Listed(values["uri"], values.get("name"), where)


def _text(path: Path, node: yaml.Node) -> str:
    """A scalar as it is written: a name of 01 is no number."""
    if not isinstance(node, yaml.ScalarNode) or not node.value.strip():
        raise SourceOpenError(f"{_where(path, node)}: {FORMS}")
    return str(node.value).strip()


def _where(path: Path, node: yaml.Node) -> str:
    return f"{path}:{node.start_mark.line + 1}"
