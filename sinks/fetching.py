"""A download on the console: a bar, or a line now and then where none can be."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from streamer.clock import Clock, MonotonicClock

LINE_EVERY_NS = 5_000_000_000  # 5 s


class Fetching:
    """Shows how far downloads are; for one thread, entered around them.

    Args:
        console: a terminal gets a bar, anything else a line every few seconds.
        clock: says when the next line is due.
    """

    def __init__(self, console: Console, *, clock: Clock | None = None) -> None:
        self._console = console
        self._clock = clock or MonotonicClock()
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._next_line_ns = self._clock.now_ns()

    def __enter__(self) -> Self:
        """Nothing is shown before something is fetched."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the bars as they are."""
        if self._bars is not None:
            self._bars.stop()

    def show(self, name: str, done_bytes: int, total_bytes: int | None) -> None:
        """So much of `name` is there."""
        if self._console.is_terminal:
            self._show_bar(name, done_bytes, total_bytes)
        elif self._clock.now_ns() >= self._next_line_ns:
            self._next_line_ns = self._clock.now_ns() + LINE_EVERY_NS
            whole = "" if total_bytes is None else f" of {total_bytes / 1e6:.1f}"
            line = f"fetching {name}: {done_bytes / 1e6:.1f}{whole} MB"
            self._console.print(Text(line), soft_wrap=True)

    def _show_bar(self, name: str, done_bytes: int, total_bytes: int | None) -> None:
        if self._bars is None:
            columns = (TextColumn("{task.description}", markup=False), BarColumn())
            self._bars = Progress(
                *columns, DownloadColumn(), TimeRemainingColumn(), console=self._console
            )
            self._bars.start()
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(name, total=total_bytes)
        self._bars.update(self._tasks[name], completed=done_bytes, total=total_bytes)
