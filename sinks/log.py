"""Log records on a console, above whatever is live there."""

from __future__ import annotations

import logging

from rich.console import Console
from rich.text import Text

from streamer.redact import redact


class ConsoleHandler(logging.Handler):
    """Prints each record as a line, without secrets.

    Args:
        console: the one that the live readout uses, so that lines appear above it.
    """

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record; any thread."""
        line = f"{record.levelname.lower()}: {redact(self.format(record))}"
        self._console.print(Text(line), soft_wrap=True)
