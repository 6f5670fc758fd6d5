"""One sink's channel and thread."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from streamer.channel import Channel, Overflow
from streamer.clock import Clock
from streamer.contract import EndAware, Sink
from streamer.errors import ChannelClosed, SinkError
from streamer.feed import Feed
from streamer.result import Result, StreamEnd
from streamer.stats import StageTimes

T = TypeVar("T")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Outlet(Generic[T]):
    """A sink and how it is fed.

    Attributes:
        sink: entered, written and left by a thread of its own.
        stream_ids: the streams it serves, or None for all; it is left as soon as these have ended.
        is_optional: its SinkError costs only its own data; any other ends the run.
        overflow: what happens when it is slower than the stage.
        capacity: results that may wait for it.
    """

    sink: Sink[T]
    stream_ids: frozenset[str] | None = None
    is_optional: bool = False
    overflow: Overflow = Overflow.BLOCK
    capacity: int = 8  # 8: rides out a keyframe, more only holds pictures in memory


class Delivery:
    """A frame on its way to several sinks; the last one books it.

    Args:
        feed: of its stream, which keeps the books.
        captured_ns: when it was.
        pending: sinks.
        is_lost: all sinks that wanted it have given up.
    """

    def __init__(
        self, feed: Feed, captured_ns: int, *, pending: int, is_lost: bool = False
    ) -> None:
        self._feed = feed
        self._captured_ns = captured_ns
        self._pending = pending
        self._is_lost = is_lost
        self._lock = threading.Lock()
        if not pending:
            feed.done(captured_ns, is_lost=is_lost)

    def settle(self, *, is_lost: bool = False) -> None:
        """One sink is through with the frame, or has lost it; any thread."""
        with self._lock:
            self._pending -= 1
            self._is_lost |= is_lost
            is_last = self._pending == 0
        if is_last:
            self._feed.done(self._captured_ns, is_lost=self._is_lost)


class OutletThread(Generic[T]):
    """Feeds one sink from its channel.

    Args:
        outlet: what to feed, and how.
        times: gets a part with the sink's name.
        clock: for times.
    """

    def __init__(self, outlet: Outlet[T], times: StageTimes, clock: Clock) -> None:
        self.name = outlet.sink.name
        self.stream_ids = outlet.stream_ids
        self.is_detached = False  # it has given up, and the run goes on without it
        self._outlet = outlet
        self._times = times
        self._clock = clock
        self._channel: Channel[tuple[Result[T], Delivery] | StreamEnd] = Channel(
            outlet.capacity, overflow=outlet.overflow
        )

    def serves(self, stream_id: str) -> bool:
        """It wants this stream's results."""
        return self.stream_ids is None or stream_id in self.stream_ids

    def put(self, result: Result[T], delivery: Delivery) -> None:
        """Hand a result over; called by the stage's thread."""
        try:
            evicted = self._channel.put((result, delivery))
        except ChannelClosed:  # the sink has given up
            delivery.settle(is_lost=True)
        else:
            _settle_lost(evicted)

    def put_end(self, end: StreamEnd) -> None:
        """Say that a stream is over, if the sink wants to know; called by the stage's thread."""
        if isinstance(self._outlet.sink, EndAware):
            with suppress(ChannelClosed):  # the sink has given up
                _settle_lost(self._channel.put(end))

    def close(self) -> None:
        """No result will come any more; what waits is still written."""
        self._channel.close()

    def run(self) -> None:
        """Write until closed; leave the sink whatever happens."""
        try:
            with self._outlet.sink as sink:
                for item in self._channel:
                    if isinstance(item, StreamEnd):
                        self._end_stream(sink, item)
                    else:
                        self._write(sink, *item)
        except SinkError as error:
            if not self._outlet.is_optional:
                raise
            self.is_detached = True
            logger.warning("sink %s is detached: %s", self.name, error)
        finally:
            for item in self._channel.abort():
                _settle_lost(item)

    def _end_stream(self, sink: Sink[T], end: StreamEnd) -> None:
        if isinstance(sink, EndAware):
            sink.end_stream(end)

    def _write(self, sink: Sink[T], result: Result[T], delivery: Delivery) -> None:
        start_ns = self._clock.now_ns()
        is_written = False
        try:
            sink.write(result)
            is_written = True
        finally:
            self._times.add(self.name, self._clock.now_ns() - start_ns)
            delivery.settle(is_lost=not is_written)


def _settle_lost(item: tuple[Result[T], Delivery] | StreamEnd | None) -> None:
    """A frame that no sink will see any more is booked as lost."""
    if isinstance(item, tuple):
        item[1].settle(is_lost=True)
