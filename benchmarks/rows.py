"""One table for everything that is measured: the ratio first, then what it is made of."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison.

    Attributes:
        part: of the table.
        name: what is compared, such as "pipeline / detector alone, 6 ms, batch 8, 4 streams".
        ratio: median over the rounds; None where it could not be measured here.
        aim: the ratio should be at least so large; None where nothing was promised.
        says: the figures behind it, or how to get them.
        samples: the ratio of every round.
    """

    part: str
    name: str
    ratio: float | None
    aim: float | None = None
    says: str = ""
    samples: tuple[float, ...] = ()

    @classmethod
    def of(
        cls, part: str, name: str, samples: Sequence[float], says: str, aim: float | None = None
    ) -> Row:
        """The median of what the rounds gave."""
        return cls(part, name, statistics.median(samples), aim, says, tuple(samples))

    @property
    def verdict(self) -> str:
        """Whether the aim is met; empty where there is none."""
        if self.aim is None or self.ratio is None:
            return ""
        return "met" if self.ratio >= self.aim else "SHORT"


def table_of(rows: Sequence[Row]) -> Table:
    """Ratios first; a part's name stands at its first row."""
    from rich.table import Table  # here: who only makes rows does without it

    table = Table(title="ratios, and what they are made of", title_justify="left")
    table.add_column("ratio", justify="right", no_wrap=True)
    table.add_column("aim", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("what")
    table.add_column("figures")
    part = ""
    for row in rows:
        if row.part != part:
            part = row.part
            table.add_section()
            table.add_row("", "", "", f"[bold]{part}[/bold]", "")
        ratio = "" if row.ratio is None else f"{row.ratio:.3f}"
        aim = "" if row.aim is None else f"{row.aim:.2f}"
        table.add_row(ratio, aim, row.verdict, row.name, row.says)
    return table
