from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from types import TracebackType
from typing import Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.errors import ChannelClosed, SourceError, SourceOpenError
from streamer.frame import Frame, StreamInfo
from streamer.sources.reconnect import Reconnecting, ReconnectPolicy
from streamer.sources.refusal import SourceRefusedError
from tests.streamer.live.watching import Watcher, assert_one_line_of_time
from tests.streamer.parts import make_frame

INFO = StreamInfo("door", "rtsp://door/1", 4, 2, Fraction(1, 25), is_live=True)
AT_ONCE = ReconnectPolicy(eager_delay_s=0.001)
NEVER = ReconnectPolicy(eager_delay_s=1000, cap_s=1000)
SECOND_NS = 1_000_000_000


class Connection:
    """Gives frames with these pts, one interval of real time apart, then ends as told."""

    def __init__(
        self,
        pts: Sequence[int] = (),
        *,
        error: SourceError | None = None,
        open_error: SourceError | None = None,
        info: StreamInfo = INFO,
        start_s: float = 0,
        waits: bool = False,
    ) -> None:
        self.stream, self.stream_id = info, info.stream_id
        self._pts, self._error, self._open_error = pts, error, open_error
        self._start_ns, self._waits = int(start_s * SECOND_NS), waits
        self._stopped = threading.Event()
        self.entered = self.left = 0

    def stop(self) -> None:
        self._stopped.set()

    def __enter__(self) -> Self:
        self.entered += 1
        if self._open_error is not None:
            raise self._open_error
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.left += 1

    def __iter__(self) -> Iterator[Frame]:
        for index, pts in enumerate(self._pts):
            frame = make_frame(self.stream, index)
            captured_ns = self._start_ns + index * SECOND_NS // 25
            yield replace(frame, pts=pts, captured_ns=captured_ns)
        if self._waits:
            self._stopped.wait()
        if self._error is not None:
            raise self._error


def reconnecting(
    *connections: Connection, policy: ReconnectPolicy = AT_ONCE, seed: int = 1
) -> Reconnecting:
    script = iter(connections)
    return Reconnecting(lambda: next(script), stream_id="door", policy=policy, seed=seed)


GONE = SourceError("source 'rtsp://door/1': the connection broke")
DOWN = SourceOpenError("source 'rtsp://door/1': refused")
REFUSED = SourceRefusedError("source 'rtsp://door/1': the user name or password is wrong (401)")
DONE = replace(INFO, is_live=False)  # its end is the end


def test_frames_go_on_over_connections() -> None:
    connections = [
        Connection([0, 1, 2], error=GONE),
        Connection(open_error=DOWN),
        Connection([0, 1], error=GONE, start_s=10),
        Connection([500], start_s=20, info=DONE),
    ]
    source = reconnecting(*connections)
    with source:
        frames = list(source)
    assert len(frames) == 6
    assert_one_line_of_time(frames)
    assert source.health.snapshot().reconnects == 2
    assert [(c.entered, c.left) for c in connections] == [(1, 1), (1, 0), (1, 1), (1, 1)]


def test_the_streams_time_goes_on_as_long_as_the_real_gap() -> None:
    source = reconnecting(
        Connection([100, 101, 102], error=GONE),  # captured until 0.08 s
        Connection([7, 8], start_s=4.08, info=replace(DONE, time_base=Fraction(1, 1000))),
    )
    with source:
        times = [frame.pts * frame.time_base for frame in source]
    # 102 / 25 + 4 s of gap, then the connection's own step of 1 ms
    assert times[3:] == [Fraction(102, 25) + 4, Fraction(102, 25) + 4 + Fraction(1, 1000)]


def test_times_of_one_connection_are_left_as_they_are() -> None:
    pts = [90, 70, 80]
    source = reconnecting(Connection(pts, info=DONE))
    with source:
        assert [frame.pts for frame in source] == pts


@pytest.mark.parametrize(
    ("pts", "expected"),
    [
        pytest.param([0, 25 * 36_000, 25 * 36_000 + 1], [0, 1, 2], id="ten hours ahead"),
        pytest.param([25 * 36_000, 0, 1], [900_000, 900_001, 900_002], id="ten hours back"),
        pytest.param([0, 25 * 9, 25 * 9 + 1], [0, 225, 226], id="what lost packets leave"),
        pytest.param([20, 0, 21], [20, 0, 21], id="out of order"),
    ],
)
def test_a_camera_whose_clock_is_set_does_not_live_for_hours(
    pts: list[int], expected: list[int]
) -> None:
    """A jump made hours of dwell, and a recording that no player shows past it."""
    source = reconnecting(Connection(pts, error=GONE), Connection([0], info=DONE))
    with source:
        frames = list(source)
    assert [frame.pts for frame in frames[:3]] == expected


@given(
    parts=st.lists(
        st.tuples(
            st.lists(st.integers(-(2**31), 2**31), min_size=1, max_size=4),
            st.sampled_from([Fraction(1, 25), Fraction(1, 90000), Fraction(1001, 30000)]),
            st.floats(0, 100),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_time_never_goes_back_across_a_reconnect(
    parts: list[tuple[list[int], Fraction, float]],
) -> None:
    connections = [
        Connection(pts, error=GONE, start_s=start_s, info=replace(INFO, time_base=time_base))
        for pts, time_base, start_s in parts
    ]
    source = reconnecting(*connections, Connection([0], info=DONE))
    with source:
        frames = list(source)
    assert [frame.index for frame in frames] == list(range(len(frames)))
    done = 0
    for pts, _, _ in parts:
        done += len(pts)
        before = max(frame.pts * frame.time_base for frame in frames[:done])
        assert frames[done].pts * frames[done].time_base > before


def test_the_stream_is_that_of_the_connection() -> None:
    wide = replace(INFO, width=8, is_live=False)
    source = reconnecting(Connection([0], error=GONE), Connection([0], info=wide))
    with source:
        assert source.stream.width == 4
        widths = [frame.stream.width for frame in source]
    assert widths == [4, 8]
    assert source.stream.width == 8


def test_it_gives_up_after_so_many_retries() -> None:
    tries = [Connection(open_error=DOWN) for _ in range(5)]
    source = reconnecting(*tries, policy=replace(AT_ONCE, max_retries=2))
    with pytest.raises(SourceOpenError, match="refused"), source:
        pass
    assert sum(c.entered for c in tries) == 3
    assert source.health.snapshot().state == "failed"


def test_a_refusal_before_the_first_frame_is_final() -> None:
    source = reconnecting(Connection(open_error=REFUSED))
    with pytest.raises(SourceRefusedError), source:
        pass
    assert source.health.snapshot().error == str(REFUSED)


def test_a_refusal_later_is_tried_again_with_the_longest_wait() -> None:
    policy = ReconnectPolicy(eager_delay_s=0.001, cap_s=0.3, jitter=0)
    source = reconnecting(
        Connection([0], error=GONE),
        Connection(open_error=REFUSED),
        Connection([0], info=DONE),
        policy=policy,
    )
    with source:
        frames = iter(source)
        next(frames)
        next(frames)
        assert source.health.snapshot().error == str(REFUSED)


def test_a_recording_that_breaks_is_not_begun_again() -> None:
    source = reconnecting(Connection([0, 1], error=GONE, info=DONE))
    with source, pytest.raises(SourceError, match="broke"):
        list(source)
    assert source.health.snapshot().state == "failed"


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(Connection(open_error=DOWN), id="waiting to try again"),
        pytest.param(Connection([0], error=GONE), id="waiting after a loss"),
        pytest.param(Connection([0], waits=True), id="waiting for a frame"),
    ],
)
def test_stop_ends_it_wherever_it_is(first: Connection) -> None:
    source = reconnecting(first, policy=NEVER)
    with Watcher(source) as watcher:
        watcher.stop()  # asserts the end
    assert watcher.error is None


def test_stop_before_opening_opens_nothing() -> None:
    connection = Connection([0])
    source = reconnecting(connection)
    source.stop()
    with pytest.raises(ChannelClosed), source:
        pass
    assert connection.entered == 0


class TestPolicy:
    @given(outage_s=st.floats(0, 1e6), left_out=st.floats(0, 1, exclude_max=True))
    def test_waits_stay_within_their_bounds(self, outage_s: float, left_out: float) -> None:
        policy = ReconnectPolicy()
        delay_s = policy.delay_s(outage_s, left_out)
        assert policy.eager_delay_s * (1 - policy.jitter) <= delay_s <= policy.cap_s

    def test_the_first_retry_comes_within_half_a_second(self) -> None:
        assert ReconnectPolicy().delay_s(0, 0) <= 0.5

    def test_tries_grow_exponentially_apart(self) -> None:
        """With the default growth each retry comes 1.5 times as late, counted from eager_s."""
        policy = ReconnectPolicy()
        outage_s, times = 14.0, []
        for _ in range(5):
            outage_s += policy.delay_s(outage_s, 0)
            times.append(outage_s - policy.eager_s)
        assert times == pytest.approx([4 * 1.5**k for k in range(1, 6)])

    @pytest.mark.parametrize(
        "wrong",
        [
            {"eager_delay_s": 0},
            {"eager_delay_s": 60},
            {"eager_s": -1},
            {"growth": 0},
            {"jitter": 1.5},
            {"max_retries": -1},
        ],
        ids=str,
    )
    def test_nonsense_is_refused(self, wrong: dict[str, float]) -> None:
        with pytest.raises(ValueError, match="expected"):
            ReconnectPolicy(**wrong)  # type: ignore[arg-type]  # the point
