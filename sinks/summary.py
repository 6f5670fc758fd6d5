"""What is said when a run has ended: streams, where the time went, and what was written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sinks.load import DECODE, busy_share, load_of, waits, worked
from streamer.snapshot import RunSnapshot, StreamSnapshot


def show_summary(
    console: Console, snapshot: RunSnapshot, *, sink_names: Sequence[str], written: Sequence[Path]
) -> None:
    """Say how a run ended; why a stream failed is an error, and reported as one.

    Args:
        console: to show it on.
        snapshot: how it ended.
        sink_names: of every sink that ran, repeated where two share a name.
        written: every file there is now because of the run.
    """
    console.print(_streams(snapshot))
    console.print(_totals(snapshot), highlight=False)
    load = load_of(snapshot, sink_names)
    if load is not None:
        console.print()
        console.print(_times(snapshot, sink_names))
        _line(console, replace(load, busiest=_short(load.busiest, sink_names)).verdict)
    for path in written:
        _line(console, f"wrote {path}")


def _line(console: Console, text: str) -> None:
    """One line, never folded, so that a mouse or a program can take a path from it."""
    console.print(Text(text), soft_wrap=True)


def _streams(snapshot: RunSnapshot) -> Table:
    elapsed_s = snapshot.elapsed_ns / 1e9
    table = _table("stream", "state", "frames", "fps", "dropped", "reconnects", "p50 ms", "p95 ms")
    for stream in snapshot.streams:
        table.add_row(*map(Text, _stream_cells(stream, elapsed_s)))
    return table


def _totals(snapshot: RunSnapshot) -> str:
    elapsed_s = snapshot.elapsed_ns / 1e9
    frames = sum(stream.frames_done for stream in snapshot.streams)
    rate = f", {frames / elapsed_s:.1f} fps" if elapsed_s else ""
    return f"{frames} frames in {elapsed_s:.1f} s{rate}"


def _stream_cells(stream: StreamSnapshot, elapsed_s: float) -> list[str]:
    return [
        stream.stream_id,
        stream.state,
        str(stream.frames_done),
        f"{stream.frames_done / elapsed_s:.1f}" if elapsed_s else "-",
        str(stream.dropped),
        str(stream.reconnects),
        _ms(stream.latency_p50_ns),
        _ms(stream.latency_p95_ns),
    ]


def _times(snapshot: RunSnapshot, sink_names: Sequence[str]) -> Table:
    """A row a part; where it had several threads, `busy` is their mean, as in the verdict."""
    table = _table("part", "ms/frame", "busy", "frames")
    for part, time in worked(snapshot).items():
        name = "decode, waits" if part == DECODE and waits(snapshot) else _short(part, sink_names)
        if time.threads > 1:
            name += f" ({time.threads} threads)"
        busy = busy_share(time, snapshot.elapsed_ns)
        table.add_row(*map(Text, (name, f"{time.mean_ms:.2f}", f"{busy:.0%}", str(time.count))))
    return table


def _short(part: str, sink_names: Sequence[str]) -> str:
    """A sink without its folder, which the last lines of the summary give in full."""
    kind, _, path = part.partition(" ")
    return f"{kind} {Path(path).name}" if path and part in sink_names else part


def _table(*titles: str) -> Table:
    """Words to the left, numbers to the right, nothing cut."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in titles:
        is_text = title in ("stream", "state", "part")
        table.add_column(title, justify="left" if is_text else "right", overflow="fold")
    return table


def _ms(time_ns: int | None) -> str:
    return "-" if time_ns is None else f"{time_ns / 1e6:.1f}"
