"""The sinks whose records other programs read, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sinks.kind import BuiltSink, SinkContext, SinkKind
from sinks.records.coco import CocoSink
from sinks.records.each_stream import file_of_each
from sinks.records.mot import MotSink
from sinks.records.yolo import YoloSink


@dataclass(frozen=True, slots=True)
class RecordsConfig:
    """How records are written.

    Attributes:
        overwrite: replace files that exist.
    """

    overwrite: bool = False


def _mot_sinks(
    argument: str | None, config: RecordsConfig, context: SinkContext
) -> list[BuiltSink]:
    overwrite = config.overwrite or context.overwrite
    targets = file_of_each("mot", argument, context.output / "mot", ".txt", context.stream_ids)
    return [
        BuiltSink(MotSink(path, overwrite=overwrite), stream_id)
        for stream_id, path in targets.items()
    ]


def _coco_sinks(
    argument: str | None, config: RecordsConfig, context: SinkContext
) -> list[BuiltSink]:
    target = Path(argument) if argument else context.output / "coco.json"
    overwrite = config.overwrite or context.overwrite
    return [BuiltSink(CocoSink(target, context.class_names, overwrite=overwrite), None)]


def _yolo_sinks(
    argument: str | None, config: RecordsConfig, context: SinkContext
) -> list[BuiltSink]:
    folder = Path(argument) if argument else context.output / "labels"
    overwrite = config.overwrite or context.overwrite
    return [BuiltSink(YoloSink(folder, context.class_names, overwrite=overwrite), None)]


RECORD_SINKS: Mapping[str, SinkKind] = {
    "mot": SinkKind(RecordsConfig, _mot_sinks),
    "coco": SinkKind(RecordsConfig, _coco_sinks),
    "yolo": SinkKind(RecordsConfig, _yolo_sinks),
}
