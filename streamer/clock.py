"""Where durations come from, so that a test can own time."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """A clock that never jumps."""

    def now_ns(self) -> int:
        """Nanoseconds since some fixed moment."""
        ...


class MonotonicClock:
    """The machine's monotonic clock."""

    def now_ns(self) -> int:
        """Nanoseconds since some fixed moment, usually the machine's start."""
        return time.monotonic_ns()


class ManualClock:
    """A clock that moves only when told, for tests.

    >>> clock = ManualClock(start_ns=5)
    >>> clock.advance(10)
    >>> clock.now_ns()
    15
    """

    def __init__(self, *, start_ns: int = 0) -> None:
        self._now_ns = start_ns

    def now_ns(self) -> int:
        """Nanoseconds, as last set."""
        return self._now_ns

    def advance(self, step_ns: int) -> None:
        """Move on by `step_ns` nanoseconds."""
        self._now_ns += step_ns
