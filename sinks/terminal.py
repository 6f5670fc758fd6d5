"""The terminal of a run: a console that survives its reader, and where log records appear."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from rich.console import Console
from rich.text import Text

from streamer.redact import redact


class Terminal(Console):
    """A console whose reader may leave (`run.py ... | head -1`) without harm to the run."""

    def on_broken_pipe(self) -> None:
        """Go on in silence."""
        self.quiet = True
        silence(self.file)

    def say(self, text: str) -> None:
        """Print `text` without secrets and without wrapping."""
        self.print(Text(redact(text)), soft_wrap=True)


def silence(stream: IO[str]) -> None:
    """Let what is still in a stream's buffer go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


@contextmanager
def logging_to(screen: Terminal, *, is_verbose: bool) -> Iterator[None]:
    """Warnings, or with `is_verbose` all that happens, go to `screen`."""
    handler = ConsoleHandler(screen)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO if is_verbose else logging.WARNING)
    try:
        yield
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


class ConsoleHandler(logging.Handler):
    """Prints each record as a line, without secrets.

    Args:
        console: the one that the live readout uses, so that lines appear above it.
    """

    def __init__(self, console: Terminal) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record; any thread."""
        self._console.say(f"{record.levelname.lower()}: {self.format(record)}")
