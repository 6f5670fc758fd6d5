"""Keeps a live stream coming: whatever ends a connection, another is made."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from types import TracebackType
from typing import Self

from streamer.clock import Clock, MonotonicClock
from streamer.contract import Source
from streamer.errors import ChannelClosed, SourceError
from streamer.feed import Stoppable
from streamer.frame import Frame, StreamInfo
from streamer.health import Health
from streamer.sources.refusal import SourceRefusedError

logger = logging.getLogger(__name__)

NANOSECOND = Fraction(1, 1_000_000_000)
AHEAD_S = 10  # that a camera's time runs ahead of ours between two frames: its clock was set
BACK_S = 1  # that it goes back: an encoder was restarted, or its time wrapped
STEADY_NS = 2_000_000_000  # 2 s: a connection that dies sooner has not ended the outage


@dataclass(frozen=True, slots=True)
class ReconnectPolicy:
    """How long to wait before each try.

    Most outages are restarts of a few seconds, so at first tries are frequent and cost little.
    After that each wait is a share of the outage so far, which makes the tries' times grow
    exponentially, however long each of them takes. A random part of each wait is left out, lest
    a wall of cameras comes back in step.

    Attributes:
        eager_delay_s: the wait in an outage's first `eager_s` seconds, and the shortest later.
        eager_s: seconds.
        growth: later waits, as a share of what the outage has lasted beyond `eager_s`.
        cap_s: the longest wait; also the wait after a refusal (wrong password), lest an
            account be locked.
        jitter: the most that is left out of a wait, as a share of it.
        max_retries: tries in one outage before giving up, or None for no end of them.
        is_first_failure_final: what is not there at the beginning is not waited for.
    """

    eager_delay_s: float = 0.25
    eager_s: float = 10.0
    growth: float = 0.5
    cap_s: float = 30.0
    jitter: float = 0.5
    max_retries: int | None = None
    is_first_failure_final: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.eager_delay_s <= self.cap_s:
            raise ValueError(
                f"eager_delay_s: expected above 0 and at most cap_s, got {self.eager_delay_s!r}"
            )
        if self.eager_s < 0 or self.growth <= 0:
            raise ValueError("expected eager_s of at least 0 and growth above 0")
        if not 0 <= self.jitter <= 1:
            raise ValueError(f"jitter: expected within 0..1, got {self.jitter!r}")
        if self.max_retries is not None and self.max_retries < 0:
            raise ValueError(f"max_retries: expected at least 0, got {self.max_retries!r}")

    def delay_s(self, outage_s: float, left_out: float) -> float:
        """Seconds to wait when the outage has lasted `outage_s`; `left_out` is in [0, 1).

        >>> policy = ReconnectPolicy()
        >>> [policy.delay_s(outage_s, 0.0) for outage_s in (0.0, 9.0, 16.0, 40.0, 3600.0)]
        [0.25, 0.25, 3.0, 15.0, 30.0]
        """
        wait_s = (outage_s - self.eager_s) * self.growth
        return min(max(wait_s, self.eager_delay_s), self.cap_s) * (1 - self.jitter * left_out)


class Reconnecting:
    """A live stream out of as many connections as it takes.

    The index goes on; the picture's size, rate and codec are those of the connection. pts are the
    connection's own, moved by a constant, so that the stream's time goes on after a gap as long as
    the real one and never back across it; so it does where a live one's time jumps. A stream that
    is not live (a file over HTTP) ends where it ends, and its failure is final. So is a refusal
    (wrong password) before the first frame.

    Args:
        make_source: a fresh source of one connection; all with the same stream id.
        stream_id: unique within the run.
        policy: how long to wait between tries.
        health: told how the stream fares; its own if None.
        clock: measures outages.
        seed: of the jitter; by chance if None.
    """

    def __init__(
        self,
        make_source: Callable[[], Source],
        *,
        stream_id: str,
        policy: ReconnectPolicy | None = None,
        health: Health | None = None,
        clock: Clock | None = None,
        seed: int | None = None,
    ) -> None:
        self._make_source = make_source
        self._stream_id = stream_id
        self._policy = policy or ReconnectPolicy()
        self._clock = clock or MonotonicClock()
        self.health = health or Health(clock=self._clock)
        self._random = random.Random(seed)
        self._stopped = threading.Event()
        self._lock = threading.Lock()  # over the handing over of `_source` to `stop`
        self._source: Source | None = None
        self._has_been_live = False
        self._outage_ns = self._clock.now_ns()  # when it began
        self._retries = 0

    @property
    def stream_id(self) -> str:
        """Unique within the run."""
        return self._stream_id

    @property
    def stream(self) -> StreamInfo:
        """That of the latest connection; valid once entered."""
        return self._stream

    def stop(self) -> None:
        """End opening, reading and waiting at once; any thread, any time, for good."""
        self._stopped.set()
        with self._lock:
            source = self._source
        if isinstance(source, Stoppable):
            source.stop()

    def __enter__(self) -> Self:
        """Connect, however many tries it takes.

        Raises:
            SourceError: refused, or out of tries.
            ChannelClosed: stopped.
        """
        self._outage_ns = self._clock.now_ns()
        self._connect()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Disconnect."""
        self._disconnect()

    def __iter__(self) -> Iterator[Frame]:
        """The frames of connection after connection, until stopped.

        Raises:
            SourceError: out of tries, or a stream that is not live has failed.
        """
        timeline = _Timeline()
        while self._source is not None:
            lost: SourceError | None = None
            frames = iter(self._source)
            timeline.join()
            while (frame := self._next(frames, timeline)) is not None:
                if isinstance(frame, SourceError):
                    lost = frame
                    break
                self._stream = frame.stream
                yield frame
            if self._stopped.is_set() or lost is None:
                return
            if not self._reconnect(lost):
                return

    def _next(self, frames: Iterator[Frame], timeline: _Timeline) -> Frame | SourceError | None:
        """The next frame, what ended the connection, or None at the stream's end."""
        self.health.waiting(interval_ns=timeline.interval_ns)
        try:
            frame = next(frames, None)
        except SourceError as error:
            return error
        if frame is None:
            return None
        self.health.received()
        return timeline.place(frame)

    def _reconnect(self, error: SourceError) -> bool:
        """Another connection; False if stopped instead."""
        if not self._stream.is_live:
            self.health.failed(str(error))
            raise error
        self._disconnect()
        now_ns = self._clock.now_ns()
        if now_ns - self._connected_ns > STEADY_NS:
            self._outage_ns, self._retries = now_ns, 0
        try:
            self._await_retry(error)
            self._connect()
        except ChannelClosed:
            return False
        return True

    def _connect(self) -> None:
        while True:
            source = self._make_source()
            with self._lock:
                self._source = source
            try:
                self._raise_if_stopped()  # `stop` has seen either the event or the source
                source.__enter__()
            except SourceError as error:
                self._source = None
                self._raise_if_stopped()
                self._await_retry(error)
            except BaseException:
                self._source = None
                raise
            else:
                break
        self._stream = source.stream
        self._connected_ns = self._clock.now_ns()
        self.health.connected(is_again=self._has_been_live)
        if self._retries:
            outage_s = (self._connected_ns - self._outage_ns) / 1e9
            logger.info("%s: back after %.1f s", self._stream.name, outage_s)
        self._has_been_live = True

    def _await_retry(self, error: SourceError) -> None:
        """Wait for the next try's time, or raise because there is none."""
        is_refused = isinstance(error, SourceRefusedError)
        is_hopeless = is_refused or self._policy.is_first_failure_final
        limit = self._policy.max_retries
        if (is_hopeless and not self._has_been_live) or (
            limit is not None and self._retries >= limit
        ):
            self.health.failed(str(error))
            raise error
        self._report(error)
        self._retries += 1
        outage_s = self._policy.cap_s * 1e3 if is_refused else self._outage_s()
        delay_s = self._policy.delay_s(outage_s, self._random.random())
        if self._stopped.wait(delay_s):
            self._raise_if_stopped()

    def _report(self, error: SourceError) -> None:
        """Once an outage, or when the reason changes."""
        if not self._retries or self.health.snapshot().error != str(error):
            logger.warning("%s", error)
        self.health.lost(str(error))

    def _outage_s(self) -> float:
        return (self._clock.now_ns() - self._outage_ns) / 1e9

    def _raise_if_stopped(self) -> None:
        if self._stopped.is_set():
            raise ChannelClosed(f"stream '{self._stream_id}': stopped")

    def _disconnect(self) -> None:
        with self._lock:
            source, self._source = self._source, None
        if source is not None:
            source.__exit__(None, None, None)


class _Timeline:
    """Strings the frames of several connections onto one time."""

    def __init__(self) -> None:
        self._index = 0
        self._last: Frame | None = None
        self._end_s = Fraction(0)  # the latest time given so far
        self._shift: int | None = 0  # ticks; None until the connection's first frame
        self.interval_ns = 0

    def join(self) -> None:
        """The next frame is of another connection."""
        if self._last is not None:
            self._shift = None

    def place(self, frame: Frame) -> Frame:
        """The frame with its index and time within the stream."""
        last = self._last
        if last is not None and (self._shift is None or self._jumps(frame, last)):
            gap_s = max(frame.captured_ns - last.captured_ns, 1) * NANOSECOND
            ticks = (self._end_s + gap_s) / frame.time_base
            self._shift = -(-ticks.numerator // ticks.denominator) - frame.pts
        elif last is not None:
            self.interval_ns = frame.captured_ns - last.captured_ns
        placed = replace(frame, index=self._index, pts=frame.pts + (self._shift or 0))
        self._index += 1
        self._last = placed
        self._end_s = max(self._end_s, placed.pts * placed.time_base)
        return placed

    def _jumps(self, frame: Frame, last: Frame) -> bool:
        """A live frame's time has nothing to do with that of the one before."""
        step_s = (frame.pts + (self._shift or 0)) * frame.time_base - last.pts * last.time_base
        gap_s = (frame.captured_ns - last.captured_ns) * NANOSECOND
        return frame.stream.is_live and not -BACK_S <= step_s <= gap_s + AHEAD_S
