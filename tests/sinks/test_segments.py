"""Pieces: cut in time, named for people, whole at any moment, and no more of them than wanted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import av
import pytest

from detector.detections import Detections
from sinks.segments import SegmentsConfig, SegmentsSink
from streamer.clock import ManualClock
from streamer.errors import SinkError
from streamer.result import Result
from tests.paths import ROOT
from tests.sinks.results import STREAM, picture, results, times_of

EVERY = 1001  # ticks of 1/30000 s
LIVE = replace(STREAM, is_live=True)
NOON = datetime(2026, 3, 4, 12, 0, 0, 250_000, tzinfo=UTC)


def _write(
    folder: Path,
    given: Iterable[Result[Detections]],
    config: SegmentsConfig,
    after: Callable[[], object] = lambda: None,
) -> SegmentsSink:
    with SegmentsSink(folder, "gate", (), config, clock=ManualClock(), utc=lambda: NOON) as sink:
        for result in given:
            sink.write(result)
            after()
    return sink


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_pieces_hold_every_picture_once_each_from_time_zero(tmp_path: Path) -> None:
    pts = [EVERY * index for index in range(100)]  # 3.34 s
    sink = _write(tmp_path, results(pts), SegmentsConfig(piece_s=1.0))
    assert _names(tmp_path) == [
        "gate_00-00-00.000.mp4",
        "gate_00-00-01.001.mp4",
        "gate_00-00-02.002.mp4",
        "gate_00-00-03.003.mp4",
    ]
    assert sink.written == tmp_path
    shown = [times_of(tmp_path / name) for name in _names(tmp_path)]
    assert [times[0] for times in shown] == [0, 0, 0, 0]
    assert [time + Fraction(1001, 1000) * k for k, times in enumerate(shown) for time in times] == [
        Fraction(ticks, 30000) for ticks in pts
    ]


def test_a_piece_begins_with_a_keyframe(tmp_path: Path) -> None:
    _write(tmp_path, results(range(0, 60 * EVERY, EVERY)), SegmentsConfig(piece_s=1.0))
    for name in _names(tmp_path):
        with av.open(str(tmp_path / name)) as container:
            assert next(container.demux(video=0)).is_keyframe


def test_a_live_piece_is_named_after_the_moment_its_first_picture_was_taken(
    tmp_path: Path,
) -> None:
    first = next(results([10**9], stream=LIVE))
    clock = ManualClock(start_ns=first.frame.captured_ns + 1_500_000_000)
    with SegmentsSink(tmp_path, "gate", (), clock=clock, utc=lambda: NOON) as sink:
        sink.write(first)
    assert _names(tmp_path) == ["gate_20260304T115958.750Z.mp4"]
    assert times_of(tmp_path / _names(tmp_path)[0]) == [0]


@pytest.mark.parametrize("what", ["size", "time running back"])
def test_a_piece_is_cut_where_the_stream_breaks(tmp_path: Path, what: str) -> None:
    given = list(results([0, EVERY, 2 * EVERY, 3 * EVERY]))
    if what == "size":
        given[2:] = [
            replace(r, frame=replace(r.frame, picture=picture(0, 96, 64))) for r in given[2:]
        ]
    else:
        given = list(results([9 * EVERY, 10 * EVERY, 0, EVERY]))
    _write(tmp_path, given, SegmentsConfig())
    assert sorted(len(times_of(path)) for path in tmp_path.iterdir()) == [2, 2]


def test_no_piece_replaces_another(tmp_path: Path) -> None:
    for _ in range(3):
        _write(tmp_path, results([0, EVERY]), SegmentsConfig())
    assert _names(tmp_path) == [
        "gate_00-00-00.000-2.mp4",
        "gate_00-00-00.000-3.mp4",
        "gate_00-00-00.000.mp4",
    ]


def test_at_any_moment_all_but_the_piece_at_hand_are_whole(tmp_path: Path) -> None:
    seen = []

    def look() -> None:
        names = _names(tmp_path)
        seen.append(sum("partial" in name for name in names))
        for name in names:
            if "partial" not in name:
                assert times_of(tmp_path / name)

    _write(tmp_path, results(range(0, 40 * EVERY, EVERY)), SegmentsConfig(piece_s=0.3), look)
    assert set(seen) == {1}


def test_the_oldest_go_while_all_are_too_large(tmp_path: Path) -> None:
    given = list(results(range(0, 300 * EVERY, EVERY)))
    _write(tmp_path / "all", given, SegmentsConfig(piece_s=1.0))
    everything = _names(tmp_path / "all")
    sizes = {name: (tmp_path / "all" / name).stat().st_size for name in everything}
    limit = sum(sizes[name] for name in everything[-4:]) + 1
    kept: list[int] = []

    def look() -> None:
        whole = [path for path in (tmp_path / "some").iterdir() if "partial" not in path.name]
        kept.append(sum(path.stat().st_size for path in whole))

    _write(tmp_path / "some", given, SegmentsConfig(piece_s=1.0, keep_bytes=limit), look)
    assert _names(tmp_path / "some") == everything[-4:]
    assert max(kept) <= limit


def test_what_is_too_old_goes_and_what_is_not_ours_stays(tmp_path: Path) -> None:
    old = ["gate_00-00-00.000.mp4", "gate_20250101T000000.000Z.partial.mp4"]
    foreign = ["gate_holiday.mp4", "gate.mp4", "gate2_00-00-00.000.mp4", "notes.txt"]
    for name in [*old, *foreign]:
        (tmp_path / name).write_text("x")
        os.utime(tmp_path / name, (NOON.timestamp() - 100,) * 2)
    fresh = tmp_path / "gate_11-00-00.000.mp4"
    fresh.write_text("y")
    os.utime(fresh, (NOON.timestamp() - 10,) * 2)
    _write(tmp_path, (), SegmentsConfig(keep_s=60))
    assert _names(tmp_path) == sorted([*foreign, fresh.name])


def test_the_newest_piece_stays_however_large_and_old(tmp_path: Path) -> None:
    _write(tmp_path, results(range(0, 90 * EVERY, EVERY)), SegmentsConfig(piece_s=1, keep_bytes=1))
    assert _names(tmp_path) == ["gate_00-00-02.002.mp4"]
    _write(tmp_path, (), SegmentsConfig(keep_s=1e-3))
    assert _names(tmp_path) == ["gate_00-00-02.002.mp4"]


def test_a_kill_costs_no_more_than_the_last_fragment(tmp_path: Path) -> None:
    script = f"""
        import os, signal
        from pathlib import Path
        from sinks.mp4 import FileConfig
        from sinks.segments import SegmentsConfig, SegmentsSink
        from tests.sinks.results import results
        config = SegmentsConfig(piece_s=2.0, video=FileConfig(keyframe_s=0.5))
        with SegmentsSink(Path({str(tmp_path)!r}), "gate", (), config) as sink:
            for result in results(range(0, 110 * 1001, 1001)):  # 3.67 s
                sink.write(result)
            os.kill(os.getpid(), signal.SIGKILL)
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    whole, partial = _names(tmp_path)
    assert (whole, partial) == ("gate_00-00-00.000.mp4", "gate_00-00-02.002.partial.mp4")
    assert len(times_of(tmp_path / whole)) == 60
    assert len(times_of(tmp_path / partial)) >= 50 - 2 * 16  # the open fragment and its last GOP
    # the next run writes beside them
    _write(tmp_path, results([60 * EVERY]), SegmentsConfig())
    assert len(_names(tmp_path)) == 3


def test_a_folder_that_cannot_be_made_is_said_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(SinkError, match=r"cannot be made: .*; choose another folder"):
        SegmentsSink(tmp_path / "taken" / "gate", "gate", ()).__enter__()


@pytest.mark.parametrize(
    ("field", "value"), [("piece_s", 0), ("keep_s", -1), ("keep_bytes", 0)], ids=str
)
def test_senseless_limits_are_refused(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{field}: expected"):
        SegmentsConfig(**{field: value})  # type: ignore[arg-type]  # a table of fields
