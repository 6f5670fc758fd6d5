"""The sinks whose records other programs read, by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sinks.kind import BuiltSink, NoConfig, SinkContext, SinkKind
from sinks.records.coco import CocoSink
from sinks.records.each_stream import file_of_each
from sinks.records.mot import MotSink
from sinks.records.yolo import YoloSink


def _mot_sinks(argument: str | None, _config: NoConfig, context: SinkContext) -> list[BuiltSink]:
    targets = file_of_each("mot", argument, context.output / "mot", ".txt", context.stream_ids)
    return [
        BuiltSink(MotSink(path, overwrite=context.overwrite), stream_id)
        for stream_id, path in targets.items()
    ]


def _coco_sinks(argument: str | None, _config: NoConfig, context: SinkContext) -> list[BuiltSink]:
    target = Path(argument) if argument else context.output / "coco.json"
    return [BuiltSink(CocoSink(target, context.class_names, overwrite=context.overwrite), None)]


def _yolo_sinks(argument: str | None, _config: NoConfig, context: SinkContext) -> list[BuiltSink]:
    folder = Path(argument) if argument else context.output / "labels"
    return [BuiltSink(YoloSink(folder, context.class_names, overwrite=context.overwrite), None)]


RECORD_SINKS: Mapping[str, SinkKind] = {
    "mot": SinkKind(NoConfig, _mot_sinks),
    "coco": SinkKind(NoConfig, _coco_sinks),
    "yolo": SinkKind(NoConfig, _yolo_sinks),
}
