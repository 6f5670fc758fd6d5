"""The closing words of a run."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from sinks.summary import show_summary
from streamer.snapshot import RunSnapshot, StreamSnapshot
from streamer.stats import StageTime

SECOND_NS = 1_000_000_000


def ended(stream_id: str, frames: int) -> StreamSnapshot:
    return StreamSnapshot(stream_id, "ended", None, frames, frames, 0, 41_000_000, 60_000_000, None)


def test_it_names_streams_parts_the_bottleneck_and_every_path() -> None:
    out = io.StringIO()
    times = {
        "decode": StageTime(2 * SECOND_NS, 300),
        "network": StageTime(6 * SECOND_NS, 300),
        "file runs/a/long/way/down/clip.mp4": StageTime(3 * SECOND_NS, 300),
    }
    long = Path("runs") / ("x" * 100 + ".mp4")
    show_summary(
        Console(file=out, width=80),
        RunSnapshot(10 * SECOND_NS, (ended("[clip]", 300),), times),
        sink_names=["file runs/a/long/way/down/clip.mp4"],
        written=[long, Path("boxes.jsonl")],
    )
    lines = out.getvalue().splitlines()
    assert lines[1].split() == ["[clip]", "ended", "300", "30.0", "0", "0", "41.0", "60.0"]
    assert "300 frames in 10.0 s, 30.0 fps" in lines
    # 6 s over 300 frames are 20 ms each, and 60% of 10 s
    assert ["network", "20.00", "60%", "300"] in [line.split() for line in lines]
    assert ["file", "clip.mp4", "10.00", "30%", "300"] in [line.split() for line in lines]
    assert "bottleneck: detector (network), busy 60%" in lines
    assert lines[-2:] == [f"wrote {long}", "wrote boxes.jsonl"]


def test_no_part_is_busy_for_longer_than_the_run() -> None:
    """Two sources that both decoded for 9 of 10 s were said to take 180% of the time."""
    out = io.StringIO()
    times = {
        "decode": StageTime(18 * SECOND_NS, 600, threads=2),
        "network": StageTime(6 * SECOND_NS, 600),
    }
    streams = (ended("a", 300), ended("b", 300))
    show_summary(
        Console(file=out, width=80),
        RunSnapshot(10 * SECOND_NS, streams, times),
        sink_names=[],
        written=[],
    )
    rows = [line.split() for line in out.getvalue().splitlines()]
    assert ["decode", "(2", "threads)", "30.00", "90%", "600"] in rows  # 18 s over 2 threads
    assert ["network", "10.00", "60%", "600"] in rows
    assert "bottleneck: decode, busy 90%" in out.getvalue()


def test_a_run_without_a_frame_has_no_times() -> None:
    out = io.StringIO()
    failed = StreamSnapshot("a", "failed", None, 0, 0, 0, None, None, "gone")
    show_summary(
        Console(file=out, width=80), RunSnapshot(0, (failed,), {}), sink_names=[], written=[]
    )
    assert "failed" in out.getvalue()
    assert "bottleneck" not in out.getvalue()
