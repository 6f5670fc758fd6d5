"""How the run stands, for Prometheus: read off the board at every scrape, nothing kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import get_args

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from sinks.web.state import Board, Standing, public_part
from streamer.snapshot import StreamSnapshot, StreamState

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_COUNTERS: tuple[tuple[str, str, Callable[[StreamSnapshot], int]], ...] = (
    ("frames_in", "Frames the source has given.", lambda stream: stream.frames_in),
    ("frames_done", "Frames that have passed every sink.", lambda stream: stream.frames_done),
    ("frames_dropped", "Frames lost on the way.", lambda stream: stream.dropped),
    ("reconnects", "Times a live stream was opened anew.", lambda stream: stream.reconnects),
)


class Metrics(Collector):
    """The text of /metrics, from a registry of its own.

    Args:
        board: of the run.
        viewers: gives back how many look now, and how many were dropped so far.
    """

    def __init__(self, board: Board, viewers: Callable[[], tuple[int, int]]) -> None:
        self._board = board
        self._viewers = viewers
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def text(self) -> bytes:
        """All metrics in the text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """What the registry asks for at a scrape."""
        watching, dropped = self._viewers()
        yield GaugeMetricFamily("streamer_viewers", "Viewers connected.", value=watching)
        yield CounterMetricFamily(
            "streamer_viewers_dropped", "Viewers dropped: they took nothing.", value=dropped
        )
        standing = self._board.standing
        if standing is not None:
            yield from _of_run(standing)


def _of_run(standing: Standing) -> Iterator[Metric]:
    snapshot = standing.snapshot
    seconds = snapshot.elapsed_ns / 1e9
    yield GaugeMetricFamily("streamer_elapsed_seconds", "Since the run began.", value=seconds)
    for name, text, value_of in _COUNTERS:
        counter = CounterMetricFamily(f"streamer_{name}", text, labels=["stream"])
        for stream in snapshot.streams:
            counter.add_metric([stream.stream_id], value_of(stream))
        yield counter
    yield _rates(standing)
    yield _latencies(snapshot.streams)
    yield _states(snapshot.streams)
    total = CounterMetricFamily(
        "streamer_part_seconds", "Time per part of the work.", labels=["part"]
    )
    count = CounterMetricFamily("streamer_part_frames", "Frames per part.", labels=["part"])
    for part, time in snapshot.times.items():
        total.add_metric([public_part(part)], time.total_ns / 1e9)
        count.add_metric([public_part(part)], time.count)
    yield total
    yield count


def _rates(standing: Standing) -> Metric:
    gauge = GaugeMetricFamily(
        "streamer_fps", "Frames done a second, over the last seconds.", labels=["stream"]
    )
    for row in standing.progress:
        if row.rate is not None:
            gauge.add_metric([row.name], row.rate)
    return gauge


def _latencies(streams: tuple[StreamSnapshot, ...]) -> Metric:
    gauge = GaugeMetricFamily(
        "streamer_latency_seconds",
        "Capture to done, over the last frames.",
        labels=["stream", "quantile"],
    )
    for stream in streams:
        for quantile, value_ns in (("0.5", stream.latency_p50_ns), ("0.95", stream.latency_p95_ns)):
            if value_ns is not None:
                gauge.add_metric([stream.stream_id, quantile], value_ns / 1e9)
    return gauge


def _states(streams: tuple[StreamSnapshot, ...]) -> Metric:
    gauge = GaugeMetricFamily(
        "streamer_stream_state", "1 for the state a stream is in.", labels=["stream", "state"]
    )
    for stream in streams:
        known = dict.fromkeys((*get_args(StreamState), stream.state))
        for state in known:
            gauge.add_metric([stream.stream_id, state], float(state == stream.state))
    return gauge
