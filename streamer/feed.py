"""One source's thread, and the account of its stream."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from streamer.channel import Channel, Overflow
from streamer.clock import Clock
from streamer.contract import Source
from streamer.errors import ChannelClosed, SourceError
from streamer.frame import Frame, StreamInfo
from streamer.health import Health, HealthSnapshot
from streamer.snapshot import StreamSnapshot, StreamState
from streamer.stats import Latency, StageTimes


@dataclass(frozen=True, slots=True, eq=False)
class Inlet:
    """A source and how its frames wait for the stage.

    Attributes:
        source: opened, read and closed by a thread of its own.
        overflow: BLOCK for recordings: every frame counts. DROP_OLDEST for live ones: the newest
            frame wins.
        capacity: frames that may wait. 4: fewer starves a batch of a fast file, more only adds
            latency.
        max_staleness_s: a frame that has waited longer is dropped, and counted; None for ever.
    """

    source: Source
    overflow: Overflow = Overflow.BLOCK
    capacity: int = 4
    max_staleness_s: float | None = None

    @classmethod
    def live(cls, source: Source, *, max_staleness_s: float | None = None) -> Inlet:
        """The newest frame wins."""
        return cls(source, Overflow.DROP_OLDEST, 1, max_staleness_s)


@runtime_checkable
class Stoppable(Protocol):
    """A source whose waiting can be ended from another thread."""

    def stop(self) -> None:
        """End the read or wait at hand soon; any thread, any time, any number of times."""
        ...


@runtime_checkable
class Watched(Protocol):
    """A source that says how it fares."""

    @property
    def health(self) -> Health:
        """Read by any thread."""
        ...


class Feed:
    """Reads one source into its channel and keeps the stream's account.

    A source's failure is kept as the stream's error; it is nobody else's business.

    Args:
        inlet: its source is read by `run`, in the thread that calls it.
        channel: towards the stage.
        times: gets "decode".
        clock: for latency and decode times.
        limit: frames at most, or None.
    """

    def __init__(
        self,
        inlet: Inlet,
        channel: Channel[Frame],
        times: StageTimes,
        clock: Clock,
        limit: int | None,
    ) -> None:
        self._source = inlet.source
        self._max_staleness_s = inlet.max_staleness_s
        self._channel = channel
        self._times = times
        self._clock = clock
        self._limit = limit
        self._lock = threading.Lock()
        self._latency = Latency()
        self._info: StreamInfo | None = None
        self._error: str | None = None
        self._has_ended = self._is_stopped = False
        self._frames_in = self._frames_emitted = self._frames_done = self._dropped = 0

    @property
    def stream_id(self) -> str:
        """The source's."""
        return self._source.stream_id

    def run(self) -> None:
        """Read to the end, the limit, a failure or `stop`."""
        try:
            with self._source as source:
                self._info = source.stream
                self._pump(source)
        except ChannelClosed:
            pass  # stopped from outside
        except SourceError as error:
            if not self._is_stopped:  # a read that `stop` ended is no failure
                self._error = str(error)
        finally:
            self._has_ended = True
            self._channel.close()

    def stop(self) -> None:
        """Let the source end after the frame at hand, or from its waiting."""
        self._is_stopped = True
        self._channel.close()
        if isinstance(self._source, Stoppable):
            self._source.stop()

    def admits(self, frame: Frame) -> bool:
        """The frame is young enough for the stage; if not, it is booked as dropped."""
        if self._max_staleness_s is None:
            return True
        age_s = (self._clock.now_ns() - frame.captured_ns) / 1e9
        if age_s <= self._max_staleness_s:
            return True
        with self._lock:
            self._dropped += 1
            self._frames_emitted += 1
        return False

    def abandon(self) -> None:
        """Nobody will take the waiting frames any more."""
        lost = self._channel.abort()
        with self._lock:
            self._dropped += len(lost)

    def emitted(self) -> None:
        """The stage has passed one frame on; called by the stage's thread."""
        self._frames_emitted += 1

    def done(self, captured_ns: int, *, is_lost: bool) -> None:
        """A frame has passed its last sink, or one of them lost it; any thread."""
        latency_ns = self._clock.now_ns() - captured_ns
        with self._lock:
            if is_lost:
                self._dropped += 1
            else:
                self._frames_done += 1
        if not is_lost:
            self._latency.add(latency_ns)

    @property
    def is_emitted(self) -> bool:
        """The source has ended and the stage has passed on all it accepted."""
        if not self._has_ended:
            return False
        counts = self._channel.counts
        return counts.waiting == 0 and counts.delivered == self._frames_emitted

    def snapshot(self) -> StreamSnapshot:
        """How the stream stands; any thread."""
        with self._lock:
            frames_in, done, dropped = self._frames_in, self._frames_done, self._dropped
        health = self._source.health.snapshot() if isinstance(self._source, Watched) else None
        return StreamSnapshot(
            stream_id=self._source.stream_id,
            state=self._state(frames_in - done - dropped, health),
            info=self._info,
            frames_in=frames_in,
            frames_done=done,
            dropped=dropped,
            latency_p50_ns=self._latency.percentile_ns(50),
            latency_p95_ns=self._latency.percentile_ns(95),
            error=self._error or _trouble(health),
            reconnects=0 if health is None else health.reconnects,
        )

    def _pump(self, source: Source) -> None:
        frames = iter(source)
        while self._limit is None or self._frames_in < self._limit:
            start_ns = self._clock.now_ns()
            frame = next(frames, None)
            if frame is None:
                return
            self._times.add("decode", self._clock.now_ns() - start_ns)
            self._info = frame.stream  # another one after a reconnect
            evicted = self._channel.put(frame)
            with self._lock:
                self._frames_in += 1
                self._dropped += evicted is not None

    def _state(self, in_flight: int, health: HealthSnapshot | None) -> StreamState:
        if not self._has_ended:
            if health is not None:
                return health.state
            return "running" if self._info is not None else "opening"
        if self._error is not None:
            return "failed"
        return "running" if in_flight else "ended"


def _trouble(health: HealthSnapshot | None) -> str | None:
    """What a stream is being retried for."""
    return health.error if health is not None and health.state == "retrying" else None
