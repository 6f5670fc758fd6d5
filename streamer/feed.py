"""One source's thread, and the account of its stream."""

from __future__ import annotations

import threading

from streamer.channel import Channel
from streamer.clock import Clock
from streamer.contract import Source
from streamer.errors import ChannelClosed, SourceError
from streamer.frame import Frame, StreamInfo
from streamer.snapshot import StreamSnapshot, StreamState
from streamer.stats import Latency, StageTimes


class Feed:
    """Reads one source into its channel and keeps the stream's account.

    A source's failure is kept as the stream's error; it is nobody else's business.

    Args:
        source: read by `run`, in the thread that calls it.
        channel: towards the stage.
        times: gets "decode".
        clock: for latency and decode times.
        limit: frames at most, or None.
    """

    def __init__(
        self,
        source: Source,
        channel: Channel[Frame],
        times: StageTimes,
        clock: Clock,
        limit: int | None,
    ) -> None:
        self._source = source
        self._channel = channel
        self._times = times
        self._clock = clock
        self._limit = limit
        self._lock = threading.Lock()
        self._latency = Latency()
        self._info: StreamInfo | None = None
        self._error: str | None = None
        self._has_ended = False
        self._frames_in = self._frames_emitted = self._frames_done = self._dropped = 0

    def run(self) -> None:
        """Read to the end, the limit, a failure or `stop`."""
        try:
            with self._source as source:
                self._info = source.stream
                self._pump(source)
        except ChannelClosed:
            pass  # stopped from outside
        except SourceError as error:
            self._error = str(error)
        finally:
            self._has_ended = True
            self._channel.close()

    def stop(self) -> None:
        """Let the source end after the frame at hand."""
        self._channel.close()

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
        return StreamSnapshot(
            stream_id=self._source.stream_id,
            state=self._state(frames_in - done - dropped),
            info=self._info,
            frames_in=frames_in,
            frames_done=done,
            dropped=dropped,
            latency_p50_ns=self._latency.percentile_ns(50),
            latency_p95_ns=self._latency.percentile_ns(95),
            error=self._error,
        )

    def _pump(self, source: Source) -> None:
        frames = iter(source)
        while self._limit is None or self._frames_in < self._limit:
            start_ns = self._clock.now_ns()
            frame = next(frames, None)
            if frame is None:
                return
            self._times.add("decode", self._clock.now_ns() - start_ns)
            evicted = self._channel.put(frame)
            with self._lock:
                self._frames_in += 1
                self._dropped += evicted is not None

    def _state(self, in_flight: int) -> StreamState:
        if not self._has_ended:
            return "running" if self._info is not None else "opening"
        if self._error is not None:
            return "failed"
        return "running" if in_flight else "ended"
