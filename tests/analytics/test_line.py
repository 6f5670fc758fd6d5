"""Lines: who crosses, where, which way, and how often it counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.analysis import Analysis
from analytics.engine import RESTART_S
from analytics.region import LineConfig
from analytics.scene_config import SceneConfig
from benchmarks.counting import (
    LINES,
    NOISY,
    Noise,
    count,
    new_engine,
    results,
    true_crossings,
    walkers,
)
from tests.analytics.paths_seen import SIZE, Seen, engine, path, result, watch

UP = LineConfig("gate", (50.0, 80.0), (50.0, 0.0))  # from below: its right is the picture's right
WIDE = replace(UP, start=(50.0, 1000.0), end=(50.0, -1000.0))

places = st.tuples(st.integers(0, 400), st.integers(0, 400)).map(lambda p: (p[0] / 4, p[1] / 4))
paths = st.lists(places, min_size=1, max_size=25)


def counts(points: list[tuple[float, float]], line: LineConfig = UP) -> tuple[int, int]:
    return ends(watch(engine(SceneConfig(lines=(line,))), path(points))[0])


def ends(analysis: Analysis) -> tuple[int, int]:
    return analysis.lines[0].in_count, analysis.lines[0].out_count


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        pytest.param([], (0, 0), id="nothing"),
        pytest.param([(40, 50), (60, 50)], (1, 0), id="left to right is in"),
        pytest.param([(60, 50), (40, 50)], (0, 1), id="right to left is out"),
        pytest.param([(40, 50), (60, 50), (40, 50)], (1, 1), id="there and back"),
        pytest.param([(40, 50), (50, 50), (60, 50)], (1, 0), id="a stop exactly on the line"),
        pytest.param([(40, 50), (50, 50), (40, 50)], (0, 0), id="touching is not crossing"),
        pytest.param([(40, 50), (50.9, 50), (49.1, 50), (50.9, 50)], (0, 0), id="within the band"),
        pytest.param(
            [(40, 50), (50.9, 50), (49.1, 50), (50.9, 50), (60, 50)], (1, 0), id="jitter, then over"
        ),
        pytest.param([(40, 90), (60, 90)], (0, 0), id="past the end"),
        pytest.param([(40, 80), (60, 80)], (1, 0), id="through the end"),
        pytest.param([(40, 50), (40, 90), (60, 90), (60, 50)], (0, 0), id="around the end"),
        pytest.param([(40, 90), (60, 90), (60, 50), (40, 50)], (0, 1), id="around, then through"),
        pytest.param([(50.5, 50), (60, 50)], (0, 0), id="born within the band"),
    ],
)
def test_crossings_count_by_direction(
    points: list[tuple[float, float]], expected: tuple[int, int]
) -> None:
    if not points:
        assert ends(watch(engine(SceneConfig(lines=(UP,))), [(0.0, {})])[0]) == expected
        return
    assert counts(points) == expected


def test_a_crossing_tells_where_and_when_between_its_two_sightings() -> None:
    _, events = watch(engine(SceneConfig(lines=(UP,))), path([(40, 20), (44, 22), (56, 28)]))
    (event,) = events
    change = event.change
    assert change.step is not None
    assert (change.step.before, change.step.after) == ((44.0, 22.0), (56.0, 28.0))
    assert change.point == (50.0, 25.0)  # half of the way from (44, 22) to (56, 28)
    assert change.start_s == change.end_s == pytest.approx(0.15)  # half of 0.1 to 0.2
    assert (change.kind, change.direction, change.track_id) == ("crossing", "in", 1)
    assert change.phase == "new"
    assert (event.frame_index, event.time_s, event.class_name) == (2, 0.2, "person")
    assert event.xyxy == (54.0, 20.0, 58.0, 28.0)


def test_confirmation_asks_to_stay_on_the_new_side() -> None:
    line = replace(UP, confirm_s=0.25)
    assert counts([(40, 50), (55, 50), (45, 50), (40, 50), (40, 50)], line) == (0, 0)
    assert counts([(40, 50), (55, 50), (56, 50), (57, 50), (58, 50)], line) == (1, 0)


def test_a_track_that_ends_beyond_the_line_counts_without_confirmation() -> None:
    assert counts([(40, 50), (55, 50)], replace(UP, confirm_s=5.0)) == (1, 0)


def test_only_wanted_classes_count_and_each_apart() -> None:
    seen: list[Seen] = [(0.0, {1: (40, 50), 2: (40, 70)}), (0.1, {1: (60, 50), 2: (60, 70)})]
    both = engine(SceneConfig(lines=(UP, replace(UP, name="cars", classes=("car",)))))
    analysis = None
    for index, one in enumerate(seen):
        analysis = both.update(result(one, index=index, class_ids={2: 1}))
    assert analysis is not None
    every, cars = analysis.lines
    assert dict(every.in_by_class) == {0: 1, 1: 1}
    assert dict(cars.in_by_class) == {1: 1}


def test_the_reference_point_decides_what_crosses() -> None:
    level = LineConfig("level", (100.0, 50.0), (0.0, 50.0))  # boxes are 8 px high
    moved = [(50.0, 46.0), (50.0, 53.0)]  # feet cross y = 50, centres go from 42 to 49
    assert sum(counts(moved, level)) == 1
    assert sum(counts(moved, replace(level, reference="centre"))) == 0


def test_shares_and_pixels_are_the_same_line() -> None:
    share = LineConfig("gate", (0.5, 1.0), (0.5, 0.0), unit="share")  # x = 0.5 * 101 - 0.5 = 50
    assert counts([(40, 50), (48, 50), (51.5, 50)], share) == (1, 0)
    assert counts([(40, 50), (48, 50), (50.5, 50)], share) == (0, 0)


@given(paths)
def test_a_mirrored_picture_with_its_line_counts_the_same(
    points: list[tuple[float, float]],
) -> None:
    line = LineConfig("slope", (30.0, 20.0), (70.0, 90.0))
    width = SIZE[0] - 1
    turned = replace(line, start=(width - line.start[0], 20.0), end=(width - line.end[0], 90.0))
    there, back = counts(points, line)
    mirrored = [(width - x, y) for x, y in points]
    assert counts(mirrored, turned) == (back, there)  # left and right change places
    swapped = replace(turned, start=turned.end, end=turned.start)
    assert counts(mirrored, swapped) == (there, back)


@given(paths, st.lists(st.integers(1, 3), min_size=25, max_size=25), st.booleans())
def test_duplicated_frames_change_no_count(
    points: list[tuple[float, float]], copies: list[int], same_time: bool
) -> None:
    seen = path(points)
    later = 0.0 if same_time else 0.01
    twice = [
        (time_s + later * copy, feet)
        for (time_s, feet), times in zip(seen, copies, strict=False)
        for copy in range(times)
    ]
    config = SceneConfig(lines=(UP,))
    assert ends(watch(engine(config), twice)[0]) == ends(watch(engine(config), seen)[0])


@given(paths, st.sampled_from([0.01, 0.5, 3.0, 1000.0]))
def test_scaled_time_changes_no_count(points: list[tuple[float, float]], scale: float) -> None:
    seen = path(points)
    scaled = [(time_s * scale, feet) for time_s, feet in seen]
    config = SceneConfig(lines=(UP,))
    assert ends(watch(engine(config), scaled)[0]) == ends(watch(engine(config), seen)[0])


@given(paths)
def test_in_minus_out_is_the_difference_of_the_sides(points: list[tuple[float, float]]) -> None:
    sure = [x for x, _ in points if abs(x - 50) > 0.01 * SIZE[0]]
    moved = int(sure[-1] > 50) - int(sure[0] > 50) if sure else 0
    there, back = counts(points, WIDE)
    assert there - back == moved
    assert abs(there - back) <= 1


@given(paths.map(lambda points: [(x / 2.1, y) for x, y in points]))
def test_a_track_that_never_crosses_never_counts(points: list[tuple[float, float]]) -> None:
    assert counts(points, WIDE) == (0, 0)  # all x are at most 100 / 2.1 < 50


@given(st.lists(st.tuples(st.integers(-30, 30), places), min_size=1, max_size=30))
def test_times_that_repeat_or_go_back_neither_crash_nor_count_twice(
    jumps: list[tuple[int, tuple[float, float]]],
) -> None:
    seen: list[Seen] = []
    time_s = 100.0
    for jump, point in jumps:
        time_s += jump / 100  # less than RESTART_S at a time
        seen.append((time_s, {1: point}))
    last_s, kept = -1.0, list[Seen]()
    for one in seen:
        if one[0] > last_s or one[0] < last_s - RESTART_S:
            kept.append(one)
            last_s = one[0]
    config = SceneConfig(lines=(UP,))
    assert ends(watch(engine(config), seen)[0]) == ends(watch(engine(config), kept)[0])


def test_a_time_far_back_begins_anew_and_keeps_the_counts() -> None:
    seen: list[Seen] = [(9.0, {1: (40, 50)}), (9.1, {1: (60, 50)})]
    again: list[Seen] = [(0.0, {1: (40, 50)}), (0.1, {1: (60, 50)})]
    last, _ = watch(engine(SceneConfig(lines=(UP,))), [*seen, *again])
    assert ends(last) == (2, 0)  # the way back to 40 is another recording, not a crossing


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_counts_equal_the_truth_with_true_boxes_and_dropped_frames(seed: int) -> None:
    crowd = walkers(seed, 60)
    last, _ = count(new_engine(), results(crowd, Noise(drops=0.3), seed))
    truth = [np.sum([true_crossings(one, line) for one in crowd], axis=0) for line in LINES]
    assert [(line.in_count, line.out_count) for line in last.lines] == [
        (there, back) for there, back in truth
    ]


def test_noise_on_boxes_changes_counts_by_less_than_two_per_cent() -> None:
    crowd = walkers(4, 100)
    last, _ = count(new_engine(), results(crowd, NOISY, 4))
    truth = np.array(
        [np.sum([true_crossings(one, line) for one in crowd], axis=0) for line in LINES]
    )
    counted = np.array([(line.in_count, line.out_count) for line in last.lines])
    assert np.abs(counted - truth).sum() < 0.02 * truth.sum()


@pytest.mark.parametrize(
    ("line", "feet_y", "expected"),
    [
        pytest.param(replace(UP, start=(0.5, 1.0), end=(0.5, 0.0), unit="share"), 109, 1, id="on"),
        pytest.param(replace(UP, start=(50.0, 100.0)), 109, 1, id="px of the last row"),
        pytest.param(replace(UP, start=(50.0, 95.0)), 109, 0, id="ends before the edge"),
        pytest.param(replace(UP, end=(50.0, 40.0)), 20, 0, id="the other end"),
        pytest.param(LineConfig("low", (20.0, 100.0), (40.0, 100.0)), 109, 0, id="along the edge"),
    ],
)
def test_a_line_to_the_edge_is_crossed_by_feet_beyond_it(
    line: LineConfig, feet_y: float, expected: int
) -> None:
    """Detectors do not clip: of somebody cut off by the lower edge the box ends below it."""
    assert sum(counts([(40, feet_y), (60, feet_y)], line)) == expected
