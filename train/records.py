"""What a training leaves in its folder as it goes: the table of epochs, pictures, curves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from streamer.picture import BgrArray
from train.draw import tiled
from train.errors import CheckpointError
from train.eval.output import OutputError, make_folder, write_picture, write_whole
from train.history import EpochRow, write_table
from train.observer import StepReport

CURVES_FILE = "curves.png"


class Records:
    """An observer that writes history.csv and pictures/ after every epoch, curves.png at the end.

    Args:
        folder: to write to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows: list[EpochRow] = []

    def __enter__(self) -> Self:
        """Nothing yet."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Draws the curves, however the training ended, but on a disk that is full already."""
        if self._rows and not isinstance(exc, CheckpointError | OutputError):
            from train.curves import curves  # here: matplotlib takes a second to load

            write_whole(self._folder / CURVES_FILE, curves(self._rows))

    def began(self, rows: Sequence[EpochRow]) -> None:
        """Writes the table, which lacks a row where an earlier run was killed before writing it."""
        self._rows = list(rows)
        if rows:
            write_table(self._folder, rows)

    def stepped(self, report: StepReport) -> None:
        """Records are of epochs."""

    def finished(self, rows: Sequence[EpochRow], pictures: Sequence[BgrArray]) -> None:
        """Writes the table anew, whole, and the pictures as one.

        Raises:
            OutputError: a file cannot be written.
        """
        self._rows = list(rows)
        write_table(self._folder, rows)
        if pictures:
            folder = self._folder / "pictures"
            make_folder(folder)
            write_picture(folder / f"epoch_{rows[-1].epoch:04d}.jpg", tiled(pictures), quality=90)
