from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from detector.batching import choose_batch, make_ready, measure_batches
from detector.buckets import bucket_for, bucket_sizes
from detector.config import DetectorConfig
from detector.device import choose_compute
from detector.geometry import Placement, parse_imgsz
from detector.hardnet_detector import CenterNetDetector
from streamer.clock import ManualClock
from streamer.frame import Frame
from tests.detector.frames import plain_frame
from tests.detector.tiny import RECIPE, tiny_network

PLACE = Placement(64, 64, 1.0, 1.0, 0.0, 0.0)


def test_nothing_measured_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one size"):
        choose_batch({}, budget_ms=10)


@pytest.mark.parametrize(
    ("batch_ms", "budget_ms", "expected"),
    [
        pytest.param({1: 4.0}, 1.0, 1, id="only one, though too slow"),
        pytest.param({1: 4.0, 2: 8.0, 4: 16.0}, 99.0, 1, id="no gain"),
        pytest.param({1: 4.0, 2: 4.0, 4: 4.0}, 99.0, 4, id="all gain"),
        pytest.param({1: 4.0, 2: 5.0, 4: 9.6}, 99.0, 2, id="4.2 % more is not worth it"),
        pytest.param({1: 4.0, 2: 5.0, 4: 9.4}, 99.0, 4, id="6.4 % more is"),
        pytest.param({1: 4.0, 2: 5.0, 4: 6.0}, 5.5, 2, id="the budget"),
        pytest.param({1: 4.0, 2: 5.0, 4: 6.0}, 3.0, 1, id="a budget nobody keeps"),
        pytest.param({1: 4.0, 2: 5.0, 4: 20.0}, 99.0, 2, id="slower when larger"),
    ],
)
def test_smallest_batch_near_the_best_rate(
    batch_ms: dict[int, float], budget_ms: float, expected: int
) -> None:
    assert choose_batch(batch_ms, budget_ms=budget_ms) == expected


@given(
    st.dictionaries(st.sampled_from([1, 2, 4, 8, 16, 32]), st.floats(0.1, 1e3), min_size=1),
    st.floats(0.1, 1e3),
)
def test_no_other_choice_is_much_faster_or_as_fast_and_smaller(
    batch_ms: dict[int, float], budget_ms: float
) -> None:
    chosen = choose_batch(batch_ms, budget_ms=budget_ms)
    allowed = {size: ms for size, ms in batch_ms.items() if ms <= budget_ms}
    if not allowed:
        assert chosen == min(batch_ms)
        return
    best = max(size / ms for size, ms in allowed.items())
    assert chosen / allowed[chosen] >= 0.95 * best
    assert all(size / ms < 0.95 * best for size, ms in allowed.items() if size < chosen)


@given(st.integers(1, 200), st.data())
def test_a_bucket_is_the_smallest_that_is_large_enough(limit: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, limit))
    sizes = bucket_sizes(limit)
    assert list(sizes) == sorted(set(sizes))
    assert sizes[-1] == limit
    assert bucket_for(count, limit) == min(size for size in sizes if size >= count)


@pytest.mark.parametrize("count", [0, 5])
def test_a_count_beyond_the_limit_is_an_error(count: int) -> None:
    with pytest.raises(ValueError, match=r"expected 1\.\.4"):
        bucket_for(count, 4)


@dataclass
class _Device:
    """Takes 2 ms and a half more a picture of a batch, and at first time to get ready; counts."""

    clock: ManualClock = field(default_factory=ManualClock)
    first_ms: int = 100
    depth: int = 2
    taken: list[int] = field(default_factory=list)
    in_flight: int = 0
    most: int = 0

    def submit(self, frames: Sequence[Frame], placements: Sequence[Placement]) -> _Device:
        assert len(frames) == len(placements)
        if len(frames) not in self.taken:
            self.clock.advance(self.first_ms * 1_000_000)
        self.taken.append(len(frames))
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        return self

    def wait(self) -> NDArray[np.float32]:
        self.in_flight -= 1
        self.clock.advance(2_000_000 + 500_000 * self.taken[-1])
        return np.empty((0, 0, 6), np.float32)


def test_every_size_is_measured_with_the_device_kept_busy() -> None:
    device = _Device()
    measured = measure_batches(device, PLACE, budget_ms=99, clock=device.clock)
    assert measured == {1: 2.5, 2: 3.0, 4: 4.0, 8: 6.0, 16: 10.0, 32: 18.0}
    assert device.most == device.depth
    assert device.in_flight == 0
    assert [size for size, _ in itertools.groupby(device.taken)] == [1, 2, 4, 8, 16, 32]


def test_no_size_is_tried_beyond_one_that_breaks_the_budget() -> None:
    device = _Device()
    measured = measure_batches(device, PLACE, budget_ms=5.0, clock=device.clock)
    assert measured == {1: 2.5, 2: 3.0, 4: 4.0, 8: 6.0}


def test_a_device_of_seconds_is_asked_twice() -> None:
    slow = _Slow()
    measured = measure_batches(slow, PLACE, budget_ms=1e6, clock=slow.clock)
    assert measured == {1: 2.5 + 5000.0}
    assert slow.taken == [1, 1]


def test_a_minute_of_making_ready_does_not_count() -> None:
    """Kernels are compiled at the first batch: slow at first is not slow."""
    device = _Device(first_ms=60_000)
    measured = measure_batches(device, PLACE, budget_ms=99, clock=device.clock)
    assert measured == {1: 2.5, 2: 3.0, 4: 4.0, 8: 6.0, 16: 10.0, 32: 18.0}


@dataclass
class _Slow(_Device):
    """Five seconds more."""

    def wait(self) -> NDArray[np.float32]:
        self.clock.advance(5_000_000_000)
        return super().wait()


def test_everything_that_batches_of_any_size_need_is_made_before() -> None:
    device = _Device(depth=3)
    make_ready(device, PLACE, most=6)
    assert device.taken == [1, 1, 1, 2, 2, 2, 4, 4, 4, 6, 6, 6]  # once for each place in flight
    assert device.most == 3
    assert device.in_flight == 0


def test_a_detector_measures_on_the_cpu_too_and_forgets_what_it_took() -> None:
    config = DetectorConfig(batch="auto", batch_budget_ms=1e-3, score_threshold=0.0, top_k=5)
    compute = choose_compute("cpu", "fp32")
    with CenterNetDetector(tiny_network(), RECIPE, parse_imgsz("64"), compute, config) as detector:
        assert detector.max_batch == 1  # nothing keeps a budget of a microsecond
        assert not detector.times.snapshot()
        assert len(detector.collect(detector.submit([plain_frame(1, 2, 3)]))) == 1


def test_a_number_is_taken_as_it_is() -> None:
    config = DetectorConfig(batch=3)
    compute = choose_compute("cpu", "fp32")
    with CenterNetDetector(tiny_network(), RECIPE, parse_imgsz("64"), compute, config) as detector:
        assert detector.max_batch == 3
