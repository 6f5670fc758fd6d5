"""The only place where threads meet: bounded, closeable, counted."""

from __future__ import annotations

import enum
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from streamer.errors import ChannelClosed

T = TypeVar("T")


class Overflow(enum.Enum):
    """What a full channel does with the next item."""

    BLOCK = "block"
    DROP_OLDEST = "drop-oldest"


@dataclass(frozen=True, slots=True)
class ChannelCounts:
    """Every item accounted for: accepted = delivered + dropped + waiting, at every moment."""

    accepted: int = 0
    delivered: int = 0
    dropped: int = 0
    waiting: int = 0


class Doorbell:
    """One lock and one "something happened" for all channels that one reader watches."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.rung = threading.Condition(self.lock)


class Channel(Generic[T]):
    """A bounded queue of one writer side and one reader side.

    Args:
        capacity: most items waiting, at least 1.
        overflow: what `put` does when that many wait.
        doorbell: shared with other channels of the same reader; its own if None.

    Raises:
        ValueError: capacity below 1.
    """

    def __init__(
        self,
        capacity: int,
        *,
        overflow: Overflow = Overflow.BLOCK,
        doorbell: Doorbell | None = None,
    ) -> None:
        if capacity < 1:
            raise ValueError(f"capacity: expected at least 1, got {capacity!r}")
        self._capacity = capacity
        self._overflow = overflow
        self._doorbell = doorbell or Doorbell()
        self._not_full = threading.Condition(self._doorbell.lock)
        self._items: deque[T] = deque()
        self._is_closed = False
        self._accepted = self._delivered = self._dropped = 0

    def put(self, item: T) -> T | None:
        """Accept `item`, waiting for room under BLOCK; any thread.

        Returns:
            The item that had to go for it under DROP_OLDEST, else None.

        Raises:
            ChannelClosed: nobody will read it; also while waiting.
        """
        with self._doorbell.lock:
            if self._overflow is Overflow.BLOCK:
                self._not_full.wait_for(lambda: self._is_closed or self._has_room())
            if self._is_closed:
                raise ChannelClosed("the channel is closed")
            evicted = None
            if not self._has_room():
                evicted = self._items.popleft()
                self._dropped += 1
            self._items.append(item)
            self._accepted += 1
            self._doorbell.rung.notify()
            return evicted

    def get(self, *, timeout_s: float | None = None) -> T:
        """The oldest item, waiting for it.

        Raises:
            ChannelClosed: closed, and everything accepted has been delivered.
            TimeoutError: nothing came within `timeout_s` seconds.
        """
        with self._doorbell.lock:
            if not self._doorbell.rung.wait_for(
                lambda: self._items or self._is_closed, timeout=timeout_s
            ):
                raise TimeoutError(f"nothing came within {timeout_s} s")
            if not self._items:
                raise ChannelClosed("the channel is closed and empty")
            return self.take_locked()

    def take_locked(self) -> T:
        """The oldest item, for a reader that holds the doorbell's lock and saw `has_items`."""
        item = self._items.popleft()
        self._delivered += 1
        self._not_full.notify()
        return item

    def __iter__(self) -> Iterator[T]:
        """Items until the channel is closed and empty."""
        while True:
            try:
                item = self.get()
            except ChannelClosed:
                return
            yield item

    def close(self) -> None:
        """Accept nothing more; what waits is still delivered. Wakes everyone; may be repeated."""
        with self._doorbell.lock:
            self._is_closed = True
            self._not_full.notify_all()
            self._doorbell.rung.notify_all()

    def abort(self) -> list[T]:
        """Close, and return what waited: it counts as dropped."""
        with self._doorbell.lock:
            self._is_closed = True
            lost = list(self._items)
            self._items.clear()
            self._dropped += len(lost)
            self._not_full.notify_all()
            self._doorbell.rung.notify_all()
            return lost

    def widen_locked(self, capacity: int) -> None:
        """Let at least so many items wait, for a reader that holds the doorbell's lock.

        Where the newest item wins, nothing changes: more of them would only be older.
        """
        if self._overflow is Overflow.BLOCK and capacity > self._capacity:
            self._capacity = capacity
            self._not_full.notify_all()

    @property
    def has_items(self) -> bool:
        """Something waits."""
        return bool(self._items)

    @property
    def waiting(self) -> int:
        """Items that wait, for a reader that holds the doorbell's lock."""
        return len(self._items)

    @property
    def is_closed(self) -> bool:
        """Nothing more is accepted."""
        return self._is_closed

    @property
    def is_drained(self) -> bool:
        """Closed, and nothing waits."""
        return self._is_closed and not self._items

    @property
    def counts(self) -> ChannelCounts:
        """A consistent reading of the counters."""
        with self._doorbell.lock:
            return ChannelCounts(self._accepted, self._delivered, self._dropped, len(self._items))

    def _has_room(self) -> bool:
        return len(self._items) < self._capacity
