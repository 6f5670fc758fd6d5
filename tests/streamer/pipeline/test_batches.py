"""How many frames are taken into work at once, and which are too old for it."""

import threading
from collections.abc import Iterator, Sequence

import pytest

from streamer.clock import ManualClock
from streamer.feed import Inlet
from streamer.frame import Frame
from streamer.outlet import Outlet
from streamer.pipeline import Pipeline
from streamer.result import Result
from tests.streamer.parts import WAIT_S, CountingSource, IndexStage, ListSink


def test_several_batches_are_in_flight_and_none_is_too_large() -> None:
    stage = IndexStage(max_batch=3, depth=2)
    Pipeline([CountingSource("a", 200)], stage, [Outlet(ListSink())]).run()

    assert stage.most_in_flight == 2
    assert 1 <= stage.most_batch <= 3


def test_newest_frame_wins_on_a_live_stream() -> None:
    gate = threading.Event()

    def wait(frames: Sequence[Frame]) -> None:
        gate.wait(WAIT_S)

    def open_gate() -> Iterator[Frame]:
        yield from CountingSource("a", 50)
        gate.set()

    class Live(CountingSource):
        def __iter__(self) -> Iterator[Frame]:
            return open_gate()

    sink = ListSink()
    stage = IndexStage(max_batch=1, depth=2, fault=wait)
    end = Pipeline([Inlet.live(Live("a"))], stage, [Outlet(sink)], is_fresh=True).run()

    assert sink.indices()[-1] == 49
    assert len(sink.results) <= 3  # the one in work, one that was waiting, the newest
    assert end.streams[0].dropped == 50 - len(sink.results)
    assert end.streams[0].state == "ended"


def test_frame_beyond_the_staleness_budget_is_dropped_and_counted() -> None:
    clock = ManualClock(start_ns=10**9)  # frames of CountingSource were captured at 0
    sink = ListSink()
    stale = Inlet(CountingSource("a", 5), max_staleness_s=0.5)
    end = Pipeline([stale, CountingSource("b", 5)], IndexStage(), [Outlet(sink)], clock=clock).run()

    assert (sink.indices("a"), sink.indices("b")) == ([], [0, 1, 2, 3, 4])
    assert [(s.dropped, s.state) for s in end.streams] == [(5, "ended"), (0, "ended")]


@pytest.mark.parametrize(
    ("depth", "most"),
    [
        pytest.param(1, 1, id="the stage wants no more"),
        pytest.param(3, 2, id="one in work, and the next for a moment"),
        pytest.param(6, 3, id="half of them are in work"),
    ],
)
def test_few_batches_are_in_flight_where_pictures_must_be_fresh(depth: int, most: int) -> None:
    stage = IndexStage(depth=depth)
    Pipeline([CountingSource("a", 50)], stage, [Outlet(ListSink())], is_fresh=True).run()

    assert 1 <= stage.most_in_flight <= most


def test_batch_fills_up_while_the_device_works() -> None:
    clock = ManualClock()
    first_is_back, second_is_in = threading.Event(), threading.Event()
    sizes: list[int] = []

    class Slow(IndexStage):
        """Takes 1000 s a batch: once that is known, it pays to wait for company."""

        def submit(self, frames: Sequence[Frame]) -> object:
            sizes.append(len(frames))
            if len(sizes) == 2:
                second_is_in.set()
            return super().submit(frames)

        def collect(self, ticket: object) -> list[int]:
            clock.advance(10**12)
            first_is_back.set()
            return super().collect(ticket)

    class Waiting(CountingSource):
        def __iter__(self) -> Iterator[Frame]:
            for frame in super().__iter__():
                if frame.index == 1:
                    assert first_is_back.wait(WAIT_S)
                if frame.index == 2:
                    assert second_is_in.wait(WAIT_S)
                yield frame

    sink = ListSink()
    Pipeline([Waiting("a", 6)], Slow(max_batch=4, depth=2), [Outlet(sink)], clock=clock).run()

    assert sizes == [1, 1, 4]  # nobody waits for an idle device
    assert sink.indices() == list(range(6))


def test_lone_frame_goes_at_once_to_a_device_that_has_nothing_to_do() -> None:
    sizes: list[int] = []
    answered = threading.Event()

    class Noting(IndexStage):
        def submit(self, frames: Sequence[Frame]) -> object:
            sizes.append(len(frames))
            return super().submit(frames)

    class Asking(CountingSource):
        """Gives a frame only once the last one's result is there."""

        def __iter__(self) -> Iterator[Frame]:
            for frame in super().__iter__():
                yield frame
                assert answered.wait(WAIT_S)
                answered.clear()

    never = threading.Event()
    silent = CountingSource("silent", 1, gate=never)

    def answer(result: Result[int]) -> None:
        answered.set()
        if result.frame.index == 9:
            pipeline.remove("silent")
            never.set()

    pipeline = Pipeline(
        [Inlet.live(Asking("a", 10)), Inlet.live(silent)],
        Noting(max_batch=8),
        [Outlet(ListSink(fault=answer))],
        is_fresh=True,
    )
    pipeline.run()

    assert sizes == [1] * 10
