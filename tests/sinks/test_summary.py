"""The closing words of a run."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from sinks.summary import bottleneck, show_summary
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
    assert "bottleneck: detector, busy 60% of the time" in lines
    assert lines[-2:] == [f"wrote {long}", "wrote boxes.jsonl"]


def test_a_run_without_a_frame_has_no_times() -> None:
    out = io.StringIO()
    failed = StreamSnapshot("a", "failed", None, 0, 0, 0, None, None, "gone")
    show_summary(
        Console(file=out, width=80), RunSnapshot(0, (failed,), {}), sink_names=[], written=[]
    )
    assert "failed" in out.getvalue()
    assert "bottleneck" not in out.getvalue()


@pytest.mark.parametrize(
    ("seconds", "sinks", "name", "share"),
    [
        pytest.param({"decode": 9, "network": 5}, [], "detector", 0.5, id="two sources halve it"),
        pytest.param({"decode": 12, "network": 5}, [], "decode", 0.6, id="still the busiest"),
        pytest.param(
            {"prepare": 3, "network": 4, "file": 6}, ["file"], "detector", 0.7, id="one thread"
        ),
        pytest.param({"network": 4, "file": 6}, ["file"], "file", 0.6, id="one sink"),
        pytest.param(
            {"network": 4, "file": 6}, ["file", "file"], "detector", 0.4, id="two of one name"
        ),
    ],
)
def test_the_bottleneck_is_the_busiest_thread(
    seconds: dict[str, int], sinks: list[str], name: str, share: float
) -> None:
    times = {part: StageTime(total * SECOND_NS, 10) for part, total in seconds.items()}
    snapshot = RunSnapshot(10 * SECOND_NS, (ended("a", 10), ended("b", 10)), times)
    found_name, found_share = bottleneck(snapshot, sinks)
    assert found_name == name
    assert found_share == pytest.approx(share)
