"""How well lines and zones count under noise, on paths whose truth is arithmetic; and the cost.

`python -m benchmarks.counting` prints it. Everybody walks straight at an even speed, so where and
when a line is crossed and a zone is entered and left follow from two places and two times alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from analytics.analysis import Analysis
from analytics.engine import Engine
from analytics.region import LineConfig, ZoneConfig
from analytics.scene_config import HeatmapConfig, SceneConfig
from analytics.tracking.bytetrack import ByteTrackConfig
from analytics.tracking.ocsort import OcSortConfig
from analytics.tracking.sort import SortConfig
from analytics.tracking.tracker import TrackerConfig, build_tracker
from detector.detections import Detections
from streamer.frame import Frame, StreamInfo
from streamer.picture import BgrPicture
from streamer.result import Result

SIZE = (1280, 720)
RATE = 25  # frames a second before drops
TICKS = 1_000_000  # a second
WALKERS = 400
ARRIVAL_S = 0.9  # seconds from one walker to the next
SEED = 8
FALSE_SCORE = 0.6  # false boxes are as sure as many true ones
BUDGET_MS = 1.0

LINES = (
    LineConfig("upright", (640.0, 0.0), (640.0, 720.0)),
    LineConfig("half", (400.0, 0.0), (400.0, 400.0)),
    LineConfig("oblique", (820.0, 100.0), (960.0, 640.0)),
    LineConfig("level", (150.0, 400.0), (1130.0, 400.0)),
)
RECTANGLE = (500.0, 220.0, 900.0, 520.0)  # x1, y1, x2, y2 of the zone
ZONES = (ZoneConfig("square", ((500.0, 220.0), (900.0, 220.0), (900.0, 520.0), (500.0, 520.0))),)
SCENE = SceneConfig(lines=LINES, zones=ZONES)


@dataclass(frozen=True, slots=True)
class Walker:
    """Somebody who walks straight at an even speed.

    Attributes:
        number: who.
        start: x, y px of the feet.
        end: likewise.
        start_s: media seconds.
        end_s: media seconds.
        wh: width and height of the box, px.
    """

    number: int
    start: tuple[float, float]
    end: tuple[float, float]
    start_s: float
    end_s: float
    wh: tuple[float, float]

    def feet(self, time_s: float) -> tuple[float, float]:
        """Where the feet are."""
        part = (time_s - self.start_s) / (self.end_s - self.start_s)
        (x, y), (to_x, to_y) = self.start, self.end
        return x + part * (to_x - x), y + part * (to_y - y)


@dataclass(frozen=True, slots=True)
class Noise:
    """How much worse than the truth the boxes are.

    Attributes:
        jitter_px: standard deviation of each side of a box.
        misses: share of boxes that are not found.
        false: boxes that are nothing, as a share of the true ones.
        drops: share of frames that are dropped.
    """

    jitter_px: float = 0.0
    misses: float = 0.0
    false: float = 0.0
    drops: float = 0.0


NOISY = Noise(jitter_px=2.0, misses=0.1, false=0.05, drops=0.3)


def walkers(seed: int, count: int) -> list[Walker]:
    """Walkers who come one after the other, from one side of the picture to another."""
    rng = np.random.default_rng((seed, 1))
    return [_walker(rng, number) for number in range(count)]


def true_crossings(walker: Walker, line: LineConfig) -> tuple[int, int]:
    """(in, out) of a line by a walker, 0 or 1 each: whether two segments meet."""
    ax, ay = walker.start
    ux, uy = walker.end[0] - ax, walker.end[1] - ay
    vx, vy = line.end[0] - line.start[0], line.end[1] - line.start[1]
    wide = vx * uy - vy * ux
    dx, dy = line.start[0] - ax, line.start[1] - ay
    on_path = (vx * dy - vy * dx) / wide
    on_line = (ux * dy - uy * dx) / wide
    meets = 0 < on_path < 1 and 0 <= on_line <= 1
    return int(meets and wide > 0), int(meets and wide < 0)


def true_visit(walker: Walker, rectangle: tuple[float, float, float, float]) -> tuple[float, float]:
    """Media seconds at which a walker comes into an upright rectangle and leaves it.

    The second is not above the first where he never does. Found by clipping his path to each pair
    of sides (Liang and Barsky 1984).
    """
    low, high = 0.0, 1.0
    for axis in (0, 1):
        start, along = walker.start[axis], walker.end[axis] - walker.start[axis]
        near, far = rectangle[axis], rectangle[axis + 2]
        if along == 0:
            low, high = (low, high) if near <= start <= far else (1.0, 0.0)
            continue
        parts = sorted(((near - start) / along, (far - start) / along))
        low, high = max(low, parts[0]), min(high, parts[1])
    lasting_s = walker.end_s - walker.start_s
    return walker.start_s + low * lasting_s, walker.start_s + high * lasting_s


def results(crowd: Sequence[Walker], noise: Noise, seed: int) -> Iterator[Result[Detections]]:
    """Frames at uneven times, as a detector would see them; the ids are the truth's."""
    rng = np.random.default_rng((seed, 2))
    stream = StreamInfo("bench", "bench", *SIZE, Fraction(1, TICKS), rate=Fraction(RATE))
    picture = BgrPicture(np.zeros((SIZE[1], SIZE[0], 3), np.uint8))
    last_s = max(walker.end_s for walker in crowd)
    for index in range(int(last_s * RATE) + 2):
        if rng.random() < noise.drops:
            continue
        pts = round((index + rng.uniform(0, 0.6)) / RATE * TICKS)  # uneven, yet rising
        detections = _detections(rng, crowd, pts / TICKS, noise)
        frame = Frame(stream, index, pts, stream.time_base, 0, picture)
        yield Result(frame, detections, 0, 0)


def count(engine: Engine, given: Iterator[Result[Detections]]) -> tuple[Analysis, list[Analysis]]:
    """The last analysis, and all of them."""
    every = [engine.update(result) for result in given]
    last = engine.finish()
    if last is None:
        raise ValueError("results: expected at least one frame, got none")
    return last, [*every, last]


def new_engine(config: SceneConfig = SCENE) -> Engine:
    """An engine for the walkers' pictures."""
    return Engine(config, stream_id="bench", class_names=("person",), size=SIZE)


def measure() -> dict[str, float]:
    """Crossings, errors in per cent with true ids and through trackers, and ms a frame."""
    crowd = walkers(SEED, WALKERS)
    truth = np.array(
        [np.sum([true_crossings(walker, line) for walker in crowd], axis=0) for line in LINES]
    )
    exact = _counts(results(crowd, Noise(drops=NOISY.drops), SEED))
    noisy = _counts(results(crowd, NOISY, SEED))
    measured = {
        "crossings": float(truth.sum()),
        "true_boxes_error_percent": _error(exact, truth),
        "true_ids_error_percent": _error(noisy, truth),
    }
    trackers: tuple[TrackerConfig, ...] = (SortConfig(), ByteTrackConfig(), OcSortConfig())
    for config in trackers:
        name = type(config).__name__.removesuffix("Config").lower()
        tracked = _counts(_tracked(results(crowd, NOISY, SEED), config))
        measured[f"{name}_error_percent"] = _error(tracked, truth)
    return {**measured, "frame_ms": frame_ms(), "budget_ms": BUDGET_MS}


def frame_ms() -> float:
    """Milliseconds a frame with 50 tracks, 4 lines, 4 zones and a heat map."""
    tracks, frames = 50, 1000
    corners = ((80, 90), (500, 120), (520, 600), (300, 660), (90, 630))
    shifts = [200.0 * k for k in range(4)]
    lines = tuple(LineConfig(f"line {x}", (x + 200, 0), (x + 300, 720)) for x in shifts)
    zones = tuple(
        ZoneConfig(f"zone {x}", tuple((x + a, b) for a, b in corners), loiter_s=5, crowd_count=5)
        for x in shifts
    )
    engine = new_engine(SceneConfig(lines=lines, zones=zones, heatmap=HeatmapConfig()))
    rng = np.random.default_rng(SEED)
    feet, step = rng.uniform((0, 0), SIZE, (tracks, 2)), rng.normal(0, 5, (tracks, 2))
    stream = StreamInfo("bench", "bench", *SIZE, Fraction(1, RATE))
    picture = BgrPicture(np.zeros((SIZE[1], SIZE[0], 3), np.uint8))
    spent_s = 0.0
    for index in range(frames):
        step = np.where((feet < 0) | (feet > SIZE), -step, step)
        feet = feet + step
        boxes = np.hstack([feet - (15, 60), feet + np.array([15, 0])]).astype(np.float32)
        columns = np.ones(tracks, np.float32), np.zeros(tracks, np.int32), np.arange(tracks)
        frame = Frame(stream, index, index, stream.time_base, 0, picture)
        result = Result(frame, Detections(boxes, *columns), 0, 0)
        start_s = time.perf_counter()
        engine.update(result)
        spent_s += time.perf_counter() - start_s
    return spent_s / frames * 1e3


def _walker(rng: np.random.Generator, number: int) -> Walker:
    """Straight from one side to the other, never starting or ending on the level line itself."""
    left = (float(rng.uniform(40, 120)), _height(rng))
    right = (float(rng.uniform(1160, 1240)), _height(rng))
    start, end = (left, right) if rng.random() < 0.5 else (right, left)
    start_s = number * ARRIVAL_S
    speed = float(rng.uniform(80, 300))  # px a second
    lasting_s = float(np.hypot(end[0] - start[0], end[1] - start[1])) / speed
    wh = (float(rng.uniform(25, 45)), float(rng.uniform(70, 110)))
    return Walker(number, start, end, start_s, start_s + lasting_s, wh)


def _height(rng: np.random.Generator) -> float:
    """Far enough from the level line that whoever crosses it also leaves its band."""
    return float(rng.uniform(130, 360) if rng.random() < 0.5 else rng.uniform(440, 700))


def _detections(
    rng: np.random.Generator, crowd: Sequence[Walker], time_s: float, noise: Noise
) -> Detections:
    about = [walker for walker in crowd if walker.start_s <= time_s <= walker.end_s]
    boxes = [_box(walker.feet(time_s), walker.wh) for walker in about]
    ids = [walker.number for walker in about]
    keep = rng.random(len(about)) >= noise.misses
    true = np.array(boxes, np.float64).reshape(-1, 4)[keep]
    true += rng.normal(0, noise.jitter_px, true.shape) if noise.jitter_px else 0
    score = rng.uniform(0.5, 0.95, len(true))
    count_false = int(rng.binomial(len(about), noise.false))
    false = np.array([_false_box(rng) for _ in range(count_false)]).reshape(-1, 4)
    false_ids = rng.integers(10**6, 10**12, count_false)  # each somebody who is seen once
    every = np.concatenate([score, np.full(count_false, FALSE_SCORE)])
    order = np.argsort(-every, kind="stable")
    return Detections(
        np.concatenate([true, false])[order].astype(np.float32),
        every[order].astype(np.float32),
        np.zeros(len(every), np.int32),
        np.concatenate([np.array(ids, np.int64)[keep], false_ids])[order],
    )


def _box(feet: tuple[float, float], wh: tuple[float, float]) -> tuple[float, float, float, float]:
    return feet[0] - wh[0] / 2, feet[1] - wh[1], feet[0] + wh[0] / 2, feet[1]


def _false_box(rng: np.random.Generator) -> tuple[float, float, float, float]:
    feet = (float(rng.uniform(0, SIZE[0])), float(rng.uniform(80, SIZE[1])))
    return _box(feet, (float(rng.uniform(25, 45)), float(rng.uniform(70, 110))))


def _tracked(
    given: Iterator[Result[Detections]], config: TrackerConfig
) -> Iterator[Result[Detections]]:
    """The same boxes with a tracker's ids."""
    tracker = build_tracker(config, rate=RATE)
    for result in given:
        tracked = tracker.update(result.detections, result.frame.time_s, SIZE)
        yield Result(result.frame, tracked, 0, 0)


def _counts(given: Iterator[Result[Detections]]) -> NDArray[np.int64]:
    """(4, 2) in and out of each line."""
    last, _ = count(new_engine(), given)
    return np.array([(line.in_count, line.out_count) for line in last.lines])


def _error(counted: NDArray[np.int64], truth: NDArray[np.int64]) -> float:
    """Per cent: what is too many or too few in any direction at any line, of all there were."""
    return float(np.abs(counted - truth).sum() / truth.sum() * 100)


if __name__ == "__main__":
    for what, value in measure().items():
        print(f"{what}: {value:.3f}")
