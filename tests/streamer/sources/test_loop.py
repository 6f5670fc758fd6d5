"""A recording played again and again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.errors import SourceError
from streamer.frame import Frame, StreamInfo
from streamer.sources.file import FileSource
from streamer.sources.loop import Looped
from streamer.sources.pace import Paced
from tests.streamer.clips import number_of, write_clip
from tests.streamer.parts import Closing, CountingSource, make_frame


class TimedSource(Closing):
    """Frames with these times."""

    def __init__(self, pts: Sequence[int], time_base: Fraction, duration: int | None) -> None:
        super().__init__()
        self.stream = StreamInfo("a", "a", 4, 2, time_base, frame_count=len(pts))
        self._pts, self._duration = pts, duration

    @property
    def stream_id(self) -> str:
        return self.stream.stream_id

    def __iter__(self) -> Iterator[Frame]:
        for index, pts in enumerate(self._pts):
            yield replace(make_frame(self.stream, index), pts=pts, duration=self._duration)


def test_times_and_numbers_run_on_over_a_real_file(tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    write_clip(path, [0, 40, 80])
    with Looped(lambda: FileSource(path, stream_id="a")) as looped:
        frames = list(islice(looped, 8))
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4, 5, 6, 7]
    assert [frame.pts for frame in frames] == [0, 40, 80, 120, 160, 200, 240, 280]
    assert [number_of(frame.bgr()) for frame in frames] == [0, 1, 2, 0, 1, 2, 0, 1]
    assert {frame.time_base for frame in frames} == {Fraction(1, 1000)}


@pytest.mark.parametrize(
    ("pts", "duration", "expected"),
    [
        pytest.param([0], None, [0, 1, 2], id="one frame: a tick each at 1 tick a frame"),
        pytest.param([100, 103], None, [100, 103, 106, 109, 112], id="a late start is not kept"),
        pytest.param([0, 2], 5, [0, 2, 7, 9, 14], id="the last frame stays as long as it says"),
        pytest.param([0, 9, 4], None, [0, 9, 4, 18, 27], id="after the latest, 9 + 9"),
    ],
)
def test_the_next_pass_begins_where_the_last_one_ends(
    pts: list[int], duration: int | None, expected: list[int]
) -> None:
    with Looped(lambda: TimedSource(pts, Fraction(1, 25), duration)) as looped:
        frames = list(islice(looped, len(expected)))
    assert [frame.pts for frame in frames] == expected


@given(
    steps=st.lists(st.integers(1, 5000), min_size=1, max_size=6),
    start=st.integers(-1000, 1000),
    time_base=st.sampled_from([Fraction(1, 90_000), Fraction(1001, 30_000), Fraction(1, 3)]),
)
def test_rising_times_keep_rising_for_ever(
    steps: list[int], start: int, time_base: Fraction
) -> None:
    pts = [start + sum(steps[:number]) for number in range(len(steps))]
    with Looped(lambda: TimedSource(pts, time_base, None)) as looped:
        frames = list(islice(looped, 4 * len(pts) + 1))
    times = [frame.pts for frame in frames]
    assert all(before < after for before, after in pairwise(times))
    within = [after - before for before, after in pairwise(pts)]
    second = times[len(pts) : 2 * len(pts)]
    assert [b - a for a, b in pairwise(second)] == within


def test_the_stream_has_no_end_and_no_sound_to_copy(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_clip(path, [0, 40], has_sound=True)
    with Looped(lambda: FileSource(path, stream_id="a")) as looped:
        assert looped.stream.frame_count is None
        assert looped.stream.sound_path is None
        assert not looped.stream.is_live


def test_every_pass_is_closed() -> None:
    made: list[CountingSource] = []

    def make() -> CountingSource:
        made.append(CountingSource(count=2))
        return made[-1]

    with Looped(make) as looped:
        list(islice(looped, 5))
    assert [(source.entered, source.left) for source in made] == [(1, 1)] * 3


def test_an_empty_pass_ends_it() -> None:
    with Looped(lambda: CountingSource(count=0)) as looped:
        assert list(looped) == []


def test_a_pass_that_fails_ends_it_with_its_error() -> None:
    with (
        Looped(lambda: CountingSource(count=2, error=SourceError("gone"))) as looped,
        pytest.raises(SourceError, match="gone"),
    ):
        list(looped)


def test_a_next_pass_that_cannot_open_ends_it_and_leaves_nothing_open() -> None:
    sources = [CountingSource(count=1), CountingSource(open_error=SourceError("missing"))]
    made = iter(sources)
    with Looped(lambda: next(made)) as looped, pytest.raises(SourceError, match="missing"):
        list(looped)
    assert [(source.entered, source.left) for source in sources] == [(1, 1), (0, 0)]


def test_stopping_ends_it_though_its_source_cannot_be_stopped() -> None:
    looped = Looped(lambda: CountingSource(count=2))
    with looped:
        frames = iter(looped)
        assert [next(frames).index for _ in range(5)] == [0, 1, 2, 3, 4]
        looped.stop()
        assert next(frames, None) is None


def test_stopping_reaches_the_pass_at_hand() -> None:
    looped = Looped(lambda: Paced(CountingSource(count=2)))
    with looped:
        frames = iter(looped)
        assert next(frames).index == 0
        looped.stop()  # while its frame is due in 40 ms
        assert next(frames, None) is None
    assert looped.stream_id == "a"


def test_played_at_its_own_pace_it_is_a_camera_without_an_end() -> None:
    paced = Paced(Looped(lambda: CountingSource(count=2)))
    with paced:
        frames = iter(paced)
        assert [next(frames).pts for _ in range(5)] == [0, 1, 2, 3, 4]
        assert paced.stream.is_live
        paced.stop()
        assert next(frames, None) is None
