"""Every sink by name, and how one is asked for: NAME or package.module:Class, then :ARGUMENT."""

from __future__ import annotations

import difflib
import importlib
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from detector.detections import Detections
from sinks.alpha import OverlayConfig
from sinks.desktop.sink import DesktopOverlaySink
from sinks.display import DisplayConfig, DisplaySink
from sinks.events.table import EVENT_SINKS
from sinks.file import FileSink
from sinks.jsonl import JsonlSink
from sinks.kind import BuiltSink, NoConfig, SinkContext, SinkKind, SinkSpec
from sinks.mp4 import FileConfig
from sinks.null import NullSink
from sinks.overlay_file import OverlayFileSink
from sinks.records.table import RECORD_SINKS
from sinks.segments import SegmentsConfig, SegmentsSink
from sinks.stream import StreamConfig, StreamSink, stream_addresses
from sinks.web.config import WebConfig
from streamer.channel import Overflow
from streamer.contract import Sink
from streamer.errors import SinkError

_CLASS_FORM = re.compile(
    r"(?P<module>[A-Za-z_]\w*(\.[A-Za-z_]\w*)+):(?P<cls>[A-Za-z_]\w*)(:(?P<argument>.+))?"
)


def parse_sink(text: str) -> SinkSpec:
    """The sink meant by `NAME[:ARGUMENT]` or `package.module:Class[:ARGUMENT]`.

    >>> parse_sink("null").name
    'null'
    >>> parse_sink("jsonl:out/boxes.jsonl").argument
    'out/boxes.jsonl'

    Raises:
        SinkError: no sink has this name.
    """
    name, _, argument = text.partition(":")
    if name in SINKS:
        return SinkSpec(name, argument or None)
    match = _CLASS_FORM.fullmatch(text)
    if match is None:
        near = difflib.get_close_matches(name, SINKS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "or package.module:Class"
        raise SinkError(f"sink: expected one of {', '.join(SINKS)}, got {name!r}; {hint}")
    return SinkSpec(f"{match['module']}:{match['cls']}", match["argument"])


def build_sinks(spec: SinkSpec, context: SinkContext) -> list[BuiltSink]:
    """The sinks for one spec: one a stream where each stream has an output of its own.

    Raises:
        SinkError: the name, the class or the path will not do.
    """
    kind = SINKS.get(spec.name)
    if kind is None:
        return [BuiltSink(_imported(spec, context), None)]
    return kind.build(spec.argument, context.configs.get(spec.name, kind.config()), context)


def _file_sinks(argument: str | None, config: FileConfig, context: SinkContext) -> list[BuiltSink]:
    """One file a stream. A path with a suffix is the one stream's file, else it is a folder."""
    path = Path(argument) if argument else None
    config = replace(config, overwrite=config.overwrite or context.overwrite)
    folder = path or context.output
    targets = {stream_id: folder / f"{stream_id}.mp4" for stream_id in context.stream_ids}
    if path is not None and path.suffix and not path.is_dir():
        if len(targets) != 1:
            raise SinkError(
                f"sink file: expected a folder for {len(targets)} streams, got {str(path)!r}; "
                "leave the suffix out"
            )
        targets = dict.fromkeys(targets, path)
    return [
        BuiltSink(FileSink(target, context.class_names, config, context.style), stream_id)
        for stream_id, target in targets.items()
    ]


def _jsonl_sinks(argument: str | None, _config: NoConfig, context: SinkContext) -> list[BuiltSink]:
    target = Path(argument) if argument else context.output / "detections.jsonl"
    sink = JsonlSink(
        target, context.class_names, overwrite=context.overwrite, append=context.append
    )
    return [BuiltSink(sink, None, is_grown=context.append)]


def _null_sinks(argument: str | None, _config: NoConfig, _context: SinkContext) -> list[BuiltSink]:
    if argument is not None:
        raise SinkError(f"sink null: expected no path, got {argument!r}; leave it out")
    return [BuiltSink(NullSink(), None)]


def _display_sinks(
    argument: str | None, config: DisplayConfig, context: SinkContext
) -> list[BuiltSink]:
    if argument is not None:
        raise SinkError(f"sink display: expected no more, got {argument!r}; leave it out")
    sink = DisplaySink(
        context.class_names, context.stream_ids, context.output, context.style, config
    )
    return [BuiltSink(sink, None, is_optional=True)]  # its write only keeps a reference


def _overlay_sinks(
    argument: str | None, config: OverlayConfig, context: SinkContext
) -> list[BuiltSink]:
    """`desktop`, a page where the argument is a port, else a file with alpha a stream."""
    if argument == "desktop":
        desktop = DesktopOverlaySink(context.class_names, context.style)
        return [BuiltSink(desktop, None, is_optional=True, overflow=Overflow.DROP_OLDEST)]
    if argument is not None and argument.rpartition(":")[2].isdigit():
        pages = context.configs.get("web", WebConfig())
        return _page_sinks("OverlayPageSink", argument, pages, context)
    config = replace(config, overwrite=config.overwrite or context.overwrite)
    path = Path(argument) if argument else context.output / "overlay.webm"
    targets = dict.fromkeys(context.stream_ids, path)
    if len(targets) > 1:  # x.webm of several streams: x/<stream>.webm
        targets = {each: path.with_suffix("") / f"{each}{path.suffix}" for each in targets}
    return [
        BuiltSink(OverlayFileSink(target, context.class_names, config, context.style), stream_id)
        for stream_id, target in targets.items()
    ]


def _segments_sinks(
    argument: str | None, config: SegmentsConfig, context: SinkContext
) -> list[BuiltSink]:
    folder = Path(argument) if argument else context.output / "segments"
    if config.keep_bytes is not None:  # of all streams together
        config = replace(config, keep_bytes=max(1, config.keep_bytes // len(context.stream_ids)))
    return [
        BuiltSink(
            SegmentsSink(folder / each, each, context.class_names, config, context.style),
            each,
            is_grown=True,
        )
        for each in context.stream_ids
    ]


def _stream_sinks(
    argument: str | None, config: StreamConfig, context: SinkContext
) -> list[BuiltSink]:
    overflow = Overflow.DROP_OLDEST if context.is_live else Overflow.BLOCK
    return [
        BuiltSink(
            StreamSink(address, context.class_names, config, context.style),
            stream_id,
            is_optional=True,
            overflow=overflow,
        )
        for stream_id, address in stream_addresses(argument or "", context.stream_ids).items()
    ]


def _web_sinks(argument: str | None, config: WebConfig, context: SinkContext) -> list[BuiltSink]:
    return _page_sinks("WebSink", argument or "", config, context)


def _page_sinks(kind: str, address: str, config: object, context: SinkContext) -> list[BuiltSink]:
    try:
        module = importlib.import_module("sinks.web.sink")
    except ImportError as error:
        raise SinkError(
            f"sink web: expected its server library, got {error}; pip install -e '.[web]'"
        ) from error
    sink = getattr(module, kind)(address, context.class_names, context.style, config)
    return [BuiltSink(sink, None, is_optional=True)]


def _imported(spec: SinkSpec, context: SinkContext) -> Sink[Detections]:
    """An object of a class outside the table, made with (argument or None, context)."""
    module_name, _, class_name = spec.name.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise SinkError(f"sink {spec.name}: cannot be imported: {error}") from error
    if not isinstance(found, type):  # no function is called because a configuration says so
        raise SinkError(f"sink {spec.name}: expected a class, got {found!r}; name a class")
    methods = ("write", "__enter__", "__exit__")
    if lacking := [part for part in methods if not hasattr(found, part)]:
        raise SinkError(f"sink {spec.name}: expected a sink, but {', '.join(lacking)} is missing")
    sink: Sink[Detections] = found(spec.argument, context)
    if not hasattr(sink, "name"):
        raise SinkError(f"sink {spec.name}: expected a sink, but name is missing")
    return sink


SINKS: Mapping[str, SinkKind] = {
    "file": SinkKind(FileConfig, _file_sinks),
    "jsonl": SinkKind(NoConfig, _jsonl_sinks),
    "null": SinkKind(NoConfig, _null_sinks),
    "display": SinkKind(DisplayConfig, _display_sinks),
    "overlay": SinkKind(OverlayConfig, _overlay_sinks),
    "segments": SinkKind(SegmentsConfig, _segments_sinks),
    "stream": SinkKind(StreamConfig, _stream_sinks),
    "web": SinkKind(WebConfig, _web_sinks),
    **EVENT_SINKS,
    **RECORD_SINKS,
}
