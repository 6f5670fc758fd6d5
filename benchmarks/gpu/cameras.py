"""Live cameras of 1080p before the real detector: how old their results are, and how many fit.

Their pictures are ready, in planes as a decoder leaves them: decoding is measured elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict

from benchmarks.gpu.kept import Kept
from benchmarks.live_load import LiveLoad, measure, streams_held
from benchmarks.pool import RATE
from benchmarks.scheduler import SHORT_TURN_S, turns_of
from detector.stride import StridedDetector
from streamer.picture import Picture

BUDGET_MS = 100.0  # capture to result, p95

Found = dict[str, dict[str, float] | None]


def look(
    detector: Kept,
    pictures: Sequence[Picture],
    *,
    streams: int,
    limit: int,
    seconds: float,
    save: Callable[[Found], None],
) -> Found:
    """What so many cameras of 30 Hz get, and the most that are held.

    Args:
        detector: used by nobody else.
        pictures: what the cameras show.
        streams: cameras that are hoped for.
        limit: cameras at most, where the most is looked for.
        seconds: of the run with all of them; the others are shorter.
        save: called after every measurement.
    """
    found: Found = {}

    def told(load: LiveLoad) -> dict[str, float]:
        """The figures, and where the time of these runs went."""
        parts = {f"{name}_ms": part.mean_ms for name, part in detector.times.snapshot().items()}
        detector.times.clear()
        figures = {key: value for key, value in asdict(load).items() if value is not None}
        rate = load.served * load.streams * float(RATE)
        return {**figures, "dropped": load.dropped, "results_a_second": rate, **parts}

    detector.times.clear()
    with turns_of(SHORT_TURN_S):  # as run.py has them
        whole = measure(detector, streams=streams, seconds=seconds, pictures=pictures)
        found[f"{streams} cameras"] = told(whole)
        save(found)
        every_second = StridedDetector(detector, 2)
        halved = measure(every_second, streams=streams, seconds=seconds / 2, pictures=pictures)
        found[f"{streams} cameras, every second frame looked at"] = told(halved)
        save(found)
        held = streams_held(
            lambda: detector,
            budget_ms=BUDGET_MS,
            seconds=seconds / 4,
            limit=limit,
            pictures=pictures,
        )
        found["held"] = None if held is None else told(held)
    return found
