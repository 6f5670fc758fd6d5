"""The written file shows every picture at exactly the source's time."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detector.detections import Detections
from sinks.file import FileSink
from sinks.mp4 import FileConfig
from streamer.result import Result
from streamer.sources.file import FileSource
from tests.paths import SHARED, needs_shared
from tests.sinks.results import results, times_of, write_all

PACKED = [1, 2, *(ticks for pair in range(4, 60, 2) for ticks in (pair, pair - 1))]
TIMES = {
    "from zero": (Fraction(1, 15360), range(0, 512 * 40, 512)),
    "late": (Fraction(1, 15360), range(127995, 127995 + 512 * 40, 512)),
    "a day late": (Fraction(1, 90000), range(7776000000, 7776000000 + 3000 * 20, 3000)),
    "variable rate": (Fraction(1, 1000), [64, 97, 130, 500, 533, *range(600, 1600, 33)]),
    "AVI base": (Fraction(3579125, 214748359), range(1, 40)),
    "NTSC": (Fraction(1001, 30000), range(40)),
    "packed B-frames": (Fraction(1, 30), PACKED),
    "packed B-frames, AVI base": (Fraction(3579125, 214748359), PACKED),
    "equal times": (Fraction(1, 30), [0, 0, 1, 2, 3, 3, 3, 4, 5, *range(6, 20), 19]),
    "before the first": (Fraction(1, 30), [5, 4, 6, *range(7, 40)]),
    "back by seconds": (Fraction(1, 30), [*range(100, 140), *range(50, 100)]),
    "back to the start": (Fraction(1, 30), [*range(100, 140), *range(100, 140)]),
    "forward by hours": (Fraction(1, 1000), [0, 40, 80, 9_000_000, 9_000_040]),
    "one picture": (Fraction(1, 25), [3]),
}


@pytest.mark.parametrize(("time_base", "pts"), TIMES.values(), ids=TIMES)
def test_times_are_exact(tmp_path: Path, time_base: Fraction, pts: list[int]) -> None:
    target = tmp_path / "clip.mp4"
    write_all(FileSink(target, ()), results(pts, time_base=time_base))
    assert times_of(target) == [ticks * time_base for ticks in pts]
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.integers(0, 60), min_size=1, max_size=12))
def test_no_picture_is_lost_and_times_are_off_by_less_than_a_tick(
    tmp_path: Path, pts: list[int]
) -> None:
    target = tmp_path / "any.mp4"
    time_base = Fraction(1, 30)
    sink = FileSink(target, (), FileConfig(overwrite=True))
    write_all(sink, results(pts, time_base=time_base))
    read = times_of(target)
    assert len(read) == len(pts)
    off = [abs(time - ticks * time_base) for time, ticks in zip(read, pts, strict=True)]
    assert max(off) <= len(pts) * Fraction(1, 500_000)


def test_recordings_joined_without_care_keep_all_pictures(tmp_path: Path) -> None:
    target = tmp_path / "joined.mp4"
    write_all(FileSink(target, ()), results([*range(40), *range(40)], time_base=Fraction(1, 30)))
    read = times_of(target)
    assert len(read) == 80
    off = [abs(time - Fraction(index % 40, 30)) for index, time in enumerate(read)]
    assert max(off) < Fraction(1, 10_000)


def test_a_start_before_zero_is_moved_to_zero(tmp_path: Path) -> None:
    target = tmp_path / "early.mp4"
    write_all(FileSink(target, ()), results(range(-5, 20), time_base=Fraction(1, 30)))
    assert times_of(target) == [Fraction(index, 30) for index in range(25)]


@pytest.mark.parametrize(
    "parts",
    [
        ("video", "bgs_road_video03.avi"),
        ("reliability", "ntu_avi_bframes_1080p.avi"),
        ("reliability", "torchcodec_e9a907_test_non_zero_start.mp4"),
        ("reliability", "torchcodec_nasa_13013_vfr.mp4"),
        ("reliability", "torchcodec_testsrc2_vp9.webm"),
    ],
    ids=lambda parts: str(parts[-1]),
)
@needs_shared("data", "video")
def test_recordings_keep_their_times(tmp_path: Path, parts: tuple[str, str]) -> None:
    target = tmp_path / "clip.mp4"
    given_times = []
    source = FileSource(SHARED.joinpath("data", *parts), stream_id="clip")
    with source, FileSink(target, ()) as sink:
        for frame in source:
            given_times.append(frame.pts * frame.time_base)
            sink.write(Result(frame, Detections.empty(), 0, 0))
            if frame.index == 199:
                break
    assert times_of(target) == given_times
