"""Whatever fails or stops a run: what can go on does, and all is closed in the end."""

import logging
import threading
from collections.abc import Iterator, Sequence

import pytest

from streamer.errors import SinkError, SourceError, SourceOpenError
from streamer.frame import Frame
from streamer.outlet import Outlet
from streamer.pipeline import Pipeline
from streamer.result import Result
from streamer.snapshot import RunSnapshot
from tests.streamer.parts import WAIT_S, CountingSource, IndexStage, ListSink


def raiser(error: Exception, *, at: int = 0) -> object:
    def fault(result: Result[int]) -> None:
        if result.frame.index == at:
            raise error

    return fault


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
    """Without a display, all frames of a run that wrote each of them were told as lost."""
    told = threading.Event()

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.set()

    handler = Listener()
    bad = ListSink("bad", raiser(SinkError("viewer left"), at=2))  # type: ignore[arg-type]
    good = ListSink("good")
    source = CountingSource("a", 80, gate=told, gate_at=40)

    logging.getLogger("streamer.outlet").addHandler(handler)
    try:
        end = Pipeline([source], IndexStage(), [Outlet(bad, is_optional=True), Outlet(good)]).run()
    finally:
        logging.getLogger("streamer.outlet").removeHandler(handler)

    assert good.indices() == list(range(80))
    assert (bad.indices(), bad.left) == ([0, 1], 1)
    done, dropped = end.streams[0].frames_done, end.streams[0].dropped
    assert done + dropped == 80
    assert 1 <= dropped <= 38  # what was on its way to it is lost; what came later misses nothing


def test_what_no_sink_is_left_for_is_lost() -> None:
    bad = ListSink("bad", raiser(SinkError("viewer left"), at=2))  # type: ignore[arg-type]

    end = Pipeline([CountingSource("a", 40)], IndexStage(), [Outlet(bad, is_optional=True)]).run()

    assert (end.streams[0].frames_done, end.streams[0].dropped) == (2, 38)


def test_error_in_the_callers_tick_closes_everything() -> None:
    sink, source = ListSink(), CountingSource("a", None)

    def tick(snapshot: RunSnapshot) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Pipeline([source], IndexStage(), [Outlet(sink)]).run(tick, tick_s=0.01)

    assert (source.left, sink.left) == (1, 1)


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


@pytest.mark.parametrize(
    ("ids", "limit"), [((), None), (("a", "a"), None), (("a",), 0)], ids=["none", "twice", "limit"]
)
def test_senseless_arguments_are_refused(ids: tuple[str, ...], limit: int | None) -> None:
    with pytest.raises(ValueError, match="expected"):
        Pipeline([CountingSource(i) for i in ids], IndexStage(), [Outlet(ListSink())], limit=limit)
