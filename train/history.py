"""The epochs so far: the rows that checkpoints, tables and curves are made from."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from train.eval.output import write_whole

HISTORY_FILE = "history.csv"


@dataclass(frozen=True, slots=True)
class EpochRow:
    """One epoch; None where nothing was measured.

    Attributes:
        epoch: from 1.
        steps: optimizer steps, in all.
        lr: learning rate of its last step.
        loss: mean of its steps: the weighted sum.
        heatmap: focal.
        size: L1, cells.
        offset: L1, cells.
        overlap: 1 - GIoU or 1 - DIoU.
        val_loss: the same on pictures not learnt from, as are the next four.
        val_heatmap: focal.
        val_size: L1, cells.
        val_offset: L1, cells.
        val_overlap: 1 - GIoU or 1 - DIoU.
        ap: COCO's, in 0..1, at the network's input size.
        ap50: at IoU 0.5.
        ap75: at IoU 0.75.
        pictures_per_second: learnt from, all processes together.
        data_wait: in 0..1; share of the time that learning waited for pictures.
        seconds: of learning, without the look at `val`.
        skipped: steps whose loss was no number, in all.
    """

    epoch: int
    steps: int
    lr: float
    loss: float
    heatmap: float
    size: float
    offset: float
    overlap: float
    val_loss: float | None = None
    val_heatmap: float | None = None
    val_size: float | None = None
    val_offset: float | None = None
    val_overlap: float | None = None
    ap: float | None = None
    ap50: float | None = None
    ap75: float | None = None
    pictures_per_second: float = 0.0
    data_wait: float = 0.0
    seconds: float = 0.0
    skipped: int = 0

    def plain(self) -> dict[str, float | int | None]:
        """For a checkpoint."""
        return asdict(self)

    @classmethod
    def read(cls, row: dict[str, Any]) -> EpochRow:  # Any: from a file; numbers or None
        """The inverse of `plain`; columns of other versions are left out.

        Raises:
            TypeError: a column is missing.
        """
        names = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in row.items() if name in names})


def best_epoch(rows: Sequence[EpochRow]) -> EpochRow | None:
    """The one with the highest AP and, among equal or unmeasured ones, the lowest loss on `val`."""
    held = [row for row in rows if row.val_loss is not None]
    return max(held, key=lambda row: (row.ap or 0.0, -(row.val_loss or 0.0)), default=None)


def write_table(folder: Path, rows: Sequence[EpochRow]) -> None:
    """All rows as CSV; written whole, so that going on after a kill repeats none.

    Raises:
        train.eval.output.OutputError: it cannot be written.
    """
    text = io.StringIO()
    table = csv.DictWriter(text, [field.name for field in fields(EpochRow)], lineterminator="\n")
    table.writeheader()
    table.writerows([_short(row.plain()) for row in rows])
    write_whole(folder / HISTORY_FILE, text.getvalue().encode())


def _short(row: dict[str, float | int | None]) -> dict[str, str]:
    """Six digits say all that such a number means."""
    return {
        name: "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
        for name, value in row.items()
    }
