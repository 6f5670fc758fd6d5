"""How a run stands at one moment, and how it ended: values for consoles and summaries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from streamer.frame import StreamInfo
from streamer.stats import StageTime

StreamState = Literal[
    "opening", "running", "ended", "failed", "connecting", "live", "stalled", "retrying"
]


@dataclass(frozen=True, slots=True)
class StreamSnapshot:
    """One stream.

    Attributes:
        stream_id: of the stream.
        state: "ended" only once every accepted frame has reached every sink. Streams that
            reconnect are "connecting", "live", "stalled" or "retrying" meanwhile.
        info: what the source said when it opened, or None before.
        frames_in: frames the source has given.
        frames_done: frames that have passed every sink.
        dropped: frames given but replaced by newer ones, or lost by a sink that gave up.
        latency_p50_ns: capture to done over the last frames, or None before the first.
        latency_p95_ns: likewise.
        error: one line saying why it failed, or what it is retried for, or None.
        reconnects: times it came back after having been lost.
    """

    stream_id: str
    state: StreamState
    info: StreamInfo | None
    frames_in: int
    frames_done: int
    dropped: int
    latency_p50_ns: int | None
    latency_p95_ns: int | None
    error: str | None
    reconnects: int = 0


@dataclass(frozen=True, slots=True)
class RunSnapshot:
    """The whole run.

    Attributes:
        elapsed_ns: since the run began.
        streams: in the order the sources were given.
        times: wall time per part: "decode", the detector's own parts, then a row a sink. Parts
            overlap, so their sum exceeds the elapsed time.
    """

    elapsed_ns: int
    streams: tuple[StreamSnapshot, ...]
    times: Mapping[str, StageTime]
