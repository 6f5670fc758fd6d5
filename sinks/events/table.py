"""The sinks that take what happened rather than pictures, by name."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path

from sinks.events.clips import ClipsConfig, ClipsSink
from sinks.events.database import DatabaseSink
from sinks.events.heat import HeatmapSink
from sinks.events.lines import EventLinesSink
from sinks.events.mqtt_config import MqttConfig
from sinks.events.sending import SendingSink
from sinks.events.spreadsheet import CSV_LINES
from sinks.events.webhook import WebhookConfig, WebhookCourier
from sinks.kind import BuiltSink, NoConfig, SinkContext, SinkKind
from streamer.errors import SinkError


def _lines_sinks(argument: str | None, _config: NoConfig, context: SinkContext) -> list[BuiltSink]:
    target = Path(argument) if argument else context.output / "events.jsonl"
    sink = EventLinesSink(target, overwrite=context.overwrite, append=context.append)
    return [BuiltSink(sink, None, is_grown=context.append)]


def _csv_sinks(argument: str | None, _config: NoConfig, context: SinkContext) -> list[BuiltSink]:
    target = Path(argument) if argument else context.output / "events.csv"
    sink = EventLinesSink(target, CSV_LINES, overwrite=context.overwrite, append=context.append)
    return [BuiltSink(sink, None, is_grown=context.append)]


def _database_sinks(
    argument: str | None, _config: NoConfig, context: SinkContext
) -> list[BuiltSink]:
    target = Path(argument) if argument else context.output / "events.sqlite"
    sink = DatabaseSink(target, overwrite=context.overwrite, append=context.append)
    return [BuiltSink(sink, None, is_grown=context.append)]


def _clips_sinks(
    argument: str | None, config: ClipsConfig, context: SinkContext
) -> list[BuiltSink]:
    """A folder a stream."""
    folder = Path(argument) if argument else context.output / "clips"
    return [
        BuiltSink(
            ClipsSink(folder / each, each, context.class_names, config, context.style),
            each,
            is_grown=True,
        )
        for each in context.stream_ids
    ]


def _heatmap_sinks(
    argument: str | None, _config: NoConfig, context: SinkContext
) -> list[BuiltSink]:
    folder = Path(argument) if argument else context.output / "heatmaps"
    return [BuiltSink(HeatmapSink(folder, overwrite=context.overwrite), None)]


def _webhook_sinks(
    argument: str | None, config: WebhookConfig, _context: SinkContext
) -> list[BuiltSink]:
    url = argument or ""
    courier = WebhookCourier(url, config)
    return [BuiltSink(SendingSink("webhook", url, courier, config.delivery), None)]


def _mqtt_sinks(argument: str | None, config: MqttConfig, _context: SinkContext) -> list[BuiltSink]:
    try:
        courier = importlib.import_module("sinks.events.mqtt").MqttCourier(argument or "", config)
    except ImportError as error:
        raise SinkError(
            f"sink mqtt: expected its client library, got {error}; pip install -e '.[mqtt]'"
        ) from error
    sink = SendingSink("mqtt", argument or "", courier, config.delivery)
    courier.on_lost = sink.wake
    return [BuiltSink(sink, None)]


EVENT_SINKS: Mapping[str, SinkKind] = {
    "events": SinkKind(NoConfig, _lines_sinks),
    "csv": SinkKind(NoConfig, _csv_sinks),
    "heatmap": SinkKind(NoConfig, _heatmap_sinks),
    "clips": SinkKind(ClipsConfig, _clips_sinks),
    "sqlite": SinkKind(NoConfig, _database_sinks),
    "webhook": SinkKind(WebhookConfig, _webhook_sinks),
    "mqtt": SinkKind(MqttConfig, _mqtt_sinks),
}
