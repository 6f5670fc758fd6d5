"""YAML as settings are read and written: each key once, and 1e-3 a number (YAML 1.2 says so)."""

from __future__ import annotations

import re
from collections.abc import Hashable

import yaml

_FLOAT = "tag:yaml.org,2002:float"
_EXPONENT = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$")  # YAML 1.1 wants a point as well
_FLOAT_STARTS = list("-+.0123456789")
_ODD = re.compile(r"[-+]?0[0-7_]+$|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?$")
_STR = "tag:yaml.org,2002:str"


class _Loader(yaml.SafeLoader):
    def construct_mapping(
        self,
        node: yaml.MappingNode,
        deep: bool = False,  # noqa: FBT001, FBT002 - overridden
    ) -> dict[Hashable, object]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = getattr(key_node, "value", None)
            if isinstance(key, str) and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"duplicate key {key!r}", key_node.start_mark
                )
            seen.add(key if isinstance(key, str) else None)
        return super().construct_mapping(node, deep=deep)


class StrictDumper(yaml.SafeDumper):
    """Puts words in quotes that would be read as numbers."""


# To YAML 1.1 alone 010 is eight and 1:30 ninety; first in the list, for the first that fits counts.
_Loader.yaml_implicit_resolvers = {
    start: [(_STR, _ODD), *known] if start and start in _FLOAT_STARTS else known
    for start, known in _Loader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_FLOAT, _EXPONENT, _FLOAT_STARTS)
StrictDumper.add_implicit_resolver(_FLOAT, _EXPONENT, _FLOAT_STARTS)


def parse(text: str) -> object:
    """What the text says.

    Raises:
        ValueError: it is not YAML, or says a key twice; one line that says where.

    >>> parse("a: 1e-3")
    {'a': 0.001}
    """
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise ValueError(f"not YAML: {_one_line(error)}") from error
    except RecursionError as error:
        raise ValueError("nested too deeply for settings") from error


def to_yaml(data: object, dumper: type[StrictDumper] = StrictDumper) -> str:
    r"""Text that `parse` reads as `data`; keys stay in order, lines are not folded.

    >>> to_yaml({"name": "1e5", "limit": 3})
    "name: '1e5'\nlimit: 3\n"
    """
    text = yaml.dump(data, Dumper=dumper, allow_unicode=True, sort_keys=False, width=1000)
    return str(text)


def _one_line(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return where + " ".join(str(getattr(error, "problem", None) or error).split())
