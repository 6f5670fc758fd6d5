from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sinks.timeline import Timeline, decode_times

any_pts = st.lists(st.integers(-1000, 1000), min_size=1, max_size=40)


@given(any_pts)
def test_placed_times_always_grow_and_the_true_ones_come_back(pts: list[int]) -> None:
    timeline = Timeline(Fraction(1, 30))
    placed = [timeline.place(ticks) for ticks in pts]
    assert all(a < b for a, b in pairwise(placed))
    assert placed[0] >= 0
    assert timeline.true_pts(placed) == pts
    assert timeline.is_exact == (placed == pts)


@given(any_pts)
def test_decode_times_grow_and_are_never_later_than_their_picture(pts: list[int]) -> None:
    times = decode_times(pts)
    assert all(a < b for a, b in pairwise(times))
    assert all(at <= shown for at, shown in zip(times, pts, strict=True))


def test_one_slip_takes_the_memory_of_one() -> None:
    timeline = Timeline(Fraction(1, 30))
    for ticks in (0, 1, 1, *range(2, 10_000)):  # all later ones stand a tick from the truth
        timeline.place(ticks)
    assert len(timeline._distance) == 2


def test_the_origin_becomes_zero() -> None:
    timeline = Timeline(Fraction(1, 30), origin=-5)
    assert [timeline.place(ticks) for ticks in (-5, -4, 0)] == [0, 1, 5]
