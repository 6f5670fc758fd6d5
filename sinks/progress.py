"""How far a stream or a whole run is, in numbers and in the words a person reads."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from streamer.snapshot import RunSnapshot, StreamSnapshot

T = TypeVar("T")

RATE_WINDOW_NS = 5_000_000_000  # 5 s: short enough to follow, long enough not to flicker
UNKNOWN = "-"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stream, or several as one, is.

    Attributes:
        name: of the stream.
        state: as its snapshot has it.
        done: frames that have passed every sink.
        expected: frames in all, or None where nobody knows.
        rate: frames a second over the last seconds, or None before it can be known.
        elapsed_s: seconds since the run began.
        latency_p50_ns: capture to done, or None before the first frame.
        latency_p95_ns: likewise.
        dropped: frames lost on the way.
        reconnects: times the stream came back after having been lost.
        rate_in: frames a second that the source gave, likewise over the last seconds.
        trouble: one line saying what is wrong, or None.
    """

    name: str
    state: str
    done: int
    expected: int | None
    rate: float | None
    elapsed_s: float
    latency_p50_ns: int | None
    latency_p95_ns: int | None
    dropped: int
    reconnects: int = 0
    rate_in: float | None = None
    trouble: str | None = None

    @property
    def standing(self) -> str:
        """The state, and how often the stream was lost meanwhile: `live, lost 2x`."""
        return f"{self.state}, lost {self.reconnects}x" if self.reconnects else self.state

    @property
    def eta_s(self) -> float | None:
        """Seconds to go at the present rate, or None where that says nothing."""
        if self.expected is None or not self.rate:
            return None
        return max(0, self.expected - self.done) / self.rate

    @property
    def frames(self) -> str:
        """Such as `120/300`."""
        return f"{self.done}/{'?' if self.expected is None else self.expected}"

    @property
    def percent(self) -> str:
        """Such as `40%`; 100% only when nothing is missing."""
        return f"{self.done * 100 // self.expected}%" if self.expected else UNKNOWN

    @property
    def fps(self) -> str:
        """Such as `24.9`."""
        return _fps(self.rate)

    @property
    def fps_in(self) -> str:
        """Such as `25.0`."""
        return _fps(self.rate_in)

    @property
    def elapsed(self) -> str:
        """Such as `0:05`."""
        return clock(self.elapsed_s)

    @property
    def eta(self) -> str:
        """Such as `0:07`."""
        return clock(self.eta_s)

    @property
    def latency(self) -> str:
        """Such as `41/60`: p50 and p95, milliseconds."""
        return f"{_ms(self.latency_p50_ns)}/{_ms(self.latency_p95_ns)}"


class Rates:
    """Turns snapshots, as they come, into progress with rates over the last seconds.

    Args:
        limit: frames a stream at most, as the pipeline has it.
    """

    def __init__(self, *, limit: int | None = None) -> None:
        self._limit = limit
        self._history: deque[tuple[int, dict[str, tuple[int, int]]]] = deque()

    def add(self, snapshot: RunSnapshot) -> list[Progress]:
        """How far every stream is, in the order of the snapshot."""
        counts = {each.stream_id: (each.frames_in, each.frames_done) for each in snapshot.streams}
        if not self._history:
            self._history.append((0, {}))  # the run's beginning: nothing of any stream
        self._history.append((snapshot.elapsed_ns, counts))
        # The newest entry outside the window stays: it is where the window begins.
        while (
            len(self._history) > 2 and snapshot.elapsed_ns - self._history[1][0] >= RATE_WINDOW_NS
        ):
            self._history.popleft()
        return [self._progress(stream, snapshot.elapsed_ns) for stream in snapshot.streams]

    def _progress(self, stream: StreamSnapshot, elapsed_ns: int) -> Progress:
        rate_in, rate = self._rate(stream.stream_id)
        return Progress(
            name=stream.stream_id,
            state=stream.state,
            done=stream.frames_done,
            expected=expected_frames(stream, self._limit),
            rate=rate,
            elapsed_s=elapsed_ns / 1e9,
            latency_p50_ns=stream.latency_p50_ns,
            latency_p95_ns=stream.latency_p95_ns,
            dropped=stream.dropped,
            reconnects=stream.reconnects,
            rate_in=rate_in,
            trouble=stream.error,
        )

    def _rate(self, stream_id: str) -> tuple[float | None, float | None]:
        """Frames a second given and done."""
        (first_ns, first), (last_ns, last) = self._history[0], self._history[-1]
        if last_ns <= first_ns:
            return None, None
        before_in, before_done = first.get(stream_id, (0, 0))
        now_in, now_done = last[stream_id]
        span_s = (last_ns - first_ns) / 1e9
        return (now_in - before_in) / span_s, (now_done - before_done) / span_s


def expected_frames(stream: StreamSnapshot, limit: int | None) -> int | None:
    """Frames the stream will have given in the end, as far as anybody knows now."""
    if stream.state in ("ended", "failed"):
        return stream.frames_in
    count = None if stream.info is None else stream.info.frame_count
    known = [number for number in (count, limit) if number is not None]
    # What a container promises may be too few; 103% would look like a fault of ours.
    return max(min(known), stream.frames_in) if known else None


def total(parts: Sequence[Progress]) -> Progress:
    """Several streams as one: sums, and the worst latency.

    Args:
        parts: at least one.
    """
    if len(parts) == 1:
        return parts[0]
    expected = _known(part.expected for part in parts)
    rates = _known(part.rate for part in parts)
    rates_in = _known(part.rate_in for part in parts)
    return Progress(
        name=f"{len(parts)} streams",
        state=states(parts),
        done=sum(part.done for part in parts),
        expected=sum(expected) if len(expected) == len(parts) else None,
        rate=sum(rates) if rates else None,
        elapsed_s=max(part.elapsed_s for part in parts),
        latency_p50_ns=max(_known(part.latency_p50_ns for part in parts), default=None),
        latency_p95_ns=max(_known(part.latency_p95_ns for part in parts), default=None),
        dropped=sum(part.dropped for part in parts),
        reconnects=sum(part.reconnects for part in parts),
        rate_in=sum(rates_in) if rates_in else None,
    )


def clock(seconds: float | None) -> str:
    """Minutes and seconds, with hours where there are any.

    >>> clock(None), clock(0.4), clock(65), clock(3661)
    ('-', '0:00', '1:05', '1:01:01')
    """
    if seconds is None:
        return UNKNOWN
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def states(parts: Sequence[Progress]) -> str:
    """Such as `3 running, 1 failed`, or the one state that all share."""
    counts = Counter(part.state for part in parts)
    if len(counts) == 1:
        return parts[0].state
    return ", ".join(f"{count} {state}" for state, count in counts.items())


def _known(values: Iterable[T | None]) -> list[T]:
    return [value for value in values if value is not None]


def _fps(rate: float | None) -> str:
    if rate is None:
        return UNKNOWN
    return f"{rate:.1f}" if rate < 1000 else f"{rate:.0f}"


def _ms(time_ns: int | None) -> str:
    return UNKNOWN if time_ns is None else f"{time_ns / 1e6:.0f}"
