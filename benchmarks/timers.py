"""How late this machine wakes who sleeps: what every figure that is measured here has to bear."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

_NAP_S = 0.002


@dataclass(frozen=True, slots=True)
class Timers:
    """Milliseconds too late.

    Attributes:
        sleep_p50_ms: after `time.sleep`.
        sleep_p99_ms: likewise.
        wait_p50_ms: after a wait on an event with a time-out.
        wait_p99_ms: likewise.
        hand_over_p50_ms: from one thread's `set` until the other runs.
        hand_over_p99_ms: likewise.
        load: processes that wanted a core, mean of the last minute; None where nobody counts.
        cores: there are.
    """

    sleep_p50_ms: float
    sleep_p99_ms: float
    wait_p50_ms: float
    wait_p99_ms: float
    hand_over_p50_ms: float
    hand_over_p99_ms: float
    load: float | None
    cores: int

    def __str__(self) -> str:
        """One line."""
        return (
            f"woken late by (p50, p99): sleep {self.sleep_p50_ms:.2f}, {self.sleep_p99_ms:.2f} ms; "
            f"wait {self.wait_p50_ms:.2f}, {self.wait_p99_ms:.2f} ms; another thread "
            f"{self.hand_over_p50_ms:.2f}, {self.hand_over_p99_ms:.2f} ms; "
            f"{load_in_words()}"
        )


def measure(*, rounds: int) -> Timers:
    """Sleep and wait so often."""
    never = threading.Event()
    sleeps = [_late_ms(time.sleep) for _ in range(rounds)]
    waits = [_late_ms(never.wait) for _ in range(rounds)]
    sleep_p50, sleep_p99 = np.percentile(sleeps, (50, 99))
    wait_p50, wait_p99 = np.percentile(waits, (50, 99))
    hand_over_p50, hand_over_p99 = np.percentile(_hand_overs_ms(rounds), (50, 99))
    return Timers(
        sleep_p50_ms=float(sleep_p50),
        sleep_p99_ms=float(sleep_p99),
        wait_p50_ms=float(wait_p50),
        wait_p99_ms=float(wait_p99),
        hand_over_p50_ms=float(hand_over_p50),
        hand_over_p99_ms=float(hand_over_p99),
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        cores=os.cpu_count() or 1,
    )


def load_in_words() -> str:
    """Processes that wanted a core over the last minute, and how many cores there are."""
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return f"load {load} on {os.cpu_count()} cores"


def _late_ms(nap: Callable[[float], object]) -> float:
    start_s = time.perf_counter()
    nap(_NAP_S)
    return (time.perf_counter() - start_s - _NAP_S) * 1e3


def _hand_overs_ms(rounds: int) -> list[float]:
    """Two threads that wake each other in turn."""
    there, back = threading.Event(), threading.Event()
    woken_s = [0.0]

    def answer() -> None:
        for _ in range(rounds):
            there.wait()
            woken_s[0] = time.perf_counter()
            there.clear()
            back.set()

    other = threading.Thread(target=answer, name="other")
    other.start()
    taken = []
    for _ in range(rounds):
        start_s = time.perf_counter()
        there.set()
        back.wait()
        back.clear()
        taken.append((woken_s[0] - start_s) * 1e3)
    other.join()
    return taken
