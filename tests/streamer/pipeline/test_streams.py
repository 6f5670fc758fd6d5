"""The pipeline loses nothing, and no stream or sink waits for another."""

import threading
from dataclasses import replace

import pytest

from streamer.channel import Overflow
from streamer.errors import ChannelClosed
from streamer.outlet import Outlet
from streamer.pipeline import Pipeline
from streamer.result import Result
from streamer.snapshot import RunSnapshot
from tests.streamer.parts import WAIT_S, CountingSource, IndexStage, ListSink


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


def test_limit_ends_a_stream_early() -> None:
    sink = ListSink()
    end = Pipeline([CountingSource("a", None)], IndexStage(), [Outlet(sink)], limit=7).run()

    assert sink.indices() == list(range(7))
    assert end.streams[0].state == "ended"


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


def test_times_name_decode_and_every_sink() -> None:
    end = Pipeline([CountingSource("a", 3)], IndexStage(), [Outlet(ListSink("out"))]).run()

    assert [(part, time.count) for part, time in end.times.items()] == [("decode", 3), ("out", 3)]


def test_times_tell_how_many_threads_they_are_the_sum_of() -> None:
    has_come = {"a": threading.Event(), "b": threading.Event()}
    sink = ListSink("out", lambda result: has_come[result.frame.stream_id].set())
    sources = [  # neither ends before the other has begun
        CountingSource("a", 2, gate=has_come["b"], gate_at=1),
        CountingSource("b", 2, gate=has_come["a"], gate_at=1),
    ]
    end = Pipeline(sources, IndexStage(), [Outlet(sink)]).run()

    assert (end.times["decode"].threads, end.times["out"].threads) == (2, 1)


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
