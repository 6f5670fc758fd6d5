"""Zones: who is inside and for how long, loitering and crowds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.event import Event
from analytics.region import ZoneConfig
from analytics.scene_config import SceneConfig
from benchmarks.counting import (
    RECTANGLE,
    Noise,
    Walker,
    count,
    new_engine,
    results,
    true_visit,
    walkers,
)
from tests.analytics.paths_seen import SIZE, Seen, engine, path, result, watch

ROOM = ZoneConfig("room", ((30.0, 30.0), (70.0, 30.0), (70.0, 70.0), (30.0, 70.0)))

places = st.tuples(st.integers(0, 400), st.integers(0, 400)).map(lambda p: (p[0] / 4, p[1] / 4))
paths = st.lists(places, min_size=1, max_size=25)


def visits(events: list[Event]) -> list[tuple[str, str, float, float | None]]:
    """Phase, cause, start and end of every visit's record."""
    return [
        (event.change.phase, event.change.cause, event.change.start_s, event.change.end_s)
        for event in events
        if event.change.kind == "visit"
    ]


def test_dwell_runs_from_outline_to_outline_between_sightings() -> None:
    # In from x = 20 to 40 between 0 and 1 s: at half of it. Out from 60 to 80 from 2 to 3 s.
    last, events = watch(
        engine(SceneConfig(zones=(ROOM,))),
        path([(20, 50), (40, 50), (60, 50), (80, 50)], step_s=1.0),
    )
    assert visits(events) == [("new", "crossed", 0.5, None), ("end", "crossed", 0.5, 2.5)]
    assert events[0].event_id == events[1].event_id
    zone = last.zones[0]
    assert (zone.entered, zone.left, zone.inside, zone.dwell_s) == (1, 1, 0, 2.0)


def test_jitter_on_the_outline_is_one_visit() -> None:
    points = [(20.0, 50.0), (30.5, 50), (29.5, 50), (30.5, 50), (29.5, 50), (50, 50)]
    last, _ = watch(engine(SceneConfig(zones=(ROOM,))), path(points))
    assert last.zones[0].entered == 1


def test_who_appears_inside_and_is_lost_there_stayed_from_first_to_last_sighting() -> None:
    seen: list[Seen] = [(0.5, {}), *((1 + k, {1: (50.0, 50.0)}) for k in range(3))]
    seen += [(4.0, {}), (5.0, {}), (6.1, {})]  # more than lost_s, 3 s, after the last at 3 s
    counter = engine(SceneConfig(zones=(ROOM,), update_s=100))
    last, events = watch(counter, seen)
    assert visits(events) == [("new", "appeared", 1.0, None), ("end", "lost", 1.0, 3.0)]
    assert events[1].time_s == 6.1
    assert last.zones[0].dwell_s == 2.0


def test_a_visit_is_updated_at_even_times() -> None:
    _, events = watch(
        engine(SceneConfig(zones=(ROOM,), update_s=1.0)), path([(50, 50)] * 31, step_s=0.1)
    )
    updates = [event.time_s for event in events if event.change.phase == "update"]
    assert updates == pytest.approx([1.0, 2.0, 3.0])
    assert len({event.event_id for event in events}) == 1


def test_loitering_begins_after_its_time_and_ends_with_the_visit() -> None:
    zone = replace(ROOM, loiter_s=2.0)
    points = [(20, 50), *[(50, 50)] * 30, (90, 50)]
    last, events = watch(engine(SceneConfig(zones=(zone,), update_s=100)), path(points))
    loitering = [event for event in events if event.change.kind == "loitering"]
    assert [event.change.phase for event in loitering] == ["new", "end"]
    began_s = 0.1 / 3  # the outline is a third of the way from 20 to 50
    assert loitering[0].time_s == pytest.approx(2.1)  # the first frame 2 s after that
    assert loitering[0].change.start_s == pytest.approx(began_s)
    assert last.zones[0].left == 1


def test_nobody_loiters_while_unseen() -> None:
    zone = replace(ROOM, loiter_s=2.0)
    seen: list[Seen] = [(0.0, {1: (50, 50)}), (1.0, {1: (50, 50)}), (2.5, {}), (9.0, {})]
    _, events = watch(engine(SceneConfig(zones=(zone,))), seen)
    assert not [event for event in events if event.change.kind == "loitering"]


def test_a_crowd_needs_its_number_for_its_time() -> None:
    zone = replace(ROOM, crowd_count=2, crowd_s=0.5)
    both = {1: (40.0, 50.0), 2: (60.0, 50.0)}
    seen: list[Seen] = [(0.0, {1: (40, 50)})]
    seen += [(0.1, both), (0.4, {1: (40, 50), 2: (90, 50)}), (0.7, {1: (40, 50), 2: (90, 50)})]
    seen += [(k / 10, both) for k in range(10, 20)]
    seen += [(k / 10, {1: (40.0, 50.0), 2: (90.0, 50.0)}) for k in range(20, 30)]
    _, events = watch(engine(SceneConfig(zones=(zone,))), seen)
    crowds = [event for event in events if event.change.kind == "crowding"]
    assert [(e.change.phase, e.time_s) for e in crowds] == [("new", 1.5), ("end", 2.5)]
    assert (crowds[1].change.start_s, crowds[1].change.end_s) == (1.0, 2.0)
    assert crowds[0].event_id == crowds[1].event_id


def test_occupancy_is_a_mean_over_time_and_not_over_frames() -> None:
    one, two = {1: (40.0, 50.0)}, {1: (40.0, 50.0), 2: (60.0, 50.0)}
    seen: list[Seen] = [(0.0, one), (8.0, two), *((8 + k / 10, two) for k in range(1, 21))]
    last, _ = watch(engine(SceneConfig(zones=(ROOM,))), seen)
    (stretch,) = last.zones[0].history
    assert (stretch.start_s, stretch.end_s, stretch.peak) == (0.0, 10.0, 2)
    assert stretch.mean == pytest.approx(1.2)  # 8 s of one and 2 s of two


@given(paths)
def test_entered_minus_left_is_who_is_inside_at_any_time(
    points: list[tuple[float, float]],
) -> None:
    counter = engine(SceneConfig(zones=(ROOM,)))
    last, events = watch(counter, path(points))
    assert (last.zones[0].entered, last.zones[0].inside) == (last.zones[0].left, 0)
    new = [event for event in events if event.change.phase == "new"]
    end = [event for event in events if event.change.phase == "end"]
    assert [event.event_id for event in new] == [event.event_id for event in end]
    assert sum(event.change.value or 0 for event in end) == pytest.approx(last.zones[0].dwell_s)


@given(paths)
def test_a_mirrored_picture_with_its_zone_dwells_the_same(
    points: list[tuple[float, float]],
) -> None:
    corners = ((20.0, 30.0), (80.0, 25.0), (60.0, 50.0), (85.0, 80.0), (30.0, 70.0))
    width = SIZE[0] - 1
    there = replace(ROOM, points=corners)
    back = replace(ROOM, points=tuple((width - x, y) for x, y in corners))
    one = watch(engine(SceneConfig(zones=(there,))), path(points))[0].zones[0]
    mirrored = path([(width - x, y) for x, y in points])
    two = watch(engine(SceneConfig(zones=(back,))), mirrored)[0].zones[0]
    assert (one.entered, one.left) == (two.entered, two.left)
    assert one.dwell_s == pytest.approx(two.dwell_s, abs=1e-6)


def depth_px(walker: Walker, time_s: float) -> float:
    """How far inside; a corner cut within the band of 7.2 px is no visit."""
    x, y = walker.feet(time_s)
    left, top, right, bottom = RECTANGLE
    return min(x - left, y - top, right - x, bottom - y)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_dwell_equals_the_truth_with_true_boxes_and_dropped_frames(seed: int) -> None:
    crowd = walkers(seed, 60)
    _, every = count(new_engine(), results(crowd, Noise(drops=0.3), seed))
    events = [event.change for analysis in every for event in analysis.events]
    ends = [change for change in events if (change.kind, change.phase) == ("visit", "end")]
    found = {change.track_id: change.end_s - change.start_s for change in ends if change.end_s}
    spans = {walker.number: true_visit(walker, RECTANGLE) for walker in crowd}
    truth = {
        walker.number: end_s - start_s
        for walker in crowd
        for start_s, end_s in [spans[walker.number]]
        if end_s - start_s > 0.5 and depth_px(walker, (start_s + end_s) / 2) > 10
    }
    assert len(truth) > 20
    for name, dwell_s in truth.items():
        assert found[name] == pytest.approx(dwell_s, abs=1e-3)  # float32 boxes
    assert all(spans[name or 0][1] > spans[name or 0][0] for name in found)


@pytest.mark.parametrize("feet", [(50.0, 90.0), (50.0, 100.5), (50.0, 109.0), (-3.0, 50.0)])
def test_a_zone_to_the_edge_goes_on_beyond_it(feet: tuple[float, float]) -> None:
    """Detectors do not clip: of somebody cut off by the edge the box ends beyond it."""
    whole = ZoneConfig("all", ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)), unit="share")
    pixels = ZoneConfig("px", ((0.0, 0.0), (100.0, 0.0), (100.0, 100.0), (0.0, 100.0)))
    scene = SceneConfig(zones=(whole, pixels))
    last, _ = watch(engine(scene), path([feet, feet]))
    assert [zone.entered for zone in last.zones] == [1, 1]
    assert last.zones[0].points.min() == -0.5  # drawn as it was


def test_who_walks_along_the_edge_comes_into_a_zone_there() -> None:
    low = ZoneConfig("low", ((30.0, 60.0), (70.0, 60.0), (70.0, 100.0), (30.0, 100.0)))
    points = [(x, 104.0) for x in (10.0, 25.0, 40.0, 55.0, 75.0, 90.0)]
    last, events = watch(engine(SceneConfig(zones=(low,))), path(points))
    assert [cause for _, cause, _, _ in visits(events)] == ["crossed", "crossed"]
    assert last.zones[0].entered == 1


def test_a_first_sighting_on_the_outline_is_inside() -> None:
    last, events = watch(engine(SceneConfig(zones=(ROOM,))), path([(30, 50), (40, 50), (50, 50)]))
    assert [cause for _, cause, _, _ in visits(events)] == ["appeared", "lost"]
    assert last.zones[0].entered == 1


@pytest.mark.parametrize("width", [1.0, 1.5, 3.0])
def test_a_zone_narrower_than_the_band_is_entered_too(width: float) -> None:
    """Its middle is less than the band of 1.01 px inside."""
    strip = ZoneConfig("strip", ((50.0, 0.0), (50.0 + width, 0.0), (50.0 + width, 90), (50.0, 90)))
    points = [(45 + x / 4, 50.0) for x in range(40)]
    last, _ = watch(engine(SceneConfig(zones=(strip,))), path(points))
    assert (last.zones[0].entered, last.zones[0].left) == (1, 1)
    assert last.zones[0].dwell_s == pytest.approx(width / 0.25 * 0.1)


def test_every_visit_as_long_as_loitering_is_loitering() -> None:
    """Between two frames of a slow stream somebody stayed for 6 s and was gone."""
    zone = replace(ROOM, loiter_s=5.0)
    points = [(40.0, 50.0), (40.0, 50.0), (80.0, 50.0)]
    _, events = watch(engine(SceneConfig(zones=(zone,))), path(points, step_s=4.0))
    loitering = [event for event in events if event.change.kind == "loitering"]
    assert [event.change.phase for event in loitering] == ["new", "end"]
    assert loitering[0].event_id == loitering[1].event_id
    assert loitering[1].change.end_s == 7.0  # out from 40 to 80 between 4 and 8 s


def test_who_turns_out_to_be_of_a_watched_class_is_inside_from_then_on() -> None:
    counter = engine(SceneConfig(zones=(replace(ROOM, classes=("car",)),)))
    inside = []
    for index in range(4):
        seen: Seen = (index / 10, {1: (50.0, 50.0)})
        given = result(seen, index=index, class_ids={1: int(index >= 2)})
        inside.append(counter.update(given).zones[0].inside)
    assert inside == [0, 0, 1, 1]
