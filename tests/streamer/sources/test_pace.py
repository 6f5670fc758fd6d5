"""A recording played at its own pace."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

import pytest

from streamer.clock import ManualClock
from streamer.frame import Frame, StreamInfo
from streamer.sources.pace import Paced
from tests.streamer.parts import Closing, CountingSource, make_frame

MS = 1_000_000


class TimedSource(Closing):
    """Frames with these times in ms; reading one takes `read_ms` of the clock's time."""

    def __init__(self, pts: Sequence[int], clock: ManualClock, *, read_ms: int = 0) -> None:
        super().__init__()
        self.stream = StreamInfo("a", "a", 4, 2, Fraction(1, 1000))
        self._pts, self._clock, self._read_ms = pts, clock, read_ms

    @property
    def stream_id(self) -> str:
        return self.stream.stream_id

    def __iter__(self) -> Iterator[Frame]:
        for index, pts in enumerate(self._pts):
            self._clock.advance(self._read_ms * MS)
            yield replace(make_frame(self.stream, index), pts=pts)


class ManualAlarm:
    """Waits by moving the clock."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._is_set = False

    def wait(self, timeout: float) -> bool:
        if not self._is_set:
            self._clock.advance(round(timeout * 1e9))
        return self._is_set

    def set(self) -> None:
        self._is_set = True


@pytest.mark.parametrize(
    ("pts", "read_ms", "given_at_ms"),
    [
        pytest.param([], 0, [], id="nothing"),
        pytest.param([0, 40, 100], 0, [0, 40, 100], id="at its times"),
        pytest.param([5000, 5040], 0, [0, 40], id="a late start does not wait"),
        pytest.param([0, 40, 80], 10, [10, 50, 90], id="reading is part of the wait"),
        pytest.param([0, 10, 20], 30, [30, 60, 90], id="read too slowly: at once"),
        pytest.param([0, 80, 40, 120], 0, [0, 80, 80, 120], id="out of order: at once"),
        pytest.param([9000, 9040, 0, 40], 0, [0, 40, 40, 80], id="a jump back counts anew"),
        pytest.param([0, 40, 99_000, 99_040], 0, [0, 40, 40, 80], id="a cut is not waited for"),
        pytest.param([0, 9000], 0, [0, 9000], id="a long pause is kept"),
    ],
)
def test_each_frame_comes_when_it_is_due(
    pts: list[int], read_ms: int, given_at_ms: list[int]
) -> None:
    clock = ManualClock()
    with Paced(
        TimedSource(pts, clock, read_ms=read_ms), clock=clock, alarm=ManualAlarm(clock)
    ) as paced:
        frames = list(paced)
    assert [frame.captured_ns // MS for frame in frames] == given_at_ms
    assert [frame.pts for frame in frames] == pts


def test_the_stream_and_its_frames_are_live_and_otherwise_the_same() -> None:
    source = CountingSource(count=1)
    with Paced(source) as paced:
        (frame,) = list(paced)
        assert paced.stream_id == source.stream_id
        assert paced.stream == frame.stream == replace(source.stream, is_live=True)
    assert (source.entered, source.left) == (1, 1)


def test_real_time_passes() -> None:
    start_s = time.monotonic()
    with Paced(CountingSource(count=6)) as paced:  # 25 frames a second: 5 steps of 40 ms
        list(paced)
    assert 0.2 <= time.monotonic() - start_s < 2  # 2: a busy machine; not pacing gives 0.00


def test_stopping_ends_a_long_wait_at_once() -> None:
    clock = ManualClock()  # stands still: the second frame is due in 9 s of real waiting
    paced = Paced(TimedSource([0, 9000], clock), clock=clock)
    with paced:
        frames = iter(paced)
        next(frames)
        threading.Timer(0.05, paced.stop).start()
        start_s = time.monotonic()
        assert next(frames, None) is None
    assert time.monotonic() - start_s < 2


def test_stopped_before_it_began_it_gives_nothing() -> None:
    paced = Paced(CountingSource())
    paced.stop()
    with paced:
        assert list(paced) == []


def test_stopping_reaches_the_source_within() -> None:
    inner = Paced(CountingSource())
    Paced(inner).stop()
    with inner:
        assert list(inner) == []
