"""The console for machines (`--json-log`): one JSON object a line, and nothing else."""

from __future__ import annotations

import io
import json
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, cast

from sinks.load import Load, load_of, worked
from sinks.progress import Progress, Rates
from sinks.standing import Standing
from sinks.terminal import Terminal, silence
from streamer.redact import redact, redact_tree
from streamer.snapshot import RunSnapshot, StreamSnapshot

QUIET_EVENTS = ("error",)  # what is told in any case


class JsonTerminal(Terminal):
    """Writes an event a line; whatever is printed on it becomes one, too. Any thread.

    Args:
        file: where to.
        is_quiet: only errors.
    """

    def __init__(self, file: IO[str], *, is_quiet: bool = False) -> None:
        lines = cast("IO[str]", _Lines(self))  # it writes, and no more is asked of it
        super().__init__(
            file=lines, force_terminal=False, color_system=None, width=1000, quiet=is_quiet
        )
        self._to = file
        self._write_lock = threading.Lock()

    def event(self, kind: str, **fields: object) -> None:
        """Write {"event": kind, "time": ..., **fields}; strings lose their secrets."""
        if self.quiet and kind not in QUIET_EVENTS:
            return
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        told = redact_tree({"event": kind, "time": now, **fields})
        line = json.dumps(told) + "\n"
        with self._write_lock:
            try:
                self._to.write(line)
                self._to.flush()
            except BrokenPipeError:  # nobody reads any more
                with suppress(OSError, ValueError):
                    silence(self._to)

    def say(self, text: str) -> None:
        """An event with this message."""
        self.event("message", message=text)

    def fail(self, text: str) -> None:
        """An event with this error."""
        self.event("error", message=redact(text))

    def relay(self, level: str, logger: str, text: str) -> None:
        """An event with this log record."""
        kind = "error" if level in ("error", "critical") else "log"
        self.event(kind, level=level, logger=logger, message=redact(text))


def open_screen(typed: Sequence[str]) -> Terminal:
    """The console on standard error that the options ask for, whatever else is wrong with them."""
    is_quiet = "--quiet" in typed
    if "--json-log" in typed:
        return JsonTerminal(sys.stderr, is_quiet=is_quiet)
    return Terminal(stderr=True, highlight=False, quiet=is_quiet)


class JsonView:
    """Tells how a run goes: its start, every few seconds its state, and each stream's changes.

    Args:
        console: to tell it on.
        every_ns: between two states.
    """

    def __init__(self, console: JsonTerminal, every_ns: int) -> None:
        self._console = console
        self._every_ns = every_ns
        self._next_ns: int | None = None
        self._states: dict[str, str] = {}

    def start(self) -> None:
        """Nothing is known yet."""

    def show(self, standing: Standing, snapshot: RunSnapshot) -> None:
        """Tell what is new."""
        if self._next_ns is None:
            self._next_ns = self._every_ns
            self._console.event("start", streams=[each.stream_id for each in snapshot.streams])
        for stream in snapshot.streams:
            self._tell_change(stream)
        if snapshot.elapsed_ns >= self._next_ns:
            self._next_ns = snapshot.elapsed_ns + self._every_ns
            self._console.event("state", **state_fields(standing, snapshot))

    def end(self) -> None:
        """`show_end` tells the end, when all is written."""

    def _tell_change(self, stream: StreamSnapshot) -> None:
        was = self._states.get(stream.stream_id)
        if stream.state == was:
            return
        self._states[stream.stream_id] = stream.state
        self._console.event(
            "stream",
            stream_id=stream.stream_id,
            state=stream.state,
            was=was,
            reconnects=stream.reconnects,
            error=stream.error,
        )


def show_end(
    console: Terminal, snapshot: RunSnapshot, sink_names: Sequence[str], written: Sequence[Path]
) -> None:
    """Tell how a run ended, if `console` is for machines; to be called once all is written."""
    if isinstance(console, JsonTerminal):
        standing = Standing(Rates().add(snapshot), load_of(snapshot, sink_names))
        times = {
            part: {"mean_ms": round(time.mean_ms, 3), "frames": time.count}
            for part, time in worked(snapshot).items()
        }
        fields = state_fields(standing, snapshot)
        console.event("end", **fields, times=times, written=[str(path) for path in written])


def state_fields(standing: Standing, snapshot: RunSnapshot) -> Mapping[str, object]:
    """A standing as plain data; times are milliseconds, rates frames a second."""
    gpu = standing.gpu
    return {
        "elapsed_s": round(snapshot.elapsed_ns / 1e9, 3),
        "streams": [_stream_fields(stream) for stream in standing.streams],
        "load": None if standing.load is None else load_fields(standing.load),
        "gpu": None
        if gpu is None
        else {"busy": gpu.busy, "used_bytes": gpu.used_bytes, "total_bytes": gpu.total_bytes},
    }


def load_fields(load: Load) -> Mapping[str, object]:
    """A load as plain data; shares of the time, in 0..1."""
    return {
        "shares": {part: round(share, 4) for part, share in load.shares},
        "busiest": load.busiest,
        "share": round(load.share, 4),
        "keeps_up": load.keeps_up,
        "dropped": round(load.dropped, 4),
    }


def _stream_fields(stream: Progress) -> dict[str, object]:
    return {
        "stream_id": stream.name,
        "state": stream.state,
        "frames": stream.done,
        "expected": stream.expected,
        "fps_in": _rounded(stream.rate_in),
        "fps_out": _rounded(stream.rate),
        "latency_p50_ms": _ms(stream.latency_p50_ns),
        "latency_p95_ms": _ms(stream.latency_p95_ns),
        "dropped": stream.dropped,
        "reconnects": stream.reconnects,
        "error": stream.trouble,
    }


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 2)


def _ms(time_ns: int | None) -> float | None:
    return None if time_ns is None else round(time_ns / 1e6, 2)


class _Lines(io.TextIOBase):
    """A file for what others print: every line becomes a message."""

    def __init__(self, terminal: JsonTerminal) -> None:
        self._terminal = terminal
        self._rest = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            if line.strip():
                self._terminal.event("message", message=line.rstrip())
        return len(text)
