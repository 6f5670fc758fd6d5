"""How a live stream fares, for whoever watches."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Literal

from streamer.clock import Clock, MonotonicClock

HealthState = Literal["connecting", "live", "stalled", "retrying", "failed"]

STALL_INTERVALS = 5  # missing frames in a row that a person would call a standstill
SHORTEST_STALL_NS = 1_000_000_000  # 1 s: a hiccup of a fast camera is none


@dataclass(frozen=True, slots=True)
class HealthSnapshot:
    """A live stream at one moment.

    Attributes:
        state: "stalled" is connected without a frame for 5 usual intervals (at least 1 s);
            "retrying" has lost the connection or never got one; "failed" tries no more.
        reconnects: times it came back after having been lost.
        error: one line saying what was wrong last, without secrets; None if nothing ever was.
    """

    state: HealthState
    reconnects: int
    error: str | None


class Health:
    """Written by the thread that reads the source, read by any.

    Args:
        clock: tells a standstill from a pause between frames.
    """

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._clock = clock or MonotonicClock()
        self._lock = threading.Lock()
        self._state: HealthState = "connecting"
        self._reconnects = 0
        self._error: str | None = None
        self._waiting_since_ns: int | None = None
        self._patience_ns = SHORTEST_STALL_NS

    def connected(self, *, is_again: bool) -> None:
        """The stream is there, for the first time or `is_again`."""
        with self._lock:
            self._state = "live"
            self._reconnects += is_again

    def waiting(self, *, interval_ns: int) -> None:
        """The next frame is being waited for; they usually come every `interval_ns`."""
        with self._lock:
            self._waiting_since_ns = self._clock.now_ns()
            self._patience_ns = max(SHORTEST_STALL_NS, STALL_INTERVALS * interval_ns)

    def received(self) -> None:
        """A frame has come."""
        with self._lock:
            self._waiting_since_ns = None

    def lost(self, error: str) -> None:
        """No connection; it will be tried again."""
        self._end("retrying", error)

    def failed(self, error: str) -> None:
        """No connection, and no more tries."""
        self._end("failed", error)

    def snapshot(self) -> HealthSnapshot:
        """How it stands; any thread."""
        with self._lock:
            state = "stalled" if self._is_stalled() else self._state
            return HealthSnapshot(state, self._reconnects, self._error)

    def _end(self, state: HealthState, error: str) -> None:
        with self._lock:
            self._state, self._error = state, error
            self._waiting_since_ns = None

    def _is_stalled(self) -> bool:
        if self._state != "live" or self._waiting_since_ns is None:
            return False
        return self._clock.now_ns() - self._waiting_since_ns > self._patience_ns
