"""`python -m benchmarks.tracking`: how well and how fast the trackers track.

Quality by motmetrics on MOT15 with real detections, speed on a made-up crowd of 20 boxes.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics.mot import track_sequence
from analytics.mot_text import read_boxes, read_sequence
from analytics.tracking.tracker import TRACKERS, TrackerConfig, build_tracker
from benchmarks import record
from detector.detections import Detections
from detector.overlap import iou_matrix

SEQUENCES = (
    "ADL-Rundle-6",
    "ETH-Sunnyday",
    "KITTI-17",
    "PETS09-S2L1",
    "TUD-Campus",
    "TUD-Stadtmitte",
)
DETECTIONS = "det/det_sort_frcnn.txt"
MIN_IOU = 0.5
OVERALL = "overall"

# The `trackers` library 2.6.1 with default parameters and each sequence's own frame rate,
# measured by this evaluation on the same files; MOTA and IDF1.
LIBRARY = {"sort": (0.5015, 0.5150), "bytetrack": (0.5068, 0.5317), "ocsort": (0.5018, 0.5333)}
LEAST_FRAMES_A_SECOND = 2000
BOXES, FRAMES, ROUNDS = 20, 1000, 5


@dataclass(frozen=True, slots=True)
class Quality:
    """How well one sequence, or all, was tracked.

    Attributes:
        mota: up to 1.
        idf1: 0..1.
        switches: changes of identity.
    """

    mota: float
    idf1: float
    switches: int


def quality(folder: Path, config: TrackerConfig) -> dict[str, Quality]:
    """By sequence and OVERALL, with motmetrics at an overlap of 0.5.

    Args:
        folder: MOT15, with a folder a sequence.
        config: the tracker's.

    Raises:
        ImportError: motmetrics is not installed.
        MotError: a file is missing or wrong.
    """
    motmetrics = importlib.import_module("motmetrics")  # of the tests only, and untyped
    matched = []
    for name in SEQUENCES:
        sequence = read_sequence(folder / name / "seqinfo.ini")
        frames = read_boxes(folder / name / DETECTIONS, sequence.length)
        truth = read_boxes(folder / name / "gt" / "gt.txt", sequence.length)
        accumulator = motmetrics.MOTAccumulator(auto_id=True)
        for real, found in zip(truth, track_sequence(frames, sequence, config), strict=True):
            _accumulate(accumulator, real.select(real.score > 0), found)
        matched.append(accumulator)
    table = motmetrics.metrics.create().compute_many(
        matched,
        names=list(SEQUENCES),
        metrics=["mota", "idf1", "num_switches"],
        generate_overall=True,
    )
    return {
        OVERALL if name == "OVERALL" else str(name): Quality(
            float(row["mota"]), float(row["idf1"]), int(row["num_switches"])
        )
        for name, row in table.iterrows()
    }


def _accumulate(accumulator: Any, real: Detections, found: Detections) -> None:  # Any: untyped
    overlap = iou_matrix(real.xyxy, found.xyxy)
    # motmetrics 1.4's own distances call what numpy 2 no longer has; its matching is used.
    accumulator.update(_ids(real), _ids(found), np.where(overlap >= MIN_IOU, 1 - overlap, np.nan))


def _ids(boxes: Detections) -> list[int]:
    return [] if boxes.track_id is None else [int(number) for number in boxes.track_id]


def crowd(boxes: int, frames: int, seed: int = 0) -> Iterator[Detections]:
    """Walkers on a 1920 x 1080 picture: 2 px of jitter, 10% missed, 5% false.

    Args:
        boxes: walkers.
        frames: pictures.
        seed: another seed is another crowd.
    """
    rng = np.random.default_rng(seed)
    room = np.array([1920.0, 1080.0])
    centre, pace = rng.uniform(0, 1, (boxes, 2)) * room, rng.normal(0, 3, (boxes, 2))
    half = rng.uniform([15, 40], [40, 100], (boxes, 2))
    for _ in range(frames):
        centre = centre + pace
        pace = np.where((centre < 0) | (centre > room), -pace, pace)
        found = rng.random(boxes) >= 0.1
        middle = np.concatenate(
            [centre[found], rng.uniform(0, 1, (rng.binomial(boxes, 0.05), 2)) * room]
        )
        middle = middle + rng.normal(0, 2, middle.shape)
        size = np.resize(half[found], middle.shape)
        yield _detections(np.concatenate([middle - size, middle + size], axis=1), rng)


def _detections(xyxy: NDArray[np.float64], rng: np.random.Generator) -> Detections:
    score = -np.sort(-rng.uniform(0.5, 1, len(xyxy)))
    order = rng.permutation(len(xyxy))
    return Detections(
        xyxy[order].astype(np.float32), score.astype(np.float32), np.zeros(len(xyxy), np.int32)
    )


def frames_a_second(config: TrackerConfig) -> float:
    """The best of several rounds, on one core."""
    pictures = list(crowd(BOXES, FRAMES))
    best_s = float("inf")
    for _ in range(ROUNDS):
        tracker = build_tracker(config, rate=30)
        start_s = time.perf_counter()
        for index, picture in enumerate(pictures):
            tracker.update(picture, index / 30, (1920, 1080))
        best_s = min(best_s, time.perf_counter() - start_s)
    return FRAMES / best_s


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; 1 where a tracker stays below the library or the speed asked for."""
    parser = record.parser_of(
        "benchmarks.tracking", "Measure how well and how fast the trackers track."
    )
    parser.add_argument(
        "--mot15", type=Path, metavar="DIR", required=True, help="MOT15, a folder a sequence"
    )
    options = parser.parse_args(arguments)
    figures: dict[str, object] = {"machine": record.print_head()}
    failures = 0
    for name, (kind, _) in TRACKERS.items():
        config = kind()
        table = quality(options.mot15, config)
        speed = frames_a_second(config)
        figures[name] = {
            "frames_a_second": speed,
            **{sequence: asdict(row) for sequence, row in table.items()},
        }
        whole, asked = table[OVERALL], LIBRARY[name]
        failures += whole.mota < asked[0] or whole.idf1 < asked[1]
        failures += speed < LEAST_FRAMES_A_SECOND
        print(f"{name}: {speed:.0f} frames a second at {BOXES} boxes")
        for sequence, row in table.items():
            print(
                f"  {sequence:15} MOTA {row.mota:.4f} IDF1 {row.idf1:.4f} switches {row.switches}"
            )
        print(f"  {'library':15} MOTA {asked[0]:.4f} IDF1 {asked[1]:.4f}")
    record.save(options, figures)
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
