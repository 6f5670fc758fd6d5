"""Which steps a stream's results pass through, and that wishes nobody can meet are refused."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from analytics.chain import build_analytics, check_scene, choose_tracker
from analytics.region import LineConfig, ZoneConfig
from analytics.scene_config import SceneConfig
from analytics.track import AtLeast, Track, TrackingConfig
from analytics.tracking.bytetrack import ByteTrackConfig
from analytics.tracking.ocsort import OcSortConfig
from analytics.tracking.sort import SortConfig
from analytics.tracking.tracker import TrackerConfig
from analytics.watch import Watch, analysis_in
from detector.detections import Detections
from streamer.contract import Concluding
from streamer.frame import StreamInfo
from tests.analytics.paths_seen import engine, path, result

GATE = SceneConfig(lines=(LineConfig("gate", (50, 0), (50, 100)),))
STREAM = StreamInfo("door", "door", 101, 101, Fraction(1, 25), rate=Fraction(25))


def _kinds(scene: SceneConfig, stream: StreamInfo = STREAM) -> list[type]:
    steps = build_analytics(stream, ByteTrackConfig(), scene, class_names=("person",), min_score=0)
    return [type(step) for step in steps]


def test_what_is_counted_is_tracked_without_being_told() -> None:
    assert choose_tracker(TrackingConfig(), GATE) == ByteTrackConfig()
    assert choose_tracker(TrackingConfig(), SceneConfig()) is None


def test_counting_without_tracking_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected a tracker .* choose bytetrack"):
        choose_tracker(TrackingConfig(name="none"), GATE)


def test_a_stream_is_tracked_and_then_counted_where_something_is_drawn_on_it() -> None:
    elsewhere = SceneConfig(lines=(LineConfig("gate", (50, 0), (50, 100), stream="other"),))
    assert _kinds(GATE) == [Track, Watch]
    assert _kinds(elsewhere) == [Track]


def test_single_pictures_are_neither_tracked_nor_counted() -> None:
    assert _kinds(GATE, replace(STREAM, kind="images")) == [AtLeast]


def test_whom_the_tracker_has_given_up_is_in_no_zone() -> None:
    """For two more seconds a zone counted those whose id could not come back, and their next id."""
    zone = ZoneConfig("room", ((10.0, 10.0), (90.0, 10.0), (90.0, 90.0), (10.0, 90.0)))
    steps = build_analytics(
        STREAM, ByteTrackConfig(), SceneConfig(zones=(zone,)), class_names=("a",), min_score=0.3
    )
    inside = {}
    for index in range(60):
        seen = path([(50.0, 50.0)])[0][1] if index <= 10 else {}
        given = result((index / 25, seen), index=index)
        for step in steps:
            given = step.update(given)
        analysis = analysis_in(given.notes)
        assert analysis is not None
        inside[index] = analysis.zones[0].inside
    assert inside[10] == inside[36] == 1  # unseen for 1.04 s: may still come back
    assert inside[37] == 0


def test_what_lies_outside_the_picture_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """A scene drawn on 1920 x 1080 counted nobody on 640 x 360, and did not say why."""
    far = LineConfig("far", (900.0, 0.0), (900.0, 500.0))
    across = LineConfig("across", (-50.0, -50.0), (900.0, 900.0))
    scene = SceneConfig(lines=(*GATE.lines, far, across))
    build_analytics(STREAM, ByteTrackConfig(), scene, class_names=("person",), min_score=0)
    (record,) = caplog.records
    assert "stream 'door': line 'far' lies outside its 101 x 101 picture" in record.getMessage()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        pytest.param(
            LineConfig("gate", (50, 0), (50, 100), stream="back"),
            r"expected a stream of this run \('door'\), got 'back'",
            id="stream",
        ),
        pytest.param(
            LineConfig("gate", (50, 0), (50, 100), classes=("persn",)),
            "perhaps 'person', got 'persn'",
            id="class",
        ),
    ],
)
def test_names_nobody_knows_are_refused(line: LineConfig, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        check_scene(SceneConfig(lines=(line,)), ("person",), ("door",))


def test_counts_travel_with_the_results_and_the_rest_comes_at_the_end() -> None:
    zone_free = Watch(engine(GATE))
    assert isinstance(zone_free, Concluding)
    seen = path([(40.0, 60.0), (48.0, 60.0), (56.0, 60.0), (64.0, 60.0)])
    given = [zone_free.update(result(one, index=index)) for index, one in enumerate(seen)]
    counts = [analysis_in(each.notes) for each in given]
    assert [None if c is None else c.lines[0].in_count + c.lines[0].out_count for c in counts] == [
        0,
        0,
        1,
        1,
    ]
    last = analysis_in(zone_free.finish())
    assert last is not None
    assert last.lines[0].out_count + last.lines[0].in_count == 1


@pytest.mark.parametrize("tracker", [SortConfig(), ByteTrackConfig(), OcSortConfig()])
def test_what_an_unsure_detector_keeps_is_followed(tracker: TrackerConfig) -> None:
    """By the published scores nobody had a track whom the starter scores below 0.7."""
    steps = build_analytics(STREAM, tracker, GATE, class_names=("person",), min_score=0.3)
    counted = 0
    for index, seen in enumerate(path([(40.0 + step, 60.0) for step in range(20)], step_s=0.04)):
        given = result(seen, index=index)
        given = replace(given, detections=_scored(given.detections, 0.45))
        for step in steps:
            given = step.update(given)
        analysis = analysis_in(given.notes)
        assert analysis is not None
        counted += len(analysis.events)
    assert counted == 1


def test_a_score_that_was_chosen_is_not_the_detectors() -> None:
    assert SortConfig(min_score=0.5).for_boxes_from(0.3) == SortConfig(min_score=0.5)
    assert ByteTrackConfig(high_score=0.6).for_boxes_from(0.3) == ByteTrackConfig(high_score=0.6)
    assert OcSortConfig(min_score=0.6).for_boxes_from(0.3) == OcSortConfig(min_score=0.6)


def _scored(found: Detections, score: float) -> Detections:
    return replace(found, score=np.full(len(found), score, np.float32), track_id=None)


def test_what_nobody_looked_at_counts_nothing() -> None:
    watch = Watch(engine(GATE))
    before, after = (result(one) for one in path([(40.0, 60.0), (64.0, 60.0)]))
    carried = replace(after, detections=replace(after.detections, is_carried=True))
    given = [analysis_in(watch.update(each).notes) for each in (before, carried)]
    assert [None if each is None else len(each.events) for each in given] == [0, 0]
    seen = analysis_in(watch.update(after).notes)  # the same moment, looked at
    assert seen is not None
    assert len(seen.events) == 1
