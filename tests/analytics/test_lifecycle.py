"""Whatever times and places come, every record has its beginning and its end, and sums agree."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.event import Event
from analytics.region import LineConfig, ZoneConfig
from analytics.scene_config import SceneConfig
from tests.analytics.paths_seen import Seen, engine, path, result, watch

ROOM = ZoneConfig(
    "room",
    ((30.0, 30.0), (70.0, 30.0), (70.0, 70.0), (30.0, 70.0)),
    loiter_s=0.5,
    crowd_count=2,
    crowd_s=0.1,
)
TWIST = ZoneConfig("twist", ((10.0, 10.0), (90.0, 80.0), (90.0, 15.0), (10.0, 95.0)), loiter_s=0.0)
GATE = LineConfig("gate", (50.0, 0.0), (50.0, 80.0), confirm_s=0.1)
SCENE = SceneConfig(
    lines=(GATE, replace(GATE, name="cars", classes=("car",))),
    zones=(ROOM, TWIST, replace(ROOM, name="parking", classes=("car",))),
    lost_s=0.3,
    update_s=0.2,
)
COARSE = Fraction(101, 100)  # the band, px

steps_s = st.sampled_from([0.04, 0.04, 0.1, 0.5, 5.0, 0.0, -0.02, -30.0])
feet = st.tuples(st.integers(-10, 110), st.integers(-10, 110))
frames = st.lists(
    st.tuples(steps_s, st.dictionaries(st.integers(1, 3), feet), st.integers(0, 7)), max_size=25
)


@settings(max_examples=60)
@given(frames)
def test_what_begins_ends_once_and_sums_agree(
    given_frames: list[tuple[float, dict[int, tuple[int, int]], int]],
) -> None:
    counter, time_s, events = engine(SCENE), 100.0, list[Event]()
    counter.update(result((time_s, {})))
    for index, (step_s, seen, cars) in enumerate(given_frames, 1):
        time_s = max(0.0, time_s + step_s)
        class_ids = {name: cars >> (name - 1) & 1 for name in seen}
        events += counter.update(result((time_s, seen), index=index, class_ids=class_ids)).events
    last = counter.finish()
    assert last is not None
    events += last.events
    begun: dict[str, Event] = {}
    ended, dwell_s = set[str](), defaultdict[str, float](float)
    for event in events:
        change, name = event.change, event.event_id
        assert name not in ended
        if change.phase == "new":
            assert name not in begun
            begun[name] = event
        first = begun[name].change
        assert (first.kind, first.rule, first.track_id) == (
            change.kind,
            change.rule,
            change.track_id,
        )
        assert first.start_s == change.start_s
        if change.end_s is not None:
            assert change.end_s >= change.start_s
            ended.add(name)
            dwell_s[change.rule] += (change.end_s - change.start_s) * (change.kind == "visit")
    assert ended == set(begun)
    for zone in last.zones:
        assert (zone.inside, zone.entered) == (0, zone.left)
        assert abs(zone.dwell_s - dwell_s[zone.name]) < 1e-6
    crossings = sum(event.change.kind == "crossing" for event in events)
    assert crossings == sum(line.in_count + line.out_count for line in last.lines)


Whole = tuple[int, int]
wholes = st.tuples(st.integers(5, 95), st.integers(5, 95))


def _exact(points: list[Whole], start: Whole, end: Whole) -> tuple[int, int]:
    """In and out, in fractions, by where the last change of sign met the line."""
    along = (end[0] - start[0], end[1] - start[1])
    band = COARSE**2 * (along[0] ** 2 + along[1] ** 2)
    counts, side, sign, met = [0, 0], 0, 0, False
    for before, point in zip([points[0], *points], points, strict=False):
        areas = [along[0] * (y - start[1]) - along[1] * (x - start[0]) for x, y in (before, point)]
        now = (areas[1] > 0) - (areas[1] < 0)
        if now * sign < 0:
            part = Fraction(areas[0], areas[0] - areas[1])
            at = [before[k] + part * (point[k] - before[k]) for k in (0, 1)]
            met = all(min(start[k], end[k]) <= at[k] <= max(start[k], end[k]) for k in (0, 1))
        sign = now or sign
        if areas[1] ** 2 > band:
            counts[0] += met and side * now < 0 < now
            counts[1] += met and side * now < 0 and now < 0
            side = now
    return counts[0], counts[1]


@settings(max_examples=150)
@given(st.lists(wholes, min_size=2, max_size=15), wholes, wholes)
def test_crossings_are_those_of_exact_geometry(
    points: list[Whole], start: Whole, end: Whole
) -> None:
    """Touching an end, standing and gliding on the line: corners that floats might round."""
    if start == end:
        return
    line = LineConfig("gate", (start[0], start[1]), (end[0], end[1]))
    seen: list[Seen] = path([(float(x), float(y)) for x, y in points])
    last, _ = watch(engine(SceneConfig(lines=(line,))), seen)
    assert (last.lines[0].in_count, last.lines[0].out_count) == _exact(points, start, end)
