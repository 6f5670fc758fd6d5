"""What is asked for as a sink, what a sink may know, and what is made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from detector.detections import Detections
from sinks.annotate import Style
from streamer.channel import Overflow
from streamer.contract import Sink


@dataclass(frozen=True, slots=True)
class SinkSpec:
    """One sink as a person asked for it.

    Attributes:
        name: a key of SINKS, or `package.module:Class`.
        argument: what stands behind the name: a path, a port, an address; None for the sink's
            own choice.
    """

    name: str
    argument: str | None = None


@dataclass(frozen=True, slots=True)
class SinkContext:
    """What a sink may know of the run.

    Attributes:
        output: the run's folder.
        stream_ids: of all streams, each usable as a file name.
        class_names: of the detector.
        style: how results look.
        overwrite: replace files that exist.
        append: go on at the end of files that can be gone on with.
        is_live: all streams are live, so that a sink that cannot keep up must drop.
        configs: a config per sink name; a missing one is the default.
    """

    output: Path
    stream_ids: Sequence[str]
    class_names: Sequence[str]
    style: Style = field(default_factory=Style)
    overwrite: bool = False
    append: bool = False
    is_live: bool = False
    configs: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class BuiltSink:
    """A sink and whom it serves.

    Attributes:
        sink: not yet entered.
        stream_id: the one stream whose results it takes, or None for all.
        is_optional: its failure costs only its own data.
        overflow: what happens when it is slower than the detector.
        is_grown: what is at its target already is added to, and never replaced.
    """

    sink: Sink[Detections]
    stream_id: str | None
    is_optional: bool = False
    overflow: Overflow = Overflow.BLOCK
    is_grown: bool = False


@dataclass(frozen=True, slots=True)
class NoConfig:
    """Nothing to choose."""


@dataclass(frozen=True, slots=True)
class SinkKind:
    """A line of the table.

    Attributes:
        config: the class of its config.
        build: (argument or None, config, context) -> the sinks, not yet entered.
    """

    config: Callable[[], Any]  # a dataclass with defaults for all fields
    build: Callable[[str | None, Any, SinkContext], list[BuiltSink]]
