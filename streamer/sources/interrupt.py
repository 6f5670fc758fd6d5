"""Ends a thread's blocking FFmpeg call at a deadline, or at once when another thread says so.

While FFmpeg waits for a peer it asks a callback several times a second whether to go on. PyAV's
callback compares `time.monotonic()`, looked up in its own module, with the container's time-out,
and offers nothing to end a wait early or to move its end. So that module gets a clock that behaves,
except in a thread whose wait is over: there every look at it is far later than the one before.
PyAV's own time-outs stay set behind it, should a later PyAV look at another clock.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

LEAP_S = 1e6  # beyond every time-out

_INSTALLING = threading.Lock()


class Interrupt:
    """Says when the waits of one source are over; made for one reader and any stopper."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._deadline_s = math.inf
        self._looks = 0

    def stop(self) -> None:
        """End the wait at hand and all later ones; any thread."""
        self._stop.set()

    @property
    def is_stopped(self) -> bool:
        """`stop` was called."""
        return self._stop.is_set()

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Let FFmpeg calls of this thread wait that long in all, within the block."""
        clock = _watched_clock()
        self._deadline_s = time.monotonic() + seconds
        clock.watch(self)
        try:
            yield
        finally:
            clock.watch(None)

    @property
    def is_over(self) -> bool:
        """Stopped, or the last `within` has run out of time."""
        return self._stop.is_set() or time.monotonic() > self._deadline_s

    def now_s(self) -> float:
        """The time, which leaps ahead at every look once the wait is over."""
        if not self.is_over:
            return time.monotonic()
        self._looks += 1
        return time.monotonic() + self._looks * LEAP_S


class _WatchedClock:
    """Stands in for the `time` module inside PyAV; only a watched thread sees a difference."""

    def __init__(self) -> None:
        self._watched = threading.local()

    def watch(self, interrupt: Interrupt | None) -> None:
        """From here on this thread's waits end when `interrupt` says so."""
        self._watched.interrupt = interrupt

    def monotonic(self) -> float:
        """Seconds."""
        interrupt: Interrupt | None = getattr(self._watched, "interrupt", None)
        return time.monotonic() if interrupt is None else interrupt.now_s()


def _watched_clock() -> _WatchedClock:
    """The clock inside PyAV, put there at the first call."""
    import av.container.core as core  # late: importing PyAV costs start-up

    with _INSTALLING:
        clock = vars(core).get("time")
        if not isinstance(clock, _WatchedClock):
            clock = _WatchedClock()
            core.time = clock  # type: ignore[attr-defined]  # not in the stub: it is PyAV's own
        return clock
