"""Ctrl-C, SIGTERM and a closed terminal: the first ends the work in hand cleanly.

A second Ctrl-C or SIGTERM ends the process at once; a terminal that closes may say so twice.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from types import FrameType, TracebackType
from typing import Self

HANDLED = (signal.SIGINT, signal.SIGTERM)
HANG_UP: signal.Signals | None = getattr(signal, "SIGHUP", None)  # Windows has none


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
        on_hang_up: called in turn in the handler when the terminal is gone.
    """

    def __init__(
        self,
        *,
        on_abandon: Callable[[], object] | None = None,
        on_hang_up: Sequence[Callable[[], object]] = (),
    ) -> None:
        self._on_abandon = on_abandon
        self._on_hang_up = on_hang_up
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
        if HANG_UP is not None and signal.getsignal(HANG_UP) is not signal.SIG_IGN:  # nohup
            self._old[HANG_UP] = signal.signal(HANG_UP, self._handle)
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
        for tell in self._on_hang_up if number == HANG_UP else ():
            tell()
        if not self._is_deferring:
            raise Interrupted(number)
        if self._received is None or number == HANG_UP:
            self._received = self._received or number
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
