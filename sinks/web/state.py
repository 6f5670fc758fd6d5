"""What the pages show: the newest result of each stream, and how the run stands."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePath

from detector.detections import Detections
from sinks.progress import Progress, Rates
from streamer.clock import Clock, MonotonicClock
from streamer.redact import redact
from streamer.result import Result
from streamer.snapshot import RunSnapshot, StreamSnapshot

# The folders of a path, as in /home/me/gate.mp4; of addresses nothing.
_FOLDERS = re.compile(r"(?<![\w:/.])/(?:[^\s/:]+/)+")

Json = dict[str, object]  # a JSON object

SILENCE_NS = 10_000_000_000  # 10 s without a sign of the main thread: it hangs
STATS_EVERY_NS = 450_000_000  # numbers that change more often than twice a second cannot be read


@dataclass(frozen=True, slots=True, eq=False)
class Newest:
    """A stream's newest result.

    Attributes:
        version: rises with every result of any stream.
        result: the result.
    """

    version: int
    result: Result[Detections]


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """How the run stood when it was last observed.

    Attributes:
        version: rises whenever the numbers are worth showing anew.
        snapshot: as the pipeline gave it.
        progress: one a stream, in the same order.
    """

    version: int
    snapshot: RunSnapshot
    progress: tuple[Progress, ...]


class Board:
    """Where the run pins its news and the server reads them; any thread, never blocking long."""

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._clock = clock or MonotonicClock()
        self._lock = threading.Lock()
        self._newest: Mapping[str, Newest] = {}
        self._count = 0
        self._rates = Rates()
        self._standing: Standing | None = None
        self._shown_ns = self._observed_ns = 0
        self._bell: Callable[[], None] | None = None

    def post(self, result: Result[Detections]) -> None:
        """Take a result; the one before it of the same stream is let go."""
        with self._lock:
            self._count += 1
            entry = Newest(self._count, result)
            self._newest = {**self._newest, result.frame.stream_id: entry}
            self._ring()

    def observe(self, snapshot: RunSnapshot) -> None:
        """Take the state of the run."""
        with self._lock:
            now_ns = self._clock.now_ns()
            self._observed_ns = now_ns
            version = 0 if self._standing is None else self._standing.version
            if not version or now_ns - self._shown_ns >= STATS_EVERY_NS:
                self._shown_ns = now_ns
                version += 1
                self._ring()
            self._standing = Standing(version, snapshot, tuple(self._rates.add(snapshot)))

    def call_once(self, bell: Callable[[], None] | None) -> None:
        """Have `bell` called at the next news, once; None takes it back."""
        with self._lock:
            self._bell = bell

    @property
    def newest(self) -> Mapping[str, Newest]:
        """By stream id; a value that does not change any more."""
        return self._newest

    @property
    def standing(self) -> Standing | None:
        """The latest, or None before the first."""
        return self._standing

    @property
    def is_healthy(self) -> bool:
        """The run reports, and not every stream has failed."""
        with self._lock:
            standing, age_ns = self._standing, self._clock.now_ns() - self._observed_ns
        if standing is None or age_ns > SILENCE_NS:
            return False
        streams = standing.snapshot.streams
        return not streams or any(stream.state != "failed" for stream in streams)

    def _ring(self) -> None:
        bell, self._bell = self._bell, None
        if bell is not None:
            bell()


def streams_json(board: Board) -> list[Json]:
    """One object a stream, in the order of the run; empty before the run has reported."""
    standing = board.standing
    if standing is None:
        return []
    newest = board.newest
    rows = zip(standing.snapshot.streams, standing.progress, strict=True)
    return [_stream_json(stream, row, newest.get(stream.stream_id)) for stream, row in rows]


def stats_json(board: Board) -> Json:
    """The run as a whole; times are milliseconds a frame."""
    standing = board.standing
    if standing is None:
        return {"elapsed_s": 0.0, "streams": 0, "fps": None, "dropped": 0, "times_ms": {}}
    streams = standing.snapshot.streams
    rates = [row.rate for row in standing.progress if row.rate is not None]
    return {
        "elapsed_s": round(standing.snapshot.elapsed_ns / 1e9, 2),
        "streams": len(streams),
        "fps": round(sum(rates), 2) if rates else None,
        "frames_in": sum(stream.frames_in for stream in streams),
        "frames_done": sum(stream.frames_done for stream in streams),
        "dropped": sum(stream.dropped for stream in streams),
        "reconnects": sum(stream.reconnects for stream in streams),
        "times_ms": {
            public_part(part): round(time.mean_ms, 3)
            for part, time in standing.snapshot.times.items()
        },
    }


def _stream_json(stream: StreamSnapshot, progress: Progress, newest: Newest | None) -> Json:
    info = stream.info
    return {
        "stream_id": stream.stream_id,
        "name": stream.stream_id if info is None else _public_name(info.name),
        "state": stream.state,
        "is_live": info is not None and info.is_live,
        "fps": None if progress.rate is None else round(progress.rate, 2),
        "frames_in": stream.frames_in,
        "frames_done": stream.frames_done,
        "frames_expected": progress.expected,
        "dropped": stream.dropped,
        "reconnects": stream.reconnects,
        "latency_p50_ms": _ms(stream.latency_p50_ns),
        "latency_p95_ms": _ms(stream.latency_p95_ns),
        "boxes": None if newest is None else len(newest.result.detections),
        "error": None if stream.error is None else _FOLDERS.sub("", redact(stream.error)),
    }


def _public_name(name: str) -> str:
    """Addresses without secrets, files without their folders."""
    return redact(name) if "://" in name else PurePath(name).name or name


def public_part(part: str) -> str:
    """A part of the work; of a sink such as `file out/gate.mp4` without the folders."""
    kind, _, target = part.partition(" ")
    return f"{kind} {_public_name(target)}" if target else redact(part)


def _ms(time_ns: int | None) -> float | None:
    return None if time_ns is None else round(time_ns / 1e6, 1)
