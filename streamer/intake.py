"""Batches over many streams: round robin, whatever is ready, never waiting for a slow one.

Streams that lose nothing may together hold as many items as are taken at once, however few they
are: a full batch can gather while the last one is worked on.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from streamer.channel import Channel, Doorbell, Overflow
from streamer.errors import ChannelClosed

T = TypeVar("T")


class Intake(Generic[T]):
    """The reading end of one channel per stream, used by one thread."""

    def __init__(self) -> None:
        self._doorbell = Doorbell()
        self._channels: list[Channel[T]] = []
        self._next = 0
        self._is_sealed = False
        self._shared_out = (0, 0)  # among how many channels which limit was

    def open_channel(self, capacity: int, *, overflow: Overflow = Overflow.BLOCK) -> Channel[T]:
        """A new stream's channel, read from here on."""
        channel: Channel[T] = Channel(capacity, overflow=overflow, doorbell=self._doorbell)
        with self._doorbell.lock:
            self._channels.append(channel)
        return channel

    def seal(self) -> None:
        """Say that no channel will be opened any more, so that `take` can end."""
        with self._doorbell.lock:
            self._is_sealed = True
            self._doorbell.rung.notify_all()

    def take(self, limit: int, *, wait: bool) -> list[T]:
        """Up to `limit` items, one a stream in turn until none is ready.

        Args:
            limit: at least 1.
            wait: wait for the first item, or for a stream to end.

        Returns:
            What is ready, oldest first within a stream; nothing if not waiting, or if all that
            happened is that a stream ended.

        Raises:
            ChannelClosed: sealed, and every channel is closed and empty.
        """
        with self._doorbell.lock:
            ended = self._forget_drained()
            self._share_out(limit)
            while not (items := self._take_ready(limit)):
                if self._is_sealed and not self._channels:
                    raise ChannelClosed("every stream has ended")
                if ended or not wait:
                    break
                self._doorbell.rung.wait()
                ended = self._forget_drained()
            return items

    def wait_for(self, count: int, timeout_s: float) -> bool:
        """Wait until `count` items are ready, every stream has ended, or the time is over.

        Args:
            count: at least 1.
            timeout_s: seconds; 0 or less only looks.

        Returns:
            So many are ready.
        """
        with self._doorbell.lock:
            self._doorbell.rung.wait_for(
                lambda: self._is_ready(count) or all(each.is_closed for each in self._channels),
                timeout=max(0.0, timeout_s),
            )
            return self._is_ready(count)

    def _is_ready(self, count: int) -> bool:
        return sum(channel.waiting for channel in self._channels) >= count

    def _share_out(self, limit: int) -> None:
        """Room for `limit` items over all channels."""
        if self._channels and self._shared_out != (len(self._channels), limit):
            self._shared_out = (len(self._channels), limit)
            for channel in self._channels:
                channel.widen_locked(-(-limit // len(self._channels)))

    def _take_ready(self, limit: int) -> list[T]:
        items: list[T] = []
        idle = 0
        while self._channels and len(items) < limit and idle < len(self._channels):
            channel = self._channels[self._next % len(self._channels)]
            self._next = (self._next + 1) % len(self._channels)
            if channel.has_items:
                items.append(channel.take_locked())
                idle = 0
            else:
                idle += 1
        return items

    def _forget_drained(self) -> bool:
        before = len(self._channels)
        self._channels = [channel for channel in self._channels if not channel.is_drained]
        return len(self._channels) < before
