"""Keys typed at the terminal of a run, one by one and without echo."""

from __future__ import annotations

import os
import re
import signal
import sys
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any, Protocol, Self

from sinks.terminal import Terminal
from streamer.contract import HoldsNothing, Resource

# One key: an escape sequence (cursor and function keys, Alt with a key), Esc alone, or a character.
_KEY = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1bO.|\x1b[^\x1b]|\x1b|.", re.DOTALL)
_NAMES = {"\x1b": "escape", " ": "space"}


class Keyboard(Resource, Protocol):
    """Where keys come from; for the main thread, entered around the run."""

    def pressed(self) -> list[str]:
        """What was pressed since the last call, such as `q`, `space`, `suspend`; never waits."""
        ...

    def suspend(self) -> None:
        """Stand still until told to go on; to be called on the key `suspend`."""
        ...

    def restore(self) -> None:
        """Leave the terminal as it was found; any time, any number of times."""
        ...


def open_keyboard(screen: Terminal) -> Keyboard | None:
    """The keyboard, not yet entered, or None where nobody can type or would see what for.

    Args:
        screen: gives the keyboard back where the process is abandoned.
    """
    if screen.quiet or not screen.is_terminal:
        return None
    if sys.stdin is None or sys.stdin.closed or not sys.stdin.isatty():
        return None
    if sys.platform == "win32":
        return WindowsKeyboard()
    keyboard = PosixKeyboard(sys.stdin.fileno())
    screen.on_give_back = keyboard.restore
    return keyboard


def keys_in(text: str) -> list[str]:
    r"""The keys behind what a terminal sends.

    >>> keys_in("q \x1b[AS"), keys_in("\x1b")
    (['q', 'space', 's'], ['escape'])
    """
    keys = (match.group() for match in _KEY.finditer(text))
    return [_NAMES.get(key, key.lower()) for key in keys if len(key) == 1]


class PosixKeyboard:
    """Takes a terminal out of line mode while entered; Ctrl-C keeps its meaning.

    Ctrl-Z becomes the key `suspend`, so that the terminal can be tidied first. When the process
    goes on in the foreground the keys are taken again; in the background the terminal is left
    alone, for a touch would stop us.

    Args:
        descriptor: of the terminal.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._found: list[Any] | None = None  # as termios has it
        self._is_taken = False
        self._wants_stop = self._wants_keys = False  # noted by handlers
        self._old: dict[int, Any] = {}  # handlers

    def __enter__(self) -> Self:
        """Take the keys, if we are in the foreground."""
        self._old = {
            signal.SIGTSTP: signal.signal(signal.SIGTSTP, self._note),
            signal.SIGCONT: signal.signal(signal.SIGCONT, self._note),
        }
        self._take()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the terminal as it was found."""
        self.restore()
        for number, handler in self._old.items():
            signal.signal(number, handler)

    def pressed(self) -> list[str]:
        """What was pressed since the last call."""
        import select

        if self._wants_stop:
            return ["suspend"]
        if self._wants_keys:  # whatever stopped us may have left the terminal in any state
            self._wants_keys = False
            self._take()
        if not self._is_taken or not self._is_ours():
            return []
        if not select.select([self._descriptor], [], [], 0)[0]:
            return []
        try:
            data = os.read(self._descriptor, 1024)
        except OSError:  # the terminal is gone
            data = b""
        if not data:
            self._is_taken = False
        return keys_in(data.decode(errors="replace"))

    def suspend(self) -> None:
        """Stop as Ctrl-Z does; comes back when the process goes on."""
        self.restore()
        noting = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)  # here the process stands still
        signal.signal(signal.SIGTSTP, noting)
        self._wants_stop, self._wants_keys = False, True

    def restore(self) -> None:
        """Leave the terminal as it was found."""
        import termios

        if self._is_taken and self._is_ours():
            self._is_taken = False
            with suppress(termios.error):  # it is gone
                termios.tcsetattr(self._descriptor, termios.TCSANOW, self._found or [])

    def _take(self) -> None:
        import termios
        import tty

        if not self._is_ours():
            return
        with suppress(termios.error):  # it is gone
            self._found = self._found or termios.tcgetattr(self._descriptor)
            tty.setcbreak(self._descriptor, termios.TCSANOW)
            self._is_taken = True

    def _is_ours(self) -> bool:
        """We are in the foreground: elsewhere a touch of the terminal would stop the process."""
        try:
            return os.tcgetpgrp(self._descriptor) == os.getpgrp()
        except OSError:
            return False

    def _note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - its form
        if number == signal.SIGTSTP:
            self._wants_stop = True
        else:
            self._wants_keys = True


class WindowsKeyboard(HoldsNothing):
    """Asks the console's C library; the console itself needs no preparation."""

    def pressed(self) -> list[str]:
        """What was pressed since the last call; cursor and function keys come as two characters."""
        keys: list[str] = []
        if sys.platform == "win32":
            import msvcrt

            while msvcrt.kbhit():
                key = msvcrt.getwch()
                if key in "\x00\xe0":
                    msvcrt.getwch()
                    continue
                keys += keys_in(key)
        return keys

    def suspend(self) -> None:
        """There is no such key."""

    def restore(self) -> None:
        """Nothing was changed."""
