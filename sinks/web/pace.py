"""How often pictures go out: as often as wanted, unless that would take the machine from others."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

RESERVE = 0.25  # idle that even a busy pipeline leaves between its steps, and needs
OF_IDLE = 0.5  # of what is idle beyond that: the rest stays for whoever wakes up
MOST = 0.5  # processors: more would keep the interpreter's lock from the detector's thread
LOOK_EVERY_NS = 500_000_000  # the kernel counts in hundredths of a second

_STAT = Path("/proc/stat")


class Pace:
    """Spaces rounds so that they stay within a share of the machine, and within what is idle.

    Args:
        fps: rounds a second at most.
        share: of all processors together that may always be taken, in (0, 1].
        processors: that this process may use.
        idle: gives the share of all processors that nobody uses, in [0, 1].

    >>> pace = Pace(25, 0.04, processors=2, idle=lambda: 0.0)
    >>> pace.pause_s(1_000_000), pace.pause_s(16_000_000)  # 16 ms of work, 8 % of a processor
    (0.04, 0.2)
    """

    def __init__(
        self, fps: float, share: float, *, processors: int, idle: Callable[[], float]
    ) -> None:
        self._fps = fps
        self._share = share
        self._processors = processors
        self._idle = idle

    def pause_s(self, took_ns: int) -> float:
        """Seconds from the start of a round that took so much processor time to the next."""
        sure = self._share * self._processors
        spare = OF_IDLE * max(0.0, self._idle() - RESERVE) * self._processors
        allowed = max(sure, min(sure + spare, MOST))
        return max(1 / self._fps, took_ns / 1e9 / allowed)


class IdleMeter:
    """What share of the machine nobody uses, as the kernel counts it; 0 where it does not tell."""

    def __init__(self) -> None:
        self._looked_ns = 0
        self._before = (0, 0)
        self._share = 0.0

    def __call__(self) -> float:
        """The share over the time since the last look, in [0, 1]; looks twice a second at most."""
        now_ns = time.monotonic_ns()
        if now_ns - self._looked_ns >= LOOK_EVERY_NS:
            self._looked_ns = now_ns
            idle, total = _ticks()
            passed = total - self._before[1]
            self._share = (idle - self._before[0]) / passed if passed > 0 else 0.0
            self._before = (idle, total)
        return self._share


def processors() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _ticks() -> tuple[int, int]:
    """Idle and all ticks of all processors since the start; Linux only, zeros elsewhere.

    Source: proc_stat(5): user, nice, system, idle, iowait, ...; waiting for a disk is idle too.
    """
    try:
        counts = [int(word) for word in _STAT.read_text().split("\n", 1)[0].split()[1:9]]
    except (OSError, ValueError):
        return 0, 0
    return sum(counts[3:5]), sum(counts)
