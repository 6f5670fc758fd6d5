"""A run on one screen of a terminal: a row a stream, how far it is, and where the time goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from sinks.progress import Progress, states
from sinks.standing import Standing

TITLES = ("stream", "frames", "%", "fps in", "out", "p50/p95 ms", "drops", "ETA", "state")
SPARED = ("drops", "ETA", "%", "fps in", "p50/p95 ms")  # left out first where there is no room
NAME_WIDTH = 8  # characters of a name that still tell it from others
GAP = 2  # blanks between columns
HEAD_ROWS = 1  # of the table
TROUBLE_WIDTH = 20  # characters of a reason that are worth showing
KEYS = "h keys"
HELP = "q, Esc quit   space hold what is shown   s save the pictures   h hide this"

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

# Which streams are shown where not all can be: the first that fit.
WORST = ("failed", "retrying", "stalled", "connecting", "opening", "live", "running", "ended")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a panel shows beside the run.

    Attributes:
        has_keys: a person can press some.
        has_help: say which.
        notice: a line for the person, or empty.
    """

    has_keys: bool = False
    has_help: bool = False
    notice: str = ""


def panel(
    standing: Standing, width: int, height: int, around: Surroundings | None = None
) -> RenderableType:
    """Everything in at most `width` columns and `height - 1` lines, none of them folded.

    The last line stays free: the cursor needs it.
    """
    around = around or Surroundings()
    run = standing.total
    below: list[RenderableType] = [_progress(run, width)]
    below += _load_lines(standing)
    if around.notice:
        below.append(_line(around.notice, "bold"))
    elif around.has_keys:
        below.append(_line(HELP if around.has_help else KEYS, "" if around.has_help else "dim"))
    above: list[RenderableType] = []
    if len(standing.streams) > 1:
        above.append(_line(f"{run.name}: {run.state}"))
    room = max(0, height - 1)
    below = below[: max(0, room - len(above) - HEAD_ROWS - 1)]  # a stream before everything else
    streams = stream_table(standing.streams, width, room - len(above) - len(below))
    return Group(*above, streams, *below)


def stream_table(streams: Sequence[Progress], width: int, height: int) -> RenderableType:
    """A row a stream, those in trouble first to stay, and a row for all of them.

    Args:
        streams: at least one.
        width: columns there are.
        height: lines there are.
    """
    has_total = len(streams) > 1 and height > HEAD_ROWS + 2
    room = max(1, height - HEAD_ROWS - has_total)
    shown, rest = streams, list[Progress]()
    if len(streams) > room:
        shown, rest = _worst(streams, max(1, room - 1))
        rest = rest if room > 1 else []
    rows = [_cells(stream) for stream in shown]
    if has_total:
        run = Standing(streams).total
        rows.append([*_cells(run)[:-1], f"lost {run.reconnects}x" if run.reconnects else ""])
    kept, name_width = _fitting(rows, width)
    table = Table(box=None, pad_edge=False, collapse_padding=True, padding=(0, GAP, 0, 0))
    for column in kept:
        is_text = TITLES[column] in ("stream", "state")
        table.add_column(TITLES[column], justify="left" if is_text else "right", no_wrap=True)
    table.columns[0].max_width = name_width
    table.columns[0].overflow = "ellipsis"
    spare = width - _row_width(rows, kept, name_width)
    for number, row in enumerate(rows):
        state = Text(row[-1])
        if number < len(shown):
            state = _state(shown[number], spare)
        cells = (Text(row[column]) for column in kept[:-1])
        table.add_row(*cells, state, style="" if number < len(shown) else "bold")
    if not rest:
        return table
    return Group(table, _line(f"and {len(rest)} more: {states(rest)}", "dim"))


def _progress(run: Progress, width: int) -> RenderableType:
    """A bar where the end is known, and the time in any case."""
    if not run.expected:
        return _line(f"elapsed {run.elapsed}")
    words = f" {run.percent}  {run.frames}  elapsed {run.elapsed}  ETA {run.eta}"
    bar_width = min(60, width - len(words))
    if bar_width < 8:
        return _line(words.strip())
    bar = ProgressBar(total=run.expected, completed=run.done, width=bar_width)
    grid = Table.grid(padding=0)
    grid.add_row(bar, Text(words, no_wrap=True, overflow="ellipsis"))
    return grid


def _load_lines(standing: Standing) -> list[RenderableType]:
    """`decode 12%  network 81%  ...`, and below what holds up the rest, and the GPU."""
    load, gpu = standing.load, standing.gpu
    lines: list[RenderableType] = []
    verdict = _line("")
    if load is not None:
        most = max(share for _, share in load.shares)
        shares = _line("")
        for part, share in load.shares:
            shares.append(f"{part} {share:.0%}  ", "bold" if share == most else "")
        lines.append(shares)
        verdict.append(load.verdict, "green" if load.keeps_up else "yellow")
    if gpu is not None:
        verdict.append(f"{'   ' if verdict else ''}GPU {gpu.text}")
    return [*lines, verdict] if verdict else lines


def _fitting(rows: Sequence[Sequence[str]], width: int) -> tuple[list[int], int]:
    """The columns that fit in `width`, and what is left for the name.

    Only the name gives way, then whole columns: a number cut short is another number.
    """
    widths = [max(map(cell_len, column)) for column in zip(TITLES, *rows, strict=True)]
    kept = list(range(len(TITLES)))
    left_out = [TITLES.index(title) for title in SPARED]
    while (name_width := width - sum(widths[column] + GAP for column in kept[1:])) < min(
        NAME_WIDTH, widths[0]
    ):
        if not left_out:
            break
        kept.remove(left_out.pop(0))
    return kept, max(1, name_width)


def _row_width(rows: Sequence[Sequence[str]], kept: Sequence[int], name_width: int) -> int:
    """Columns that a row takes, without its trailing gap."""
    widths = [max(map(cell_len, column)) for column in zip(TITLES, *rows, strict=True)]
    return min(name_width, widths[0]) + sum(widths[column] + GAP for column in kept[1:])


def _state(stream: Progress, spare: int) -> Text:
    """The state, and what is wrong where there is room to say it."""
    text = Text(stream.standing, style=STATE_STYLES.get(stream.state, ""))
    if stream.trouble and spare >= TROUBLE_WIDTH:
        reason = f"  {stream.trouble}"
        text.append(reason if len(reason) <= spare else reason[: spare - 1] + "…", "dim")
    return text


def _worst(streams: Sequence[Progress], room: int) -> tuple[list[Progress], list[Progress]]:
    """Those in trouble before those at work before those that have ended, and the others."""

    def rank(index: int) -> tuple[int, int, int]:
        stream = streams[index]
        return WORST.index(stream.state), -stream.reconnects, index

    ranked = sorted(range(len(streams)), key=rank)
    return (
        [streams[index] for index in sorted(ranked[:room])],
        [streams[index] for index in sorted(ranked[room:])],
    )


def _cells(stream: Progress) -> list[str]:
    return [
        stream.name,
        stream.frames,
        stream.percent,
        stream.fps_in,
        stream.fps,
        stream.latency,
        str(stream.dropped),
        stream.eta,
        stream.standing,
    ]


def _line(text: str, style: str = "") -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")
