"""A few recordings at a time: a folder may hold more than the machine has files and memory for."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from streamer.contract import DeviceSource, Source
from streamer.errors import SourceOpenError
from streamer.samples import DlDevice
from streamer.sources.wrapped import Wrapped


class Turns:
    """Lets so many have their turn at once, in the order in which they ask.

    Args:
        count: at least 1.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._lock = threading.Lock()
        # In order; those who wait are woken alone.
        self._waiting: dict[InTurn, threading.Event] = {}

    def take(self, source: InTurn) -> bool:
        """Wait for a turn; False if the source is stopped before."""
        with self._lock:
            if source.is_stopped:
                return False
            if self._free:
                self._free -= 1
                return True
            called = self._waiting[source] = threading.Event()
        called.wait()
        with self._lock:
            return self._waiting.pop(source, None) is None  # still in line: it was stopped

    def give_back(self) -> None:
        """A turn is over; who has waited longest has it now."""
        with self._lock:
            first = next((each for each in self._waiting if not each.is_stopped), None)
            if first is None:
                self._free += 1
            else:
                self._waiting.pop(first).set()

    def wake(self, source: InTurn) -> None:
        """A source has been stopped, perhaps while it waits."""
        with self._lock:
            if source in self._waiting:
                self._waiting[source].set()


class InTurn(Wrapped):
    """A recording that is opened when it has its turn, which ends when it is closed.

    Args:
        source: the recording.
        turns: shared with the other recordings of the run.
    """

    def __init__(self, source: Source, turns: Turns) -> None:
        super().__init__(source)
        self._turns = turns
        self._has_turn = False
        self.is_stopped = False

    def stop(self) -> None:
        """End soon, also while waiting for a turn; any thread, for good."""
        self.is_stopped = True
        self._turns.wake(self)
        super().stop()

    def stay_on(self, device: DlDevice) -> None:
        """Pictures may stay in that device's memory; said before the source is entered."""
        if isinstance(self._source, DeviceSource):
            self._source.stay_on(device)

    def __enter__(self) -> Self:
        """Wait for a turn and open the recording.

        Raises:
            SourceOpenError: it cannot be opened, or was stopped before its turn.
        """
        self._has_turn = self._turns.take(self)
        if not self._has_turn:
            raise SourceOpenError(f"source '{self.stream_id}': stopped before its turn")
        try:
            super().__enter__()
        except BaseException:
            self._end_turn()
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the recording and give the turn back."""
        try:
            super().__exit__(exc_type, exc, traceback)
        finally:
            self._end_turn()

    def _end_turn(self) -> None:
        if self._has_turn:
            self._has_turn = False
            self._turns.give_back()
