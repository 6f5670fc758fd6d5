"""The YAML file that holds what is drawn: read strictly, written as a whole or not at all."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import yaml

from analytics.region import LineConfig, ZoneConfig
from analytics.scene_config import SceneConfig
from configs.document import read, typed
from configs.errors import ConfigError
from configs.loader import load
from configs.scalar import plain
from configs.strict_yaml import StrictDumper, to_yaml

Item = dict[str, object]  # a line or zone as it is written in YAML
Items = Mapping[str, Sequence[Item]]  # by kind

KINDS: Mapping[str, type[LineConfig | ZoneConfig]] = {"lines": LineConfig, "zones": ZoneConfig}

_ABSENT = "absent"  # the version of a file that is not there yet
_COMMENT = re.compile(r"(?m)(?:^|\s)#")  # a sign in quotes may be taken for one: harmless


class ChangedError(Exception):
    """The file is not as it was when it was read; saving would undo what somebody else did.

    Attributes:
        version: of the file as it is now.
    """

    def __init__(self, version: str) -> None:
        super().__init__("the file was changed meanwhile by another program")
        self.version = version


@dataclass(frozen=True, slots=True)
class Opened:
    """The file as it was read.

    Attributes:
        drawn: lines and zones of the stream or of all streams, with the keys that a person gave.
        others: the streams that lines and zones besides belong to.
        version: of the file's bytes.
        exists: there is a file.
        has_comments: they will be lost.
    """

    drawn: Items
    others: Sequence[str]
    version: str
    exists: bool
    has_comments: bool


class SceneFile:
    """A file of settings, of which the lines and zones of one stream are edited.

    What else stands in it is kept, but for comments and the way it is written. A file that is
    its `base:` is left alone: lists replace those of the base.

    Args:
        path: the file, there or not.
        stream_id: of the stream whose picture is drawn on.
    """

    def __init__(self, path: Path, stream_id: str) -> None:
        self._path = path
        self._stream_id = stream_id

    @property
    def path(self) -> Path:
        """As it was given."""
        return self._path

    def read(self) -> Opened:
        """What the file holds now; a file that is not there holds nothing.

        Raises:
            ConfigError: it cannot be read, or its scene is none.
        """
        version, text = self._stored()
        mine, others = self._parted(self._scene(text))
        named = {str(item["stream"]) for items in others.values() for item in items}
        return Opened(
            mine, sorted(named), version, text is not None, bool(_COMMENT.search(text or ""))
        )

    def write(self, version: str, drawn: Items) -> str:
        """Put what is drawn in place of what was; returns the version that the file has then.

        Args:
            version: of the file that `drawn` was made from.
            drawn: every line and zone of the stream or of all streams.

        Raises:
            ChangedError: the file has another version.
            ConfigError: a line or zone is none; the path is such as `zones[1].points`.
            OSError: the file cannot be written; the old one is still there.
        """
        now, text = self._stored()
        if version != now:
            raise ChangedError(now)
        self._check(drawn)
        scene = self._scene(text)
        _, others = self._parted(scene)
        whole = {kind: [*others[kind], *drawn[kind]] for kind in KINDS}
        load(SceneConfig, {**scene, **whole}, "scene")
        own = _mapping({} if text is None else plain(typed(text)) or {})
        changed = {kind: items for kind, items in whole.items() if items or kind in scene}
        own["scene"] = {**_mapping(own.get("scene", {})), **changed}
        data = to_yaml(own, _Dumper).encode()
        _replace(self._path, data)
        return _version(data)

    def _check(self, drawn: Items) -> None:
        for kind, config in KINDS.items():
            for index, item in enumerate(drawn[kind]):
                path = f"{kind}[{index}]"
                load(config, item, path)
                if not self._is_ours(item):
                    raise ConfigError(
                        f"{path}.stream", f"expected {self._stream_id!r}, got {item['stream']!r}"
                    )

    def _stored(self) -> tuple[str, str | None]:
        """Version and text of the file, or None for one that is not there."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return _ABSENT, None
        except OSError as error:
            raise ConfigError(str(self._path), f"cannot read it: {error.strerror}") from error
        return _version(data), data.decode("utf-8", "replace")  # `read` refuses what is no text

    def _scene(self, text: str | None) -> Item:
        """The scene that a run would have, `base:` included, as plain data; it is a valid one."""
        scene = _mapping({} if text is None else read(self._path).get("scene", {}))
        load(SceneConfig, scene, "scene")
        return scene

    def _parted(self, scene: Item) -> tuple[dict[str, list[Item]], dict[str, list[Item]]]:
        """The lines and zones on this stream's picture, and those that are not."""
        mine: dict[str, list[Item]] = {}
        others: dict[str, list[Item]] = {}
        for kind in KINDS:
            items = cast("list[Item]", scene.get(kind, []))  # as _scene has checked
            mine[kind] = [item for item in items if self._is_ours(item)]
            others[kind] = [item for item in items if not self._is_ours(item)]
        return mine, others

    def _is_ours(self, item: Item) -> bool:
        return item.get("stream") in (None, self._stream_id)


class _Dumper(StrictDumper):
    """Places on one line each."""


def _list(dumper: yaml.SafeDumper, items: list[object]) -> yaml.SequenceNode:
    are_numbers = all(isinstance(item, int | float) for item in items)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=are_numbers)


_Dumper.add_representer(list, _list)


def _mapping(data: object) -> Item:
    """A copy of keys and values.

    Raises:
        ConfigError: it is something else.
    """
    if not isinstance(data, Mapping):
        raise ConfigError("scene", f"expected keys and values, got {data!r}")
    return {str(key): value for key, value in data.items()}


def _version(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _replace(path: Path, data: bytes) -> None:
    """Write a file as a whole: a crash leaves the old one."""
    target = path.resolve()  # of a link, the file it leads to
    partial = target.with_name(f".{target.name}.partial")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, partial)
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
