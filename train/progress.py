"""How the training goes, on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from streamer.clock import Clock, MonotonicClock
from streamer.picture import BgrArray
from train.history import EpochRow, best_epoch
from train.observer import StepReport

_TOLD_EVERY_NS = 60 * 10**9  # between two lines


class ConsoleProgress:
    """A bar for every epoch where there is a terminal, and one line when it is over everywhere.

    Without a terminal a line comes now and then, for an epoch may take hours.

    Args:
        console: to write to.
        epochs: in all.
        clock: for these lines; the machine's where None.
    """

    def __init__(self, console: Console, epochs: int, clock: Clock | None = None) -> None:
        self._console = console
        self._epochs = epochs
        self._clock = clock or MonotonicClock()
        self._told_ns = self._clock.now_ns()
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        self._bar = Progress(
            *columns,
            TimeRemainingColumn(),
            TextColumn("{task.fields[told]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=None, told="")

    def __enter__(self) -> Self:
        """Shows the bar."""
        self._bar.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Takes it away."""
        self._bar.stop()

    def began(self, rows: Sequence[EpochRow]) -> None:
        """What was is told already."""

    def stepped(self, report: StepReport) -> None:
        """After every step."""
        is_time = self._clock.now_ns() - self._told_ns >= _TOLD_EVERY_NS
        if not is_time and self._bar.disable:
            return
        told = (
            f"loss {report.losses.total:.3f}  lr {report.lr:.2e}  "
            f"{report.pictures_per_second:.1f} pictures/s  waits {report.data_wait:.0%}"
        )
        where = f"epoch {report.epoch}/{self._epochs}"
        if self._bar.disable:
            self._told_ns = self._clock.now_ns()
            self._say(f"{where}  step {report.step}/{report.steps}  {told}")
        self._bar.update(
            self._task,
            description=where,
            completed=report.step,
            total=report.steps,
            told=told,
        )

    def finished(self, rows: Sequence[EpochRow], pictures: Sequence[BgrArray]) -> None:
        """After every epoch: one line."""
        del pictures  # a terminal shows none
        row, best = rows[-1], best_epoch(rows)
        parts = [f"epoch {row.epoch}/{self._epochs}", f"loss {row.loss:.4f}"]
        if row.val_loss is not None:
            parts.append(f"val {row.val_loss:.4f}")
        if row.ap is not None and row.ap50 is not None:
            parts.append(f"AP {row.ap:.3f}  AP50 {row.ap50:.3f}")
        parts.append(f"lr {row.lr:.2e}")
        parts.append(f"{row.pictures_per_second:.1f} pictures/s")
        parts.append(f"waits {row.data_wait:.0%}")
        if row.skipped:
            parts.append(f"{row.skipped} steps skipped")
        if best is not None and best.epoch == row.epoch:
            parts.append("best")
        self._told_ns = self._clock.now_ns()
        self._say("  ".join(parts))

    def _say(self, line: str) -> None:
        self._console.print(line, highlight=False, soft_wrap=True)
