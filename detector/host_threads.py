"""The threads that run an engine on the host."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor as Pool
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from detector.engine import Engine, SharingEngine
from streamer.clock import Clock, MonotonicClock

# Where a batch takes longer than this, its layers do, and threads that share them wait little for
# each other: HarDNet-85 at 512 in bfloat16 has 0.9 s of work, and two threads are done in 0.46. The
# starter at 320 takes 35 ms by two threads and 26 by one. Both on two Zen 4 threads.
_LONG_MS = 100.0
_LOOKS = 3


@dataclass(frozen=True, slots=True)
class HostThreads:
    """What runs an engine.

    Attributes:
        pool: of as many threads as the engine has runs, each with its share of the cores.
        alone: of one thread, with all cores, for batches that have no company; None where that
            gains nothing.
    """

    pool: Pool
    alone: Pool | None = None


@contextmanager
def open_threads(
    engine: Engine, pictures: NDArray[np.float32] | None, *, clock: Clock | None = None
) -> Iterator[HostThreads]:
    """Makes the engine ready for an input, chooses what is faster with it, and ends all threads.

    Args:
        engine: to be run.
        pictures: such as it will get, or None where nobody knows.
        clock: to measure by.
    """
    if not isinstance(engine, SharingEngine) or engine.runs == 1:
        if pictures is not None:
            engine.run(pictures)
        with _threads(engine, engine.runs) as pool:
            yield HostThreads(pool)
        return
    with _threads(engine, engine.runs) as pool, _threads(engine, 1) as alone:
        if pictures is None or _gains(engine, pool, alone, pictures, clock or MonotonicClock()):
            yield HostThreads(pool, alone)
        else:
            yield HostThreads(pool)


@contextmanager
def _threads(engine: Engine, count: int) -> Iterator[Pool]:
    """So many that run the engine at once; what nobody waits for any more is left undone."""
    share = partial(engine.take_share, count) if isinstance(engine, SharingEngine) else None
    pool = ThreadPoolExecutor(count, thread_name_prefix="network", initializer=share)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _gains(
    engine: Engine, pool: Pool, alone: Pool, pictures: NDArray[np.float32], clock: Clock
) -> bool:
    """All cores bring a batch back sooner than one's share of them."""

    def run_ms() -> float:
        start_ns = clock.now_ns()
        engine.run(pictures)
        return (clock.now_ns() - start_ns) / 1e6

    if alone.submit(run_ms).result() > _LONG_MS:
        return True
    pool.submit(run_ms).result()  # a first run makes things ready
    by_all, by_share = [], []
    for _ in range(_LOOKS):
        by_all.append(alone.submit(run_ms).result())
        by_share.append(pool.submit(run_ms).result())
    return min(by_all) < min(by_share)
