"""How many pictures go through the network at once: measured on the spot, then chosen.

More pictures a batch keep a device busier, up to a point; beyond it they only wait for each other.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np

from detector.buckets import LARGEST, bucket_sizes
from detector.geometry import Placement
from detector.program import Executor
from streamer.clock import Clock, MonotonicClock
from streamer.frame import Frame, StreamInfo
from streamer.picture import BgrPicture

logger = logging.getLogger(__name__)

TOLERANCE = 0.05  # of the best rate, for which nobody shall wait longer
_ROUNDS = 3  # batches that are timed for each place in flight
_SLOW_MS = 2000.0  # a size that takes longer is not timed further, and none larger is tried


def choose_batch(batch_ms: Mapping[int, float], *, budget_ms: float) -> int:
    """The smallest batch within TOLERANCE of the best rate, of those that keep the budget.

    Args:
        batch_ms: milliseconds a batch of each size takes, from one of them to the next.
        budget_ms: longest that a batch may take; where none is so fast, the smallest is chosen.

    Raises:
        ValueError: nothing was measured.

    >>> choose_batch({1: 2.0, 2: 2.4, 4: 3.2, 8: 6.2, 16: 12.0}, budget_ms=50)
    8
    >>> choose_batch({1: 2.0, 2: 2.4, 4: 3.2, 8: 6.2, 16: 12.0}, budget_ms=5)
    4
    """
    if not batch_ms:
        raise ValueError("batch_ms: expected at least one size, got none")
    rates = {size: size / ms for size, ms in batch_ms.items() if ms <= budget_ms}
    if not rates:
        return min(batch_ms)
    best = max(rates.values())
    return min(size for size, rate in rates.items() if rate >= (1 - TOLERANCE) * best)


def measure_batches(
    executor: Executor,
    place: Placement,
    *,
    budget_ms: float,
    clock: Clock | None = None,
) -> dict[int, float]:
    """Milliseconds a batch, by size, with as many in flight as the executor likes.

    Sizes rise until one breaks the budget or takes seconds. The first batches of a size, in which
    programs are made ready, do not count.

    Args:
        executor: used by nobody else meanwhile.
        place: of the pictures in the network's input; they are noise of that size.
        budget_ms: longest that a batch may take.
        clock: to measure by.
    """
    measured: dict[int, float] = {}
    frame = _noise_frame(place)
    for size in bucket_sizes(LARGEST):
        frames = [frame] * size
        measured[size] = _batch_ms(executor, frames, [place] * size, clock or MonotonicClock())
        if measured[size] > budget_ms or measured[size] > _SLOW_MS:
            break
    return measured


def measured_batch(executor: Executor, place: Placement, *, budget_ms: float) -> int:
    """The batch to use, as `choose_batch` takes it from `measure_batches`; says so in one line."""
    batch_ms = measure_batches(executor, place, budget_ms=budget_ms)
    chosen = choose_batch(batch_ms, budget_ms=budget_ms)
    rates = ", ".join(f"{size}: {size / ms * 1e3:.0f}" for size, ms in batch_ms.items())
    logger.info("batches of %d; pictures a second by size: %s", chosen, rates)
    return chosen


def make_ready(executor: Executor, place: Placement, *, most: int) -> None:
    """Have everything made that batches of up to `most` pictures need; blocks."""
    frame = _noise_frame(place)
    for size in bucket_sizes(min(most, LARGEST)):
        in_flight = [executor.submit([frame] * size, [place] * size) for _ in range(executor.depth)]
        for pending in in_flight:
            pending.wait()


def _batch_ms(
    executor: Executor, frames: Sequence[Frame], places: Sequence[Placement], clock: Clock
) -> float:
    depth = executor.depth
    first_ms = _alone_ms(executor, frames, places, clock)
    if first_ms > _SLOW_MS:  # all of it may be making ready: kernels are loaded and compiled
        first_ms = _alone_ms(executor, frames, places, clock)
    if first_ms > _SLOW_MS:
        return first_ms
    for pending in [executor.submit(frames, places) for _ in range(depth)]:
        pending.wait()
    count = _ROUNDS * depth
    start_ns = clock.now_ns()
    in_flight = [executor.submit(frames, places) for _ in range(depth)]
    for _ in range(count - depth):
        in_flight.pop(0).wait()
        in_flight.append(executor.submit(frames, places))
    for pending in in_flight:
        pending.wait()
    return (clock.now_ns() - start_ns) / count / 1e6


def _alone_ms(
    executor: Executor, frames: Sequence[Frame], places: Sequence[Placement], clock: Clock
) -> float:
    start_ns = clock.now_ns()
    executor.submit(frames, places).wait()
    return (clock.now_ns() - start_ns) / 1e6


def _noise_frame(place: Placement) -> Frame:
    pixels = np.random.default_rng(0).integers(0, 256, (place.height, place.width, 3))
    picture = BgrPicture(pixels.astype(np.uint8))
    stream = StreamInfo("batching", "batching", picture.width, picture.height, Fraction(1, 25))
    return Frame(stream, 0, 0, stream.time_base, 0, picture)
