"""Ctrl-C and SIGTERM: the first ends the work in hand cleanly, the second at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self

HANDLED = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """A signal came while there was nothing to finish; like KeyboardInterrupt, no Exception."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = exit_code(number)


class StopSignals:
    """Takes the signals while entered; main thread only.

    The handler itself only takes note, for a signal may come while the main thread holds a lock.

    Args:
        on_abandon: called in the handler before a second signal ends the process at once.
    """

    def __init__(self, *, on_abandon: Callable[[], object] | None = None) -> None:
        self._on_abandon = on_abandon
        self._received: int | None = None
        self._is_deferring = False

    @property
    def exit_code(self) -> int | None:
        """What the process is to end with, or None while no signal has come."""
        return None if self._received is None else exit_code(self._received)

    def defer(self) -> None:
        """From now on there is work to finish: a first signal is only noted."""
        self._is_deferring = True

    def __enter__(self) -> Self:
        """Take the signals."""
        self._old = {number: signal.signal(number, self._handle) for number in HANDLED}
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give them back."""
        for number, handler in self._old.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - its form
        if not self._is_deferring:
            raise Interrupted(number)
        if self._received is None:
            self._received = number
            return
        if self._on_abandon is not None:
            self._on_abandon()
        os._exit(exit_code(number))


def exit_code(number: int) -> int:
    """What a shell reports for a process that a signal ended.

    >>> exit_code(signal.SIGINT), exit_code(signal.SIGTERM)
    (130, 143)
    """
    return 128 + number
