"""The terminal of a run: a console that survives its reader, and where log records appear."""

from __future__ import annotations

import logging
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO

from rich.console import Console
from rich.text import Text

from streamer.clock import Clock, MonotonicClock
from streamer.redact import redact

REPEAT_NS = 10_000_000_000  # 10 s in which the same words are not said again
FORGET_NS = 6 * REPEAT_NS
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # but tabs and line ends


class Terminal(Console):
    """A console whose reader may leave (`run.py ... | head -1`) without harm to the run."""

    on_give_back: Callable[[], object] | None = None  # set by who has changed how keys come

    def on_broken_pipe(self) -> None:
        """Go on in silence."""
        self.quiet = True
        silence(self.file)

    def hang_up(self) -> None:
        """Go on in silence if this is a terminal, for it is gone; within a signal's handler."""
        with suppress(OSError, ValueError):  # no file at all
            if stat.S_ISCHR(os.fstat(self.file.fileno()).st_mode):  # a lost one denies being one
                self.on_broken_pipe()

    def say(self, text: str) -> None:
        """Print `text` without secrets and without wrapping."""
        self.print(Text(_visible(redact(text))), soft_wrap=True)

    def fail(self, text: str) -> None:
        """Print an error, also where only errors are wanted."""
        line = _visible(f"error: {redact(text)}")
        if not self.quiet:
            self.print(Text(line), soft_wrap=True)
            return
        with suppress(OSError, ValueError):  # the reader has left
            self.file.write(f"{line}\n")
            self.file.flush()

    def relay(self, level: str, logger: str, text: str) -> None:  # noqa: ARG002 - others tell it
        """Print a log record."""
        if level in ("error", "critical"):
            self.fail(text)
        else:
            self.say(f"{level}: {text}")

    def give_back(self) -> None:
        """Leave it as it was found; also within a signal's handler."""
        self.show_cursor(show=True)
        if self.on_give_back is not None:
            self.on_give_back()


def _visible(text: str) -> str:
    r"""The text without what a terminal would obey: files may be called anything.

    >>> _visible("two\nlines of \x1b[31mred")
    'two\nlines of \\x1b[31mred'
    """
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


def silence(stream: IO[str]) -> None:
    """Let what is still in a stream's buffer go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


@contextmanager
def logging_to(screen: Terminal, *, is_verbose: bool) -> Iterator[None]:
    """Warnings go to `screen`; with `is_verbose` all that happens, if it is quiet errors alone."""
    handler = ConsoleHandler(screen)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO if is_verbose else logging.WARNING)
    if screen.quiet:
        root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


class ConsoleHandler(logging.Handler):
    """Prints each record as a line, without secrets; what repeats itself is counted instead.

    Args:
        console: the one that the live readout uses, so that lines appear above it.
        clock: says how long ago the same was said.
    """

    def __init__(self, console: Terminal, *, clock: Clock | None = None) -> None:
        super().__init__()
        self._console = console
        self._clock = clock or MonotonicClock()
        self._said: dict[str, tuple[int, int]] = {}  # text -> when, and how often since

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record; any thread, one at a time."""
        text = self.format(record)
        now_ns = self._clock.now_ns()
        said_ns, times = self._said.get(text, (None, 0))
        if said_ns is not None and now_ns - said_ns < REPEAT_NS:
            self._said[text] = said_ns, times + 1
            return
        recent = self._said.items()
        self._said = {key: said for key, said in recent if now_ns - said[0] < FORGET_NS}
        self._said[text] = now_ns, 0
        more = f" (and {times} times more meanwhile)" if times else ""
        self._console.relay(record.levelname.lower(), record.name, text + more)
