"""Who is where at a time."""

from __future__ import annotations

from itertools import pairwise
from math import dist
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.scene.motion import ROOM_M, Kind, Path, Slot, cast_slots
from streamer.scene.view import Street, View

VIEW = View(width=640, height=360, horizon_px=40, near_ppm=53)
STREET = Street(
    facade=VIEW.depth_m(130),
    far_kerb=VIEW.depth_m(155),
    middle=VIEW.depth_m(200),
    near_kerb=VIEW.depth_m(295),
    keeps_right=True,
    crossing_m=1.0,
)
CORNER = Path(((0.0, 5.0), (0.0, 8.0), (4.0, 8.0)), speed=2.0, rest_at=3.0, rest_s=1.5)


@pytest.mark.parametrize(
    ("seconds", "place"),
    [
        pytest.param(0.0, (0.0, 5.0), id="start"),
        pytest.param(1.0, (0.0, 7.0), id="1 s at 2 m/s"),
        pytest.param(1.5, (0.0, 8.0), id="at the corner"),
        pytest.param(2.9, (0.0, 8.0), id="rests there for 1.5 s"),
        pytest.param(3.5, (1.0, 8.0), id="0.5 s after the rest"),
        pytest.param(5.0, (4.0, 8.0), id="end: 7 m / 2 m/s + 1.5 s"),
    ],
)
def test_path_leads_round_its_corner_with_its_rest(
    seconds: float, place: tuple[float, float]
) -> None:
    assert CORNER.duration == pytest.approx(5.0)
    assert CORNER.at(CORNER.distance(seconds))[0] == pytest.approx(place)
    assert CORNER.is_resting(seconds) == (1.5 < seconds < 3.0)


def test_slot_counts_its_performances_and_pauses_between_them() -> None:
    slot = Slot("person", CORNER, period=6.0, phase=2.0)
    assert slot.performance(0.0) == (0, 2.0)
    assert slot.performance(3.5) is None  # 5.5 s in: the path takes 5
    assert slot.performance(4.0) == (1, 0.0)


@given(seed=st.integers(0, 5000), count=st.integers(0, 40), time_s=st.floats(0, 5000))
def test_vehicles_of_one_lane_never_drive_through_each_other(
    seed: int, count: int, time_s: float
) -> None:
    lanes: dict[Path, list[float]] = {}
    kinds: dict[Path, Kind] = {}
    for slot in cast_slots(seed, count, VIEW, STREET):
        now = slot.performance(time_s)
        if slot.kind == "person" or now is None:
            continue
        lanes.setdefault(slot.path, []).append(slot.path.distance(now[1]))
        kinds[slot.path] = slot.kind
    for path, distances in lanes.items():
        ordered = sorted(distances)
        gaps = [two - one for one, two in pairwise(ordered)]
        assert all(gap > ROOM_M[kinds[path]] * 0.99 for gap in gaps)


@given(seed=st.integers(0, 5000), count=st.integers(0, 40))
def test_as_many_slots_are_cast_as_asked_for(seed: int, count: int) -> None:
    slots = cast_slots(seed, count, VIEW, STREET)
    assert len(slots) == count
    assert all(slot.period >= slot.path.duration for slot in slots)
    if count >= 3:
        assert {slot.kind for slot in slots} == set(get_args(Kind))


@given(seed=st.integers(0, 2000))
def test_everyone_comes_and_goes_beside_the_picture(seed: int) -> None:
    for slot in cast_slots(seed, 10, VIEW, STREET):
        for x, depth in (slot.path.corners[0], slot.path.corners[-1]):
            assert abs(x) >= VIEW.half_width_m(depth) + 1.3


def test_a_path_is_as_long_as_its_parts() -> None:
    assert CORNER.length == pytest.approx(dist((0, 5), (0, 8)) + dist((0, 8), (4, 8)))
