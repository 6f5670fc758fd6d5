from __future__ import annotations

import math
from collections import defaultdict
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.tracking.bytetrack import ByteTrackConfig
from analytics.tracking.ocsort import OcSortConfig
from analytics.tracking.sort import SortConfig
from analytics.tracking.tracker import TRACKERS, build_tracker
from benchmarks.tracking import crowd
from detector.detections import Detections
from tests.analytics.scenes import RATE, SIZE, detections, ids, lane_of, lanes, tracker, walker

every = pytest.mark.parametrize("name", sorted(TRACKERS))
seeds = st.integers(0, 2**32 - 1)


def _run(name: str, frames: list[Detections], times: list[float]) -> list[Detections]:
    following = tracker(name)
    return [following.update(frame, time, SIZE) for frame, time in zip(frames, times, strict=True)]


@every
def test_nothing_seen_gives_nothing(name: str) -> None:
    following = tracker(name)
    for index in range(5):
        tracked = following.update(Detections.empty(), index / RATE, SIZE)
        assert len(tracked) == 0
        assert tracked.track_id is not None


@every
def test_new_track_counts_only_once_confirmed(name: str) -> None:
    hits = TRACKERS[name][0]().min_hits
    following = tracker(name)
    for index in range(10):
        following.update(Detections.empty(), index / RATE, SIZE)
    answers = [
        ids(following.update(detections([walker(index / RATE)]), index / RATE, SIZE))
        for index in range(10, 16)
    ]
    assert answers == [[]] * (hits - 1) + [[1]] * (6 - hits + 1)


@every
def test_those_on_the_first_picture_count_at_once(name: str) -> None:
    assert ids(tracker(name).update(lanes(0), 0, SIZE)) == [1, 2, 3, 4, 5]


@every
def test_false_box_on_one_picture_never_counts(name: str) -> None:
    following = tracker(name)
    for index in range(20):
        boxes = [walker(index / RATE)] + ([[1500, 700, 1600, 900]] if index == 10 else [])
        assert ids(following.update(detections(boxes), index / RATE, SIZE)) == [1]


@every
@settings(max_examples=15)
@given(seed=seeds, losses=st.floats(0, 0.5))
def test_ids_are_unique_positive_and_never_come_back(name: str, seed: int, losses: float) -> None:
    rng = np.random.default_rng(seed)
    following = tracker(name, max_lost_s=0.5)
    last_seen: dict[int, int] = {}
    for index, frame in enumerate(crowd(12, 80, seed)):
        if rng.random() < losses:
            continue
        tracked = following.update(frame, index / RATE, SIZE)
        numbers = ids(tracked)
        assert len(set(numbers)) == len(numbers)
        assert min(numbers, default=1) >= 1
        assert bool(np.all(np.diff(tracked.score) <= 0))
        for number in numbers:
            assert index - last_seen.get(number, index) <= 0.5 * RATE + 1.5
            last_seen[number] = index


@every
@settings(max_examples=10)
@given(seed=seeds)
def test_mirrored_pictures_give_the_same_ids(name: str, seed: int) -> None:
    plain, mirrored = tracker(name), tracker(name)
    for index, frame in enumerate(crowd(10, 40, seed)):
        whole = np.round(frame.xyxy)
        frame = Detections(whole, frame.score, frame.class_id)
        flipped = SIZE[0] - whole[:, [2, 1, 0, 3]]
        flipped[:, [1, 3]] = whole[:, [1, 3]]
        other = Detections(flipped, frame.score, frame.class_id)
        first = plain.update(frame, index / RATE, SIZE)
        second = mirrored.update(other, index / RATE, SIZE)
        assert ids(first) == ids(second)


@every
@settings(max_examples=10)
@given(seed=seeds)
def test_repeated_pictures_change_nothing(name: str, seed: int) -> None:
    plain, repeating = tracker(name), tracker(name)
    rng = np.random.default_rng(seed)
    for index, frame in enumerate(crowd(10, 40, seed)):
        expected = ids(plain.update(frame, index / RATE, SIZE))
        for _ in range(1 + rng.integers(0, 3)):
            assert ids(repeating.update(frame, index / RATE, SIZE)) == expected


@every
@settings(max_examples=5)
@given(seed=seeds, late=st.sampled_from([0.25, 1000.0]))
def test_recordings_that_start_late_give_the_same_ids(name: str, seed: int, late: float) -> None:
    frames = list(crowd(10, 30, seed))
    times = [index / 16 for index in range(30)]  # exact in binary, so that sums are, too
    at_once = _run(name, frames, times)
    later = _run(name, frames, [time + late for time in times])
    assert [ids(answer) for answer in at_once] == [ids(answer) for answer in later]


@every
def test_time_that_runs_slower_with_its_rate_gives_the_same_ids(name: str) -> None:
    plain = tracker(name, rate=32.0, max_lost_s=1.0)
    slow = tracker(name, rate=4.0, max_lost_s=8.0)
    for index, frame in enumerate(crowd(15, 100, seed=3)):
        first = plain.update(frame, index / 32, SIZE)
        second = slow.update(frame, index / 4, SIZE)
        assert ids(first) == ids(second)


def _owners(name: str, times: list[float]) -> dict[int, set[int]]:
    """The ids that each lane had."""
    following = tracker(name)
    owners: dict[int, set[int]] = defaultdict(set)
    for time in times:
        tracked = following.update(lanes(time), time, SIZE)
        for lane, number in zip(lane_of(tracked.xyxy), ids(tracked), strict=True):
            owners[lane].add(number)
    return owners


@every
@pytest.mark.parametrize("seed", range(3))
def test_dropped_pictures_lose_nobody(name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    times = [index / RATE for index in range(300) if rng.random() >= 0.3]
    assert sorted(map(len, _owners(name, times).values())) == [1] * 5


@every
@pytest.mark.parametrize("seed", range(3))
def test_variable_rate_loses_nobody(name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.uniform(0.004, 0.25, 200)).tolist()  # 4 to 250 pictures a second
    assert sorted(map(len, _owners(name, times).values())) == [1] * 5


@every
def test_dropped_pictures_are_like_pictures_without_boxes(name: str) -> None:
    dropping, blinking = tracker(name), tracker(name)
    rng = np.random.default_rng(0)
    for index in range(100):
        time_s = index / RATE
        if rng.random() < 0.3 and index > 3:
            assert ids(blinking.update(Detections.empty(), time_s, SIZE)) == []
            continue
        first = dropping.update(lanes(time_s), time_s, SIZE)
        second = blinking.update(lanes(time_s), time_s, SIZE)
        assert ids(first) == ids(second) == [1, 2, 3, 4, 5]


@every
@pytest.mark.parametrize("rate", [5.0, 25.0, 120.0], ids=lambda rate: f"{rate:g} a second")
@pytest.mark.parametrize(
    ("away_s", "expected"), [(0.6, 1), (1.6, 2)], ids=["short", "longer than allowed"]
)
def test_lost_track_lives_for_seconds_whatever_the_rate(
    name: str, rate: float, away_s: float, expected: int
) -> None:
    following = tracker(name, rate=rate, max_lost_s=1.0)
    answers = []
    for index in range(round(5 * rate)):
        time_s = index / rate
        away = 2.0 < time_s < 2.0 + away_s
        seen = Detections.empty() if away else detections([walker(time_s, pace=20)])
        answers += ids(following.update(seen, time_s, SIZE))
    assert answers[-1] == expected
    assert set(answers) == set(range(1, expected + 1))


@every
def test_outage_ends_tracks_by_its_length(name: str) -> None:
    following = tracker(name, max_lost_s=1.0)
    for index in range(20):
        following.update(lanes(0), index / RATE, SIZE)
    short = [following.update(lanes(0), 1.6 + index / RATE, SIZE) for index in range(5)]
    long = [following.update(lanes(0), 9.0 + index / RATE, SIZE) for index in range(5)]
    assert ids(short[-1]) == [1, 2, 3, 4, 5]
    assert ids(long[-1]) == [6, 7, 8, 9, 10]


@every
def test_pictures_farther_apart_than_a_track_is_lost_keep_their_ids(name: str) -> None:
    """Under --detect-every 30 at 25 Hz each look had new tracks, of which none was confirmed."""
    following = tracker(name)
    looks = [ids(following.update(lanes(0), 1.2 * index, SIZE)) for index in range(8)]
    assert len(looks[-1]) == 5
    assert looks[-1] == looks[-2] == looks[-3]


@every
def test_late_pictures_are_named_and_change_nothing(name: str) -> None:
    following = tracker(name)
    order = [0, 1, 3, 2, 4, 6, 5, 7, 9, 8, 10]  # as packed files have it
    answers = [ids(following.update(lanes(index / RATE), index / RATE, SIZE)) for index in order]
    assert answers == [[1, 2, 3, 4, 5]] * len(order)


@every
def test_recording_that_starts_again_gets_new_ids(name: str) -> None:
    following = tracker(name)
    for index in range(100):
        following.update(lanes(index / RATE), index / RATE, SIZE)
    again = [ids(following.update(lanes(index / RATE), index / RATE, SIZE)) for index in range(100)]
    assert again == [[6, 7, 8, 9, 10]] * 100


@every
@pytest.mark.parametrize("time_s", [math.nan, math.inf])
def test_time_that_is_no_number_is_refused(name: str, time_s: float) -> None:
    with pytest.raises(ValueError, match="time of a picture: expected finite seconds"):
        tracker(name).update(lanes(0), time_s, SIZE)


@every
@pytest.mark.parametrize(
    "box",
    [
        pytest.param([math.nan, 0, 10, 10], id="not a number"),
        pytest.param([0, 0, math.inf, 10], id="endless"),
        pytest.param([50, 50, 40, 60], id="inside out"),
        pytest.param([50, 50, 50, 60], id="without width"),
    ],
)
def test_boxes_that_are_none_are_left_out(name: str, box: list[float]) -> None:
    following = tracker(name)
    for index in range(10):
        seen = detections([box, walker(index / RATE)])
        assert ids(following.update(seen, index / RATE, SIZE)) == [1]


@every
def test_huge_and_tiny_boxes_do_no_harm(name: str) -> None:
    following = tracker(name)
    for index in range(20):
        seen = detections([[-1e30, -1e30, 1e30, 1e30], [5, 5, 5.0001, 900], walker(index / RATE)])
        numbers = ids(following.update(seen, index / RATE, SIZE))
        assert len(numbers) == len(set(numbers))


@every
def test_change_of_picture_size_keeps_the_ids(name: str) -> None:
    following = tracker(name)
    for index in range(30):
        seen = lanes(index / RATE)
        half = index >= 15
        if half:
            seen = Detections(seen.xyxy * np.float32(0.5), seen.score, seen.class_id)
        tracked = following.update(seen, index / RATE, (960, 540) if half else SIZE)
        assert ids(tracked) == [1, 2, 3, 4, 5]
        np.testing.assert_array_equal(tracked.xyxy, seen.xyxy)


@every
def test_known_motion_of_the_camera_keeps_the_ids(name: str) -> None:
    without, knowing = tracker(name), tracker(name)
    answers = []
    for index in range(40):
        seen = lanes(index / RATE)
        # The camera shakes by 200 px between pictures and zooms in slowly.
        zoom, shift = 1 + index / 100, np.array([200.0 * (index % 2), 0.0])
        pictured = seen.xyxy * np.float32(zoom) + np.tile(shift, 2).astype(np.float32)
        back = np.array([[1 / zoom, 0, -shift[0] / zoom], [0, 1 / zoom, -shift[1] / zoom]])
        shaken = Detections(pictured, seen.score, seen.class_id)
        tracked = knowing.update(shaken, index / RATE, SIZE, camera=back)
        assert ids(tracked) == [1, 2, 3, 4, 5]
        np.testing.assert_array_equal(tracked.xyxy, pictured)
        answers.append(ids(without.update(shaken, index / RATE, SIZE)))
    assert answers != [[1, 2, 3, 4, 5]] * 40  # else the camera would not have mattered


@every
def test_thousands_of_boxes_keep_their_ids(name: str) -> None:
    grid = np.stack(np.meshgrid(np.arange(50) * 36, np.arange(40) * 26), axis=-1).reshape(-1, 2)
    following = tracker(name)
    for index in range(4):
        corner = grid + 2.0 * index
        seen = detections(np.concatenate([corner, corner + 24], axis=1).tolist())
        assert ids(following.update(seen, index / RATE, SIZE)) == list(range(1, 2001))


@every
def test_min_score_is_what_the_tracker_looks_at(name: str) -> None:
    following = tracker(name)
    assert following.min_score == TRACKERS[name][0]().least_score
    for index in range(10):
        seen = detections([walker(index / RATE)], score=following.min_score - 0.01)
        assert ids(following.update(seen, index / RATE, SIZE)) == []


def test_bytetrack_goes_on_through_boxes_of_low_score_and_starts_no_track_on_them() -> None:
    following = tracker("bytetrack")
    for index in range(30):
        score = 0.9 if index < 10 else 0.15
        seen = detections(
            [walker(index / RATE), walker(index / RATE, y=800)], score=[score, min(score, 0.5)]
        )
        assert ids(following.update(seen, index / RATE, SIZE)) == [1]


def _stop_behind_a_pillar(name: str) -> set[int]:
    """Ids of a runner who is hidden for 0.4 s and then stands where they vanished."""
    following = tracker(name)
    numbers = set()
    for index in range(40):
        time_s = index / RATE
        hidden = 15 <= index < 25
        box = walker(min(time_s, 14 / RATE), pace=400)
        seen = Detections.empty() if hidden else detections([box])
        numbers |= set(ids(following.update(seen, time_s, SIZE)))
    return numbers


def test_ocsort_finds_who_stayed_where_they_were_last_seen() -> None:
    assert _stop_behind_a_pillar("sort") == {1, 2}
    assert _stop_behind_a_pillar("ocsort") == {1}


@pytest.mark.parametrize(
    "rate", [0, -1, math.nan, math.inf], ids=["none", "negative", "no number", "endless"]
)
def test_rate_that_cannot_be_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="frame rate: expected above 0"):
        build_tracker(SortConfig(), rate=rate)


def test_rate_may_be_exact_or_unknown() -> None:
    for rate in (Fraction(30000, 1001), None):
        assert ids(build_tracker(SortConfig(), rate=rate).update(lanes(0), 0, SIZE))


@pytest.mark.parametrize("kind", [SortConfig, ByteTrackConfig, OcSortConfig])
@pytest.mark.parametrize(
    ("field", "value"),
    [("min_score", 1.5), ("min_hits", 0), ("max_lost_s", -1.0), ("max_lost_s", math.nan)],
)
def test_parameter_out_of_range_is_refused(kind: type, field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{field}: expected"):
        kind(**{field: value})
