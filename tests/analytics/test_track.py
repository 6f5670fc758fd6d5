from __future__ import annotations

from collections import Counter, defaultdict
from fractions import Fraction

import numpy as np
import pytest

from analytics.track import Track
from analytics.tracking.association import assign, overlap_gain
from analytics.tracking.tracker import TRACKERS
from detector.detections import Detections
from streamer.frame import Frame
from streamer.result import Result
from streamer.sources.synthetic import SyntheticConfig, SyntheticSource

LABELS = ("person", "bicycle", "car")


@pytest.fixture(scope="module")
def streets() -> list[list[Frame]]:
    """Two streets, 6 seconds of each."""
    return [_street(seed) for seed in range(2)]


def _street(seed: int) -> list[Frame]:
    config = SyntheticConfig(
        width=320, height=180, rate=Fraction(25), frames=150, seed=seed, objects=6, noise=0, blur=0
    )
    with SyntheticSource(config) as source:
        return list(source)


def _seen(frame: Frame, rng: np.random.Generator) -> Detections:
    """What a fair detector would find: no hidden things, boxes a little off."""
    assert frame.truth is not None
    truth = frame.truth
    rows = np.nonzero(truth.visible > 0.4)[0]
    score = np.sort(rng.uniform(0.7, 1, len(rows)))[::-1]
    xyxy = truth.xyxy[rows] + rng.normal(0, 0.5, (len(rows), 4))
    return Detections(
        xyxy.astype(np.float32),
        score.astype(np.float32),
        np.array([LABELS.index(truth.label[row]) for row in rows], np.int32),
    )


def _owners(frame: Frame, tracked: Detections) -> dict[int, int]:
    """Object of the truth -> id."""
    assert frame.truth is not None
    assert tracked.track_id is not None
    gain = overlap_gain(frame.truth.xyxy.astype(np.float64), tracked.xyxy.astype(np.float64), 0.5)
    rows, boxes = assign(gain)
    return {
        int(frame.truth.object_id[row]): int(tracked.track_id[box])
        for row, box in zip(rows, boxes, strict=True)
    }


@pytest.mark.parametrize("losses", [0.0, 0.3], ids=["every picture", "30% dropped"])
@pytest.mark.parametrize("name", sorted(TRACKERS))
def test_drawn_people_and_cars_keep_their_ids(
    streets: list[list[Frame]], name: str, losses: float
) -> None:
    right = total = 0
    for seed, frames in enumerate(streets):
        rng = np.random.default_rng(seed)
        track = Track.of_stream(frames[0].stream, TRACKERS[name][0]())
        named: dict[int, Counter[int]] = defaultdict(Counter)
        for frame in frames:
            if rng.random() < losses:
                continue
            result = track.update(Result(frame, _seen(frame, rng), 1, 2))
            for owner, number in _owners(frame, result.detections).items():
                named[owner][number] += 1
        right += sum(counter.most_common(1)[0][1] for counter in named.values())
        total += sum(counter.total() for counter in named.values())
    assert total > 800
    assert right / total > 0.97  # nearly always 1: a swap is someone passing close behind another


def test_only_the_detections_of_a_result_change(streets: list[list[Frame]]) -> None:
    frame = streets[0][0]
    before = Result(frame, _seen(frame, np.random.default_rng(0)), 11, 12)
    after = Track.of_stream(frame.stream, TRACKERS["bytetrack"][0]()).update(before)
    assert (after.frame, after.submitted_ns, after.collected_ns) == (frame, 11, 12)
    assert before.detections.track_id is None
    np.testing.assert_array_equal(after.detections.xyxy, before.detections.xyxy)


def test_least_score_is_the_trackers(streets: list[list[Frame]]) -> None:
    stream = streets[0][0].stream
    scores = {
        name: Track.of_stream(stream, kind()).min_score for name, (kind, _) in TRACKERS.items()
    }
    assert scores == {"sort": 0.5, "bytetrack": 0.1, "ocsort": 0.6}


def test_between_two_looks_boxes_go_on_as_before_and_say_so(streets: list[list[Frame]]) -> None:
    frames = streets[0]
    track = Track.of_stream(frames[0].stream, TRACKERS["bytetrack"][0]())

    def boxes(left: float, *, is_carried: bool = False) -> Detections:
        xyxy = np.array([[left, 20, left + 30, 90]], np.float32)
        score, class_id = np.array([0.9], np.float32), np.zeros(1, np.int32)
        return Detections(xyxy, score, class_id, is_carried=is_carried)

    given = [boxes(10), boxes(10, is_carried=True), boxes(14), boxes(14, is_carried=True)]
    found = [
        track.update(Result(frame, seen, 0, 0)).detections
        for frame, seen in zip(frames, given, strict=False)
    ]
    # 4 px in two frames: nothing is known of motion after one look, 2 px a frame after two
    assert [float(each.xyxy[0, 0]) for each in found] == [10, 10, 14, 16]
    assert [each.is_carried for each in found] == [False, True, False, True]
    assert {int(each.track_id[0]) for each in found if each.track_id is not None} == {1}


def test_carried_boxes_before_any_look_are_none(streets: list[list[Frame]]) -> None:
    frame = streets[0][0]
    track = Track.of_stream(frame.stream, TRACKERS["sort"][0]())
    carried = Detections(
        np.array([[1, 1, 9, 9]], np.float32),
        np.array([0.9], np.float32),
        np.zeros(1, np.int32),
        is_carried=True,
    )
    assert len(track.update(Result(frame, carried, 0, 0)).detections) == 0
