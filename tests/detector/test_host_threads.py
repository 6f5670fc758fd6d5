"""One batch alone gets all cores where that brings it back sooner."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from detector.host_threads import open_threads
from detector.network import Heads
from streamer.clock import ManualClock

PICTURES = np.zeros((1, 8, 8, 3), np.float32)
RUNS = 4


class Clockwork:
    """An engine whose runs take set times: milliseconds by the number of threads that share.

    Each thread's first run takes `first_ms` more, as it makes things ready.
    """

    runs = RUNS

    def __init__(self, clock: ManualClock, run_ms: Mapping[int, int], *, first_ms: int = 0) -> None:
        self._clock, self._run_ms, self._first_ms = clock, run_ms, first_ms
        self._local = threading.local()

    def take_share(self, runs: int) -> None:
        self._local.sharing = runs
        self._local.is_ready = False

    def run(self, pictures: NDArray[np.float32]) -> Heads:
        ms = self._run_ms[self._local.sharing] + (0 if self._local.is_ready else self._first_ms)
        self._local.is_ready = True
        self._clock.advance(ms * 1_000_000)
        map_ = torch.zeros(len(pictures), 1, 2, 2)
        return Heads(map_, map_, map_)

    def sharing(self) -> int:
        """Of the calling thread."""
        sharing: int = self._local.sharing
        return sharing


@pytest.mark.parametrize(
    ("run_ms", "first_ms", "gains"),
    [
        pytest.param({1: 10, RUNS: 30}, 0, True, id="all cores are faster"),
        pytest.param({1: 30, RUNS: 20}, 0, False, id="threads wait for each other"),
        pytest.param({1: 30, RUNS: 20}, 60, False, id="first runs do not count"),
        pytest.param({1: 20, RUNS: 20}, 0, False, id="no difference"),
        pytest.param({1: 150, RUNS: 20}, 0, True, id="too long to be looked at"),
    ],
)
def test_all_cores_are_for_who_is_back_sooner_by_them(
    run_ms: Mapping[int, int], first_ms: int, gains: bool
) -> None:
    clock = ManualClock()
    engine = Clockwork(clock, run_ms, first_ms=first_ms)
    with open_threads(engine, PICTURES, clock=clock) as threads:
        assert threads.pool.submit(engine.sharing).result() == RUNS
        assert (threads.alone is not None) is gains
        if threads.alone is not None:
            assert threads.alone.submit(engine.sharing).result() == 1


def test_where_the_input_is_unknown_all_cores_are_kept_ready() -> None:
    clock = ManualClock()
    with open_threads(Clockwork(clock, {}), None, clock=clock) as threads:
        assert threads.alone is not None
    assert clock.now_ns() == 0


def test_engine_of_one_run_has_one_thread_which_is_told_to_take_all() -> None:
    engine = Clockwork(ManualClock(), {1: 1})
    engine.runs = 1
    with open_threads(engine, None) as threads:
        assert threads.alone is None
        assert threads.pool.submit(engine.sharing).result() == 1
