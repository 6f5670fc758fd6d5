"""What analytics say at a stream's end reaches the sinks that want to know."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Sequence

import pytest

from streamer.frame import Frame, StreamInfo
from streamer.outlet import Outlet
from streamer.pipeline import Pipeline
from streamer.result import Result, StreamEnd
from tests.streamer.parts import WAIT_S, CountingSource, IndexStage, ListSink


class Sum:
    """Notes the sum so far on each result, and the whole at the end."""

    def __init__(self, stream: StreamInfo) -> None:
        self.sum = 0

    def update(self, result: Result[int]) -> Result[int]:
        self.sum += result.detections
        return dataclasses.replace(result, notes=(self.sum,))

    def finish(self) -> Sequence[object]:
        return ("whole", self.sum)


class EndSink(ListSink):
    """Keeps ends among the results; sets an event at the first."""

    def __init__(self) -> None:
        super().__init__()
        self.order: list[str] = []
        self.ends: dict[str, StreamEnd] = {}
        self.has_end = threading.Event()

    def write(self, result: Result[int]) -> None:
        super().write(result)
        self.order.append(result.frame.stream_id)

    def end_stream(self, end: StreamEnd) -> None:
        self.order.append(f"end of {end.stream.stream_id}")
        self.ends[end.stream.stream_id] = end
        self.has_end.set()


def test_the_end_comes_once_after_the_last_result_with_what_was_left_to_say() -> None:
    sink = EndSink()
    Pipeline(
        [CountingSource("a", 4)], IndexStage(), [Outlet(sink)], analyse=lambda s: [Sum(s)]
    ).run()

    assert [result.notes for result in sink.results] == [(0,), (1,), (3,), (6,)]
    assert sink.order == ["a"] * 4 + ["end of a"]
    assert sink.ends["a"].notes == ("whole", 6)


def test_a_stream_ends_for_its_sinks_before_the_others_do() -> None:
    sink, only_b = EndSink(), EndSink()
    gated = CountingSource("b", 3, gate=sink.has_end, gate_at=2)  # b ends only after a's end

    Pipeline(
        [CountingSource("a", 2), gated],
        IndexStage(),
        [Outlet(sink), Outlet(only_b, frozenset({"b"}))],
        analyse=lambda s: [Sum(s)],
    ).run()

    assert sink.has_end.wait(WAIT_S)
    assert sink.order[-1] == "end of b"
    assert list(only_b.ends) == ["b"]


def test_sinks_that_do_not_want_to_know_are_left_alone() -> None:
    plain = ListSink()
    Pipeline(
        [CountingSource("a", 2)], IndexStage(), [Outlet(plain)], analyse=lambda s: [Sum(s)]
    ).run()
    assert plain.indices() == [0, 1]


def test_a_lost_device_still_ends_what_had_begun() -> None:
    def fault(frames: Sequence[Frame]) -> None:
        if frames[0].index >= 3:
            raise RuntimeError("device lost")

    sink = EndSink()
    pipeline = Pipeline(
        [CountingSource("a", None)],
        IndexStage(max_batch=1, fault=fault),
        [Outlet(sink)],
        analyse=lambda s: [Sum(s)],
    )
    with pytest.raises(RuntimeError, match="device lost"):
        pipeline.run()
    assert sink.ends["a"].notes == ("whole", 3)  # 0 + 1 + 2
