"""The pipeline loses nothing, isolates what fails, and always ends with everything closed."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from streamer.channel import Overflow
from streamer.clock import ManualClock
from streamer.errors import ChannelClosed, SinkError, SourceError, SourceOpenError
from streamer.feed import Inlet
from streamer.frame import Frame
from streamer.outlet import Outlet
from streamer.pipeline import Pipeline
from streamer.result import Result
from streamer.snapshot import RunSnapshot
from tests.streamer.parts import WAIT_S, CountingSource, IndexStage, ListSink


@pytest.fixture(autouse=True)
def _no_thread_survives() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def raiser(error: Exception, *, at: int = 0) -> object:
    def fault(result: Result[int]) -> None:
        if result.frame.index == at:
            raise error

    return fault


def test_every_frame_of_every_stream_arrives_in_order() -> None:
    sink = ListSink()
    sources = [CountingSource("a", 50), CountingSource("b", 3), CountingSource("c", 0)]

    end = Pipeline(sources, IndexStage(), [Outlet(sink)]).run()

    assert sink.indices("a") == list(range(50))
    assert sink.indices("b") == [0, 1, 2]
    assert [(s.frames_in, s.frames_done, s.state) for s in end.streams] == [
        (50, 50, "ended"),
        (3, 3, "ended"),
        (0, 0, "ended"),
    ]


def test_findings_stay_with_their_frame() -> None:
    sink = ListSink()
    Pipeline([CountingSource("a", 20), CountingSource("b", 20)], IndexStage(), [Outlet(sink)]).run()

    assert all(result.detections == result.frame.index for result in sink.results)


def test_several_batches_are_in_flight_and_none_is_too_large() -> None:
    stage = IndexStage(max_batch=3, depth=2)
    Pipeline([CountingSource("a", 200)], stage, [Outlet(ListSink())]).run()

    assert stage.most_in_flight == 2
    assert 1 <= stage.most_batch <= 3


def test_limit_ends_a_stream_early() -> None:
    sink = ListSink()
    end = Pipeline([CountingSource("a", None)], IndexStage(), [Outlet(sink)], limit=7).run()

    assert sink.indices() == list(range(7))
    assert end.streams[0].state == "ended"


def test_failing_source_ends_only_its_own_stream() -> None:
    sink = ListSink()
    bad = CountingSource("bad", 2, error=SourceError("source 'bad': the cable was pulled"))

    end = Pipeline([bad, CountingSource("a", 30)], IndexStage(), [Outlet(sink)]).run()

    assert sink.indices("bad") == [0, 1]
    assert sink.indices("a") == list(range(30))
    assert end.streams[0].state == "failed"
    assert end.streams[0].error == "source 'bad': the cable was pulled"


def test_source_that_never_opened_has_no_stream_info() -> None:
    bad = CountingSource("bad", open_error=SourceOpenError("source 'bad': no such file"))

    end = Pipeline([bad], IndexStage(), [Outlet(ListSink())]).run()

    assert (end.streams[0].state, end.streams[0].info) == ("failed", None)


def test_bug_in_a_source_ends_the_run_and_is_raised_with_its_thread() -> None:
    sink = ListSink()
    bad = CountingSource("bad", 1, error=RuntimeError("bug"))
    endless = CountingSource("a", None)

    with pytest.raises(RuntimeError, match="bug") as caught:
        Pipeline([bad, endless], IndexStage(), [Outlet(sink)]).run()

    assert caught.value.__notes__ == ["in thread 'source:bad'"]
    assert (endless.left, sink.left) == (1, 1)


def test_failing_stage_ends_the_run_with_everything_closed() -> None:
    def fault(frames: Sequence[Frame]) -> None:
        if frames[0].index >= 3:
            raise RuntimeError("device lost")

    stage, sink, source = IndexStage(fault=fault), ListSink(), CountingSource("a", None)

    with pytest.raises(RuntimeError, match="device lost"):
        Pipeline([source], stage, [Outlet(sink)]).run()

    assert (source.left, stage.left, sink.left) == (1, 1, 1)
    assert sink.indices()[:3] == [0, 1, 2]


def test_failing_sink_ends_the_run_and_the_other_sinks_finish() -> None:
    bad = ListSink("bad", raiser(SinkError("disk full"), at=2))  # type: ignore[arg-type]
    good = ListSink("good")
    source = CountingSource("a", None)

    with pytest.raises(SinkError, match="disk full"):
        Pipeline([source], IndexStage(), [Outlet(bad), Outlet(good)]).run()

    assert (source.left, bad.left, good.left) == (1, 1, 1)
    assert bad.indices() == [0, 1]
    assert good.indices() == list(range(len(good.results)))


def test_optional_sink_that_fails_costs_only_its_own_data() -> None:
    bad = ListSink("bad", raiser(SinkError("viewer left"), at=2))  # type: ignore[arg-type]
    good = ListSink("good")

    end = Pipeline(
        [CountingSource("a", 40)], IndexStage(), [Outlet(bad, is_optional=True), Outlet(good)]
    ).run()

    assert good.indices() == list(range(40))
    assert (bad.indices(), bad.left) == ([0, 1], 1)
    assert end.streams[0].frames_done == 2
    assert end.streams[0].dropped == 38  # the sink that gave up lost them, and that is counted


def test_slow_display_never_stalls_recording() -> None:
    release = threading.Event()

    def wait(result: Result[int]) -> None:
        release.wait(WAIT_S)

    slow = ListSink("display", wait)
    recording = ListSink("recording")

    def open_the_gate_at_the_end(result: Result[int]) -> None:
        if result.frame.index == 99:
            release.set()

    recording.fault = open_the_gate_at_the_end
    Pipeline(
        [CountingSource("a", 100)],
        IndexStage(),
        [
            Outlet(slow, is_optional=True, overflow=Overflow.DROP_OLDEST, capacity=1),
            Outlet(recording),
        ],
    ).run()

    assert recording.indices() == list(range(100))
    assert slow.indices()[-1] == 99  # the newest survived
    assert len(slow.results) <= 3


def test_stop_finishes_what_was_accepted() -> None:
    sink = ListSink()
    pipeline = Pipeline([CountingSource("a", None)], IndexStage(), [Outlet(sink)])

    def stop_after_ten(result: Result[int]) -> None:
        if result.frame.index == 10:
            pipeline.stop()

    sink.fault = stop_after_ten
    end = pipeline.run()

    assert sink.indices() == list(range(end.streams[0].frames_in))
    assert end.streams[0].state == "ended"
    assert sink.left == 1


def test_sink_of_an_ended_stream_is_closed_while_others_run() -> None:
    has_left = threading.Event()

    class Noticed(ListSink):
        def __exit__(self, *args: object) -> None:
            super().__exit__(None, None, None)
            has_left.set()

    short = Noticed("short")
    waiting = CountingSource("long", 5, gate=has_left, gate_at=3)  # goes on once `short` is closed
    Pipeline(
        [CountingSource("a", 2), waiting],
        IndexStage(),
        [Outlet(short, stream_ids=frozenset({"a"})), Outlet(ListSink("rest"))],
    ).run()

    assert short.indices("a") == [0, 1]


def test_one_silent_source_does_not_hold_up_another() -> None:
    gate = threading.Event()
    sink = ListSink(fault=lambda result: gate.set() if result.frame.index == 29 else None)

    Pipeline(
        [CountingSource("silent", 1, gate=gate), CountingSource("a", 30)],
        IndexStage(),
        [Outlet(sink)],
    ).run()

    assert sink.indices("a") == list(range(30))
    assert sink.indices("silent") == [0]


def test_error_in_the_callers_tick_closes_everything() -> None:
    sink, source = ListSink(), CountingSource("a", None)

    def tick(snapshot: RunSnapshot) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Pipeline([source], IndexStage(), [Outlet(sink)]).run(tick, tick_s=0.01)

    assert (source.left, sink.left) == (1, 1)


def test_times_name_decode_and_every_sink() -> None:
    end = Pipeline([CountingSource("a", 3)], IndexStage(), [Outlet(ListSink("out"))]).run()

    assert [(part, time.count) for part, time in end.times.items()] == [("decode", 3), ("out", 3)]


def test_stream_can_be_added_and_removed_while_running() -> None:
    sink, own = ListSink("all"), ListSink("own")
    pipeline = Pipeline([CountingSource("a", None)], IndexStage(), [Outlet(sink)])
    late = CountingSource("late", 20)

    def change(result: Result[int]) -> None:
        if (result.frame.stream_id, result.frame.index) == ("a", 5):
            pipeline.add(late, [Outlet(own, stream_ids=frozenset({"late"}))])
        if (result.frame.stream_id, result.frame.index) == ("late", 19):
            pipeline.remove("a")

    sink.fault = change
    end = pipeline.run()

    assert own.indices("late") == sink.indices("late") == list(range(20))
    assert own.left == 1
    assert {s.stream_id: s.state for s in end.streams} == {"a": "ended", "late": "ended"}


def test_open_ended_run_waits_for_streams_until_stopped() -> None:
    sink = ListSink()
    pipeline = Pipeline([], IndexStage(), [Outlet(sink)], is_open_ended=True)
    ticks = iter(range(1000))

    def tick(snapshot: RunSnapshot) -> None:
        number = next(ticks)
        if number == 0:
            pipeline.add(CountingSource("a", 3))
        elif snapshot.streams[0].state == "ended":
            pipeline.stop()

    pipeline.run(tick, tick_s=0.01)

    assert sink.indices() == [0, 1, 2]
    with pytest.raises(ChannelClosed):
        pipeline.add(CountingSource("b"))


def test_stop_wakes_a_source_that_waits_for_ever() -> None:
    class Silent(CountingSource):
        def __init__(self) -> None:
            super().__init__("silent", None)
            self._stopped = threading.Event()

        def __iter__(self) -> Iterator[Frame]:
            assert self._stopped.wait(WAIT_S)
            raise SourceError("interrupted")

        def stop(self) -> None:
            self._stopped.set()

    pipeline = Pipeline([Silent()], IndexStage(), [Outlet(ListSink())])
    end = pipeline.run(lambda snapshot: pipeline.stop(), tick_s=0.01)

    assert (end.streams[0].state, end.streams[0].error) == ("ended", None)


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


def test_each_stream_has_analytics_of_its_own() -> None:
    class Counting:
        def __init__(self) -> None:
            self.seen = 0

        def update(self, result: Result[int]) -> Result[int]:
            self.seen += 1
            return replace(result, detections=self.seen)

    sink = ListSink()
    sources = [CountingSource("a", 5), CountingSource("b", 3)]
    end = Pipeline(sources, IndexStage(), [Outlet(sink)], analyse=lambda stream: [Counting()]).run()

    found = {(r.frame.stream_id, r.frame.index): r.detections for r in sink.results}
    assert found == {
        **{("a", index): index + 1 for index in range(5)},
        **{("b", index): index + 1 for index in range(3)},
    }
    assert end.times["analytics"].count == 8


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


@pytest.mark.parametrize(
    ("ids", "limit"), [((), None), (("a", "a"), None), (("a",), 0)], ids=["none", "twice", "limit"]
)
def test_senseless_arguments_are_refused(ids: tuple[str, ...], limit: int | None) -> None:
    with pytest.raises(ValueError, match="expected"):
        Pipeline([CountingSource(i) for i in ids], IndexStage(), [Outlet(ListSink())], limit=limit)
