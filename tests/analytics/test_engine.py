"""The engine as a whole: robustness, speed over ground, heat, traces, wall clock, drawn streets."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import numpy as np
import pytest

from analytics.engine import Engine
from analytics.region import GroundConfig, LineConfig, ZoneConfig
from analytics.roster import FIRST_ROWS
from analytics.scene_config import HeatmapConfig, SceneConfig
from detector.detections import Detections
from streamer.frame import Frame, StreamInfo
from streamer.picture import BgrPicture
from streamer.result import Result
from streamer.scene.actor import actors_at
from streamer.scene.config import SyntheticConfig
from streamer.scene.scene import Scene
from tests.analytics.paths_seen import SIZE, Seen, engine, path, result, watch

GATE = LineConfig("gate", (50.0, 100.0), (50.0, 0.0))
ROOM = ZoneConfig("room", ((30.0, 30.0), (70.0, 30.0), (70.0, 70.0), (30.0, 70.0)))
GROUND = GroundConfig(
    points=((0.0, 0.0), (100.0, 0.0), (100.0, 100.0), (0.0, 100.0)),
    metres=((0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0)),
)
FULL = SceneConfig(lines=(GATE,), zones=(ROOM,), grounds=(GROUND,), heatmap=HeatmapConfig())


def found(boxes: list[list[float]], ids: list[int] | None) -> Result[Detections]:
    given = result((1.0, {}))
    columns = np.ones(len(boxes), np.float32), np.zeros(len(boxes), np.int32)
    track_id = None if ids is None else np.array(ids, np.int64)
    array = np.array(boxes, np.float32).reshape(-1, 4)
    return replace(given, detections=Detections(array, *columns, track_id))


@pytest.mark.parametrize(
    ("boxes", "ids", "inside"),
    [
        pytest.param([], [], 0, id="nothing"),
        pytest.param([[45, 40, 55, 60]], None, 0, id="no tracker"),
        pytest.param([[45, 40, 55, 60]], [-1], 0, id="no id"),
        pytest.param([[45, 40, 55, float("nan")]], [1], 0, id="not a number"),
        pytest.param([[45, 40, 55, 60], [44, 40, 54, 60]], [1, 1], 1, id="an id twice"),
        pytest.param([[45, 40, 55, 60], [44, 40, 54, 60]], [1, 2], 2, id="two"),
    ],
)
def test_only_tracks_with_an_id_and_a_finite_box_count(
    boxes: list[list[float]], ids: list[int] | None, inside: int
) -> None:
    analysis = engine(FULL).update(found(boxes, ids))
    assert analysis.zones[0].inside == inside
    assert analysis.motion is not None
    assert len(analysis.motion.speed) == len(boxes)


def test_more_tracks_than_there_are_rows_count_one_by_one() -> None:
    many = 3 * FIRST_ROWS
    before = dict.fromkeys(range(many), (40.0, 50.0))
    after = dict.fromkeys(range(many), (60.0, 50.0))
    seen: list[Seen] = [(0.0, {}), (0.1, {0: (40.0, 50.0)}), (0.2, before), (0.3, after)]
    last, _ = watch(engine(FULL), seen)
    assert (last.lines[0].in_count, last.zones[0].entered) == (many, many)


def test_rows_are_used_again_without_the_memory_of_others() -> None:
    seen: list[Seen] = [(0.0, {1: (40, 50)}), (10.0, {}), (11.0, {2: (60, 50)})]
    last, _ = watch(engine(FULL), seen)
    assert last.lines[0].in_count == 0  # 2 took the row of 1, who was on the other side


def test_a_frame_of_another_size_shows_the_same_view() -> None:
    counter = engine(SceneConfig(lines=(GATE,)))
    counter.update(result((0.0, {1: (40.0, 50.0)})))
    large = BgrPicture(np.zeros((202, 202, 3), np.uint8))
    given = result((0.1, {1: (90.0, 101.0)}), index=1)  # 90 of 202 is 44.75 of 101
    analysis = counter.update(replace(given, frame=replace(given.frame, picture=large)))
    assert analysis.lines[0].in_count == 0
    given = result((0.2, {1: (110.0, 101.0)}), index=2)
    analysis = counter.update(replace(given, frame=replace(given.frame, picture=large)))
    assert analysis.lines[0].in_count == 1


def test_wall_clock_runs_with_the_media_from_the_first_frame() -> None:
    noon = datetime(2024, 5, 1, 12, tzinfo=UTC)
    counter = Engine(
        SceneConfig(lines=(GATE,)),
        stream_id="door",
        class_names=("person",),
        size=SIZE,
        wall_start=noon,
    )
    counter.update(result((100.0, {1: (40.0, 50.0)})))
    (event,) = counter.update(result((102.0, {1: (60.0, 50.0)}), index=1)).events
    assert event.start_wall == noon + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        pytest.param(replace(GATE, classes=("cat",)), "got 'cat'", id="class"),
    ],
)
def test_an_unknown_class_is_refused(config: LineConfig, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        engine(SceneConfig(lines=(config,)))


@pytest.mark.parametrize("rate", [2.0, 25.0, 1000.0])
def test_speed_and_distance_do_not_depend_on_the_rate(rate: float) -> None:
    rng = np.random.default_rng(3)
    times = np.sort(rng.choice(np.arange(1, int(4 * rate)), int(2 * rate), replace=False)) / rate
    counter = engine(FULL)
    motion = None
    for time_s in times:  # 20 px a second are 2 m a second
        motion = counter.update(result((float(time_s), {1: (5 + 20 * float(time_s), 50.0)}))).motion
    assert motion is not None
    assert motion.speed[0] == pytest.approx(2.0, rel=1e-3)  # float32 boxes
    assert motion.distance[0] == pytest.approx(2 * (times[-1] - times[0]), rel=1e-2)


def test_speed_is_steady_under_jitter() -> None:
    rng = np.random.default_rng(5)
    counter = engine(SceneConfig(grounds=(replace(GROUND, smooth_s=1.0),)))
    speeds = []
    for index in range(200):
        x = 5 + 10 * index / 25 + rng.normal(0, 0.5)  # 1 m a second, 5 cm off
        motion = counter.update(result((index / 25, {1: (x, 50.0)}), index=index)).motion
        assert motion is not None
        speeds.append(float(motion.speed[0]))
    assert np.abs(np.array(speeds[50:]) - 1).max() < 0.15


def test_heat_holds_seconds_and_passages() -> None:
    config = SceneConfig(heatmap=HeatmapConfig(columns=2))  # cells of 50.5 px
    last, _ = watch(engine(config), path([(20, 80), (20, 80), (80, 80), (80, 80)], step_s=1.0))
    assert last.heat is not None
    assert last.heat.dwell_s.tolist() == [[0, 0], [2, 1]]
    assert last.heat.passages.tolist() == [[0, 0], [1, 1]]


def test_feet_cut_off_by_the_edge_stand_on_it() -> None:
    config = SceneConfig(heatmap=HeatmapConfig(columns=2))
    last, _ = watch(engine(config), path([(20, 108), (20, 108)], step_s=1.0))
    assert last.heat is not None
    assert last.heat.dwell_s.tolist() == [[0, 0], [1, 0]]


def test_traces_hold_the_last_seconds_of_those_in_sight() -> None:
    counter = engine(SceneConfig(trace_s=0.25))
    seen: list[Seen] = [(0.0, {1: (10, 50), 2: (5, 5)}), (0.1, {1: (20, 50), 2: (5, 5)})]
    seen += [(0.2, {1: (30, 50)}), (0.3, {1: (40, 50)})]
    analysis = [counter.update(result(one, index=index)) for index, one in enumerate(seen)][-1]
    paths = analysis.traces.paths()
    assert {name: points.tolist() for name, points in paths.items()} == {
        1: [[20.0, 50.0], [30.0, 50.0], [40.0, 50.0]]
    }


@pytest.mark.parametrize("seed", [0, 1])
def test_counts_on_a_drawn_street_equal_its_plan(seed: int) -> None:
    """Truth boxes at a third fewer frames, against where everybody stands at 100 Hz."""
    size = (320, 180)
    scene = Scene(SyntheticConfig(*size, seed=seed, noise=0, blur=0, objects=10, rate=Fraction(12)))
    middle = size[0] / 2
    line = LineConfig("middle", (middle, 1000.0), (middle, -1000.0))
    counter = Engine(
        SceneConfig(lines=(line,)), stream_id="street", class_names=("thing",), size=size
    )
    stream = StreamInfo("street", "street", *size, Fraction(1, 12))
    rng = np.random.default_rng(seed)
    net: dict[int, int] = {}
    frames = [index for index in range(240) if rng.random() >= 0.3]
    for index in frames:
        pixels, truth = scene.render(index)
        count = len(truth)
        boxes = Detections(
            truth.xyxy.copy(),
            np.ones(count, np.float32),
            np.zeros(count, np.int32),
            truth.object_id.copy(),
        )
        frame = Frame(stream, index, index, stream.time_base, 0, BgrPicture(pixels))
        for event in counter.update(Result(frame, boxes, 0, 0)).events:
            change = event.change
            assert change.track_id is not None
            step = 1 if change.direction == "in" else -1
            net[change.track_id] = net.get(change.track_id, 0) + step
    sides: dict[int, list[float]] = {}
    for tick in range(int(frames[0] / 12 * 100), int(frames[-1] / 12 * 100) + 1):
        for actor in actors_at(scene._slots, tick / 100):
            x = scene._view.column_px(*actor.place) - middle
            if abs(x) < middle - 10:  # on the picture, where boxes are not cut off
                sides.setdefault(actor.object_id, []).append(x)
    sure = {name: xs for name, xs in sides.items() if min(abs(xs[0]), abs(xs[-1])) > 6}
    plan = {name: int(xs[-1] > 0) - int(xs[0] > 0) for name, xs in sure.items()}
    assert sum(abs(value) for value in plan.values()) >= 3
    assert {name: net.get(name, 0) for name in plan} == plan


def test_a_stream_on_which_nobody_was_seen_yet_has_no_paths() -> None:
    """Drawing the first frames of an empty road failed."""
    analysis = engine(SceneConfig()).update(result((0.0, {})))
    assert analysis.traces.paths() == {}


def test_speed_waits_until_jitter_is_little_beside_the_way() -> None:
    """Somebody who stood 30 m away was said to run 30 km/h when he was seen for the second time."""
    rng = np.random.default_rng(7)
    counter = engine(SceneConfig(grounds=(GROUND,)))
    motion = None
    for index in range(40):
        x, y = rng.normal(50, 0.5, 2)  # stands, 5 cm off
        motion = counter.update(result((index / 25, {1: (x, y)}), index=index)).motion
        assert motion is not None
        assert np.isnan(motion.speed[0]) == (index / 25 < GROUND.smooth_s)
        assert not motion.speed[0] > 0.2
    assert motion is not None
    assert motion.distance[0] < 0.2


def test_near_the_horizon_no_speed_is_told() -> None:
    """Rows of the picture are 1 m apart near its lower edge and kilometres near its horizon."""
    far = replace(GROUND, metres=((-500.0, 1010.0), (500.0, 1010.0), (5.0, 10.0), (-5.0, 10.0)))
    counter = engine(SceneConfig(grounds=(far,)))
    motion = None
    for index in range(40):
        feet = {1: (50.0, 1.0 + index % 2), 2: (50.0, 99.0)}
        motion = counter.update(result((index / 25, feet), index=index)).motion
    assert motion is not None
    assert np.isfinite(motion.metres).all()
    assert np.isnan(motion.speed).tolist() == [True, False]


def test_speed_stays_between_two_looks() -> None:
    """On frames that the detector did not look at labels lost their speeds, and flickered."""
    counter = engine(SceneConfig(grounds=(GROUND,)))
    analysis = None
    for index in range(40):
        given = result((index / 25, {1: (5 + index * 0.8, 50.0)}), index=index)
        is_carried = index % 3 > 0
        given = replace(given, detections=replace(given.detections, is_carried=is_carried))
        analysis = counter.update(given)
    assert analysis is not None
    assert analysis.motion is not None  # 20 px a second are 2 m a second
    assert analysis.motion.speed[0] == pytest.approx(2.0, rel=1e-3)
    assert analysis.motion.metres[0] == pytest.approx([3.62, 5.0], abs=1e-3)
    assert analysis.motion.distance[0] == pytest.approx(2 * 39 / 25, rel=1e-2)
