"""The fake device keeps its promises: order, batches in flight, and what it says it was busy."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from benchmarks.fake_device import FakeDevice, Service, Span, usage_of
from benchmarks.pool import PoolSource
from sinks.null import NullSink
from streamer.clock import ManualClock
from streamer.frame import Frame
from streamer.outlet import Outlet
from streamer.pipeline import Pipeline

MS = 1_000_000


def frames(count: int) -> Sequence[Frame]:
    return list(PoolSource("a", count=count))


class Timed(ManualClock):
    """A clock on which waiting until a moment makes it that moment."""

    def wait_until(self, due_ns: int) -> None:
        self.advance(max(0, due_ns - self.now_ns()))


def device(service: Service, clock: Timed, *, max_batch: int = 4, depth: int = 2) -> FakeDevice:
    return FakeDevice(
        service, max_batch=max_batch, depth=depth, clock=clock, wait_until=clock.wait_until
    )


def test_batches_follow_each_other_while_the_caller_does_something_else() -> None:
    clock = Timed()
    fake = device(Service(2, 1), clock)

    first = fake.submit(frames(1))
    second = fake.submit(frames(4))
    assert clock.now_ns() == 0  # both were taken at once
    assert len(fake.collect(first)) == 1
    assert clock.now_ns() == 3 * MS  # 2 + 1 x 1
    clock.advance(10 * MS)  # the device is through with the second one meanwhile
    assert len(fake.collect(second)) == 4
    assert clock.now_ns() == 13 * MS

    fake.collect(fake.submit(frames(2)))

    assert fake.spans == [
        Span(0, 3 * MS, 1),
        Span(3 * MS, 9 * MS, 4),  # 2 + 4 x 1, right behind the first
        Span(13 * MS, 17 * MS, 2),  # it had been idle since 9
    ]
    assert fake.most_in_flight == 2
    assert (fake.times.snapshot()["network"].total_ns, fake.times.snapshot()["network"].count) == (
        13 * MS,
        7,
    )


def test_handing_over_takes_the_callers_time_and_not_the_devices() -> None:
    clock = Timed()
    fake = device(Service(5, host_ms=2), clock)

    fake.submit(frames(1))
    fake.submit(frames(1))

    assert clock.now_ns() == 4 * MS
    assert fake.spans == [Span(2 * MS, 7 * MS, 1), Span(7 * MS, 12 * MS, 1)]


def test_hundreds_of_calls_take_the_callers_time_and_not_the_devices() -> None:
    fake = FakeDevice(Service(1.0, launches=300))

    fake.collect(fake.submit(frames(1)))

    assert fake.spans[0].end_ns - fake.spans[0].start_ns == MS


@pytest.mark.parametrize("count", [0, 5])
def test_no_batch_and_too_large_a_batch_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match=r"expected 1\.\.4 frames"):
        device(Service(1), Timed()).submit(frames(count))


def test_more_batches_than_it_holds_are_refused() -> None:
    fake = device(Service(1), Timed(), depth=1)
    fake.submit(frames(1))

    with pytest.raises(ValueError, match="fewer than 1 batches"):
        fake.submit(frames(1))


def test_only_the_oldest_batch_comes_back() -> None:
    fake = device(Service(1), Timed())
    fake.submit(frames(1))
    second = fake.submit(frames(1))

    with pytest.raises(ValueError, match="oldest ticket"):
        fake.collect(second)


def test_usage_counts_whole_batches_between_two_ends() -> None:
    spans = [Span(0, 4 * MS, 2), Span(4 * MS, 8 * MS, 2), Span(10 * MS, 14 * MS, 3)]

    usage = usage_of(spans, margin=0)

    assert usage.rate == pytest.approx(500)  # 2 + 3 pictures from 4 to 14 ms
    assert usage.busy == pytest.approx(0.8)  # 8 of 10 ms
    assert usage.pictures_a_batch == pytest.approx(7 / 3)


def test_usage_of_too_little_is_refused() -> None:
    with pytest.raises(ValueError, match="at least two batches"):
        usage_of([Span(0, 1, 1)])


def test_pipeline_keeps_to_what_the_device_allows() -> None:
    fake = FakeDevice(Service(0.1), max_batch=4, depth=3)
    sources = [PoolSource("a", count=60), PoolSource("b", count=30)]

    end = Pipeline(sources, fake, [Outlet(NullSink())]).run()

    assert [stream.frames_done for stream in end.streams] == [60, 30]
    assert sum(span.pictures for span in fake.spans) == 90
    assert max(span.pictures for span in fake.spans) <= 4
    assert fake.most_in_flight <= 3
