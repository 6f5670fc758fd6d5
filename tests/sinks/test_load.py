"""Where the time goes, and which thread holds up the others."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from sinks.load import Loads, load_of
from streamer.frame import StreamInfo
from streamer.snapshot import RunSnapshot, StreamSnapshot
from streamer.stats import StageTime

SECOND_NS = 1_000_000_000


def stream(stream_id: str, *, is_live: bool = False, dropped: int = 0) -> StreamSnapshot:
    info = StreamInfo(stream_id, stream_id, 64, 48, Fraction(1, 25), is_live=is_live)
    return StreamSnapshot(stream_id, "running", info, 100, 100 - dropped, dropped, None, None, None)


def run_of(
    seconds: float,
    parts: dict[str, float],
    *,
    is_live: bool = False,
    streams: int = 2,
    threads: dict[str, int] | None = None,
) -> RunSnapshot:
    threads = {"decode": streams, **(threads or {})}
    times = {
        part: StageTime(int(total * SECOND_NS), 10, threads.get(part, 1))
        for part, total in parts.items()
    }
    names = "abcdefgh"[:streams]
    return RunSnapshot(
        int(seconds * SECOND_NS), tuple(stream(name, is_live=is_live) for name in names), times
    )


@pytest.mark.parametrize(
    ("parts", "sinks", "name", "share"),
    [
        pytest.param({"decode": 9, "network": 5}, [], "detector (network)", 0.5, id="two sources"),
        pytest.param({"decode": 12, "network": 5}, [], "decode", 0.6, id="still the busiest"),
        pytest.param(
            {"preprocess": 3, "network": 4, "file": 6},
            ["file"],
            "detector (network)",
            0.7,
            id="one thread",
        ),
        pytest.param({"network": 4, "file": 6}, ["file"], "file", 0.6, id="one sink"),
        pytest.param({"network": 4, "album": 9}, ["album"], "detector (network)", 0.4, id="hidden"),
    ],
)
def test_the_bottleneck_is_the_busiest_thread(
    parts: dict[str, float], sinks: list[str], name: str, share: float
) -> None:
    found = load_of(run_of(10, parts), sinks)  # of two streams
    assert found is not None
    assert found.busiest == name
    assert found.share == pytest.approx(share)


@pytest.mark.parametrize(
    ("parts", "threads", "share"),
    [
        pytest.param({"network": 4, "file": 6}, {"file": 2}, 0.4, id="sinks of one name"),
        pytest.param({"network": 15, "file": 6}, {"network": 2}, 0.75, id="a pool of runs"),
    ],
)
def test_threads_that_share_a_part_are_as_busy_as_their_mean(
    parts: dict[str, float], threads: dict[str, int], share: float
) -> None:
    """Two that were busy for 7.5 of 10 s each were said to be busy for all of it."""
    found = load_of(run_of(10, parts, threads=threads), ["file"])
    assert found is not None
    assert found.busiest == "detector (network)"
    assert found.share == pytest.approx(share)


def test_the_busiest_sink_stands_for_all() -> None:
    found = load_of(run_of(10, {"network": 5, "file": 1, "web": 3}), ["file", "web"])
    assert found is not None
    assert found.shares == (("network", 0.5), ("sinks", 0.3))


def test_waiting_for_a_camera_is_no_work() -> None:
    found = load_of(run_of(10, {"decode": 19, "network": 5}, is_live=True), [])
    assert found is not None
    assert found.shares == (("network", 0.5),)
    assert found.verdict == "keeps up; busiest: detector (network), 50%"


def test_who_drops_frames_does_not_keep_up() -> None:
    idle = run_of(10, {"network": 3}, is_live=True, streams=1)
    found = load_of(replace(idle, streams=(stream("a", is_live=True, dropped=40),)), [])
    assert found is not None
    assert not found.keeps_up
    assert found.verdict == "drops 40%; busiest: detector (network), only 30%"


def test_a_busy_detector_does_not_keep_up_with_its_cameras() -> None:
    found = load_of(run_of(10, {"decode": 19, "network": 9}, is_live=True), [])
    assert found is not None
    assert found.verdict == "bottleneck: detector (network), busy 90%"


@pytest.mark.parametrize("parts", [{}, {"album": 1.0}], ids=["nothing", "nothing to speak of"])
def test_before_any_work_there_is_no_load(parts: dict[str, float]) -> None:
    assert load_of(run_of(10, parts), []) is None


def test_the_load_is_that_of_the_last_seconds() -> None:
    loads = Loads(["file"])
    for tick in range(41):  # 10 s of which the network takes all, then 10 s of which the file does
        spent = {"network": float(min(tick / 2, 10)), "file": max(0.0, tick / 2 - 10)}
        loads.add(run_of(tick / 2, spent, streams=1))
    found = loads.add(run_of(20.5, {"network": 10, "file": 10.5}, streams=1))
    assert found is not None
    assert found.busiest == "file"
    assert dict(found.shares) == {"network": 0.0, "sinks": 1.0}


def test_a_stream_that_has_not_opened_says_nothing_of_waiting() -> None:
    snapshot = run_of(10, {"decode": 5}, streams=1)
    unknown = replace(snapshot, streams=(replace(snapshot.streams[0], info=None),))
    found = load_of(unknown, [])
    assert found is not None
    assert found.busiest == "decode"
