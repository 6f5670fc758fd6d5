"""Counters and times of a run, cheap enough to be always on."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StageTime:
    """What one part of the work took so far.

    Attributes:
        total_ns: nanoseconds, summed.
        count: frames (or calls) it covers.
        threads: how many have had a share in it; each is busy for at most the time that goes by.
    """

    total_ns: int = 0
    count: int = 0
    threads: int = 1

    @property
    def mean_ms(self) -> float:
        """Milliseconds a frame; 0 before the first."""
        return self.total_ns / self.count / 1e6 if self.count else 0.0


class StageTimes:
    """Time spent per named part; any thread may add, any thread may read.

    >>> times = StageTimes()
    >>> times.add("network", 3_000_000, count=2)
    >>> times.snapshot()["network"].mean_ms
    1.5
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._parts: dict[str, StageTime] = {}
        self._threads: dict[str, set[int]] = {}  # who has booked on a part

    def add(self, part: str, elapsed_ns: int, *, count: int = 1) -> None:
        """Book `elapsed_ns`, spent by the calling thread, on `part`."""
        with self._lock:
            old = self._parts.get(part, StageTime())
            threads = self._threads.setdefault(part, set())
            threads.add(threading.get_ident())
            self._parts[part] = StageTime(
                old.total_ns + elapsed_ns, old.count + count, len(threads)
            )

    def clear(self) -> None:
        """Forget everything that was booked."""
        with self._lock:
            self._parts.clear()
            self._threads.clear()

    @contextmanager
    def measure(self, part: str, *, count: int = 1) -> Iterator[None]:
        """Book the wall time of the block on `part`."""
        start_ns = time.perf_counter_ns()
        try:
            yield
        finally:
            self.add(part, time.perf_counter_ns() - start_ns, count=count)

    def snapshot(self) -> Mapping[str, StageTime]:
        """A copy, in the order the parts first appeared."""
        with self._lock:
            return dict(self._parts)


class Latency:
    """Percentiles over the last `window` samples; any thread may add, any thread may read.

    >>> latency = Latency(window=4)
    >>> for sample_ns in (9, 1, 2, 3, 4):
    ...     latency.add(sample_ns)
    >>> latency.percentile_ns(50), latency.percentile_ns(100)
    (2, 4)
    """

    def __init__(self, *, window: int = 1000) -> None:
        self._lock = threading.Lock()
        self._samples: deque[int] = deque(maxlen=window)

    def add(self, sample_ns: int) -> None:
        """Take one sample, nanoseconds."""
        with self._lock:
            self._samples.append(sample_ns)

    def percentile_ns(self, percent: float) -> int | None:
        """The smallest sample that `percent` of them do not exceed, or None before the first."""
        with self._lock:
            ordered = sorted(self._samples)
        if not ordered:
            return None
        rank = max(1, -(-len(ordered) * percent // 100))  # nearest rank, counted from 1
        return ordered[int(rank) - 1]
