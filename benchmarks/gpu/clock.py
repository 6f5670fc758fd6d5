"""Timing work on a device: events where there are any, wall time on the CPU."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

import torch

Work = Callable[[], object]

_UNCOUNTED = 2  # calls: the first loads kernels and fills caches


def time_ms(work: Work, place: torch.device) -> float:
    """Milliseconds of one call, its queued work included; blocks."""
    if place.type != "cuda":
        start_s = time.perf_counter()
        work()
        return (time.perf_counter() - start_s) * 1e3
    begun = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]  # torch's
    done = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]  # torch's
    begun.record()
    work()
    done.record()
    done.synchronize()
    return float(begun.elapsed_time(done))


def interleaved_ms(
    works: Mapping[str, Work], place: torch.device, *, rounds: int, deadline_s: float
) -> dict[str, float]:
    """Median milliseconds of each, taken in turn so that all see the same weather.

    Args:
        works: by name.
        place: where they run.
        rounds: calls of each, after two that do not count; fewer, but one, where time runs out.
        deadline_s: on `time.monotonic`.
    """
    samples: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds + _UNCOUNTED):
        for name, work in works.items():
            samples[name].append(time_ms(work, place))
        if time.monotonic() > deadline_s:
            break
    return {name: statistics.median(_counted(taken)) for name, taken in samples.items()}


def _counted(taken: list[float]) -> list[float]:
    """All but the first calls; where time was too short for more, the last of those."""
    return taken[_UNCOUNTED:] or taken[-1:]
