"""The live readout: a table that follows the run, or a line now and then where none can."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sinks.progress import Progress, Rates, total
from streamer.snapshot import RunSnapshot

FIRST_LINE_NS = 1_000_000_000  # 1 s: soon, so that a log shows at once that the run is alive
LINE_EVERY_NS = 5_000_000_000  # 5 s between lines: a log of an hour stays readable

# Rows that are no stream: head, rule, the total, and the line the cursor needs.
OTHER_ROWS = 4

TITLES = ("stream", "frames", "%", "fps", "elapsed", "ETA", "p50/p95 ms", "drops", "state")
SPARED = ("elapsed", "drops", "ETA", "p50/p95 ms")  # left out first where there is no room
NAME_WIDTH = 8  # characters of a name that still tell it from others
GAP = 2  # blanks between columns

STATE_STYLES = {
    "opening": "yellow",
    "running": "cyan",
    "ended": "green",
    "failed": "bold red",
    "connecting": "yellow",
    "live": "cyan",
    "stalled": "bold yellow",
    "retrying": "bold yellow",
}


class Readout:
    """Shows snapshots on a console; for one thread, entered around the run.

    Args:
        console: a terminal gets a live table, anything else a line every few seconds.
        limit: frames a stream at most, as the pipeline has it.
    """

    def __init__(self, console: Console, *, limit: int | None = None) -> None:
        self._console = console
        self._rates = Rates(limit=limit)
        self._live: Live | None = None
        self._next_line_ns = FIRST_LINE_NS
        self._last: Sequence[Progress] = ()
        self._last_line = ""

    def __enter__(self) -> Self:
        """Start the live table where there can be one."""
        if self._console.is_terminal:
            self._live = Live(
                console=self._console,
                auto_refresh=False,  # the run's ticks are often enough, and its thread is ours
                transient=True,  # the summary will say it all
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Take the table away, or end with a last line if there was a frame."""
        if self._live is not None:
            self._live.stop()
        elif any(stream.done for stream in self._last):
            self._print_line()

    def show(self, snapshot: RunSnapshot) -> None:
        """Show how the run stands now."""
        self._last = self._rates.add(snapshot)
        if self._live is not None:
            self._live.update(live_table(self._last, *self._console.size), refresh=True)
        elif snapshot.elapsed_ns >= self._next_line_ns:
            self._next_line_ns = snapshot.elapsed_ns + LINE_EVERY_NS
            self._print_line()

    def _print_line(self) -> None:
        line = plain_line(self._last)
        if line != self._last_line:
            self._console.print(Text(line), soft_wrap=True)
        self._last_line = line


def plain_line(streams: Sequence[Progress]) -> str:
    """The whole run on one line, however many streams it has."""
    run = total(streams)
    return (
        f"{run.name}: {run.standing}, frames {run.frames} {run.percent}, {run.fps} fps, "
        f"elapsed {run.elapsed}, ETA {run.eta}, latency p50/p95 {run.latency} ms, "
        f"dropped {run.dropped}"
    )


def live_table(streams: Sequence[Progress], width: int, height: int) -> Table:
    """A row a stream, as many as `height` lines hold, and a row for all of them.

    Args:
        streams: at least one.
        width: columns of the terminal.
        height: lines of the terminal.
    """
    room = max(1, height - OTHER_ROWS)
    shown = streams if len(streams) <= room else _most_telling(streams, room)
    rows = [_cells(stream) for stream in shown]
    if len(streams) > 1:
        rows.append([*_cells(total(streams))[:-1], ""])
    kept, name_width = _fitting(rows, width)
    table = Table(box=None, pad_edge=False, collapse_padding=True, padding=(0, GAP, 0, 0))
    for column in kept:
        is_text = TITLES[column] in ("stream", "state")
        table.add_column(TITLES[column], justify="left" if is_text else "right", no_wrap=True)
    table.columns[0].max_width = name_width
    for row in rows:
        style = "bold" if row[-1] == "" else ""
        state = Text(row[-1], style=STATE_STYLES.get(row[-1].partition(",")[0], ""))
        table.add_row(*(Text(row[column]) for column in kept[:-1]), state, style=style)
    return table


def _fitting(rows: Sequence[Sequence[str]], width: int) -> tuple[list[int], int]:
    """The columns that fit in `width`, and what is left for the name.

    Only the name gives way, then whole columns: a number cut short is another number.
    """
    widths = [max(map(len, column)) for column in zip(TITLES, *rows, strict=True)]
    kept = list(range(len(TITLES)))
    left_out = [TITLES.index(title) for title in SPARED]
    while (name_width := width - sum(widths[column] + GAP for column in kept[1:])) < min(
        NAME_WIDTH, widths[0]
    ):
        if not left_out:
            break
        kept.remove(left_out.pop(0))
    return kept, max(1, name_width)


def _most_telling(streams: Sequence[Progress], room: int) -> Sequence[Progress]:
    """Those at work or in trouble before those that have ended, in their order."""
    ranked = sorted(range(len(streams)), key=lambda index: streams[index].state == "ended")
    return [streams[index] for index in sorted(ranked[:room])]


def _cells(stream: Progress) -> list[str]:
    return [
        stream.name,
        stream.frames,
        stream.percent,
        stream.fps,
        stream.elapsed,
        stream.eta,
        stream.latency,
        str(stream.dropped),
        stream.standing,
    ]
