"""The trackers by name, and the one way to make them."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, Protocol

from analytics.tracking.bytetrack import ByteTrack, ByteTrackConfig
from analytics.tracking.kalman import Floats
from analytics.tracking.limits import max_age
from analytics.tracking.ocsort import OcSort, OcSortConfig
from analytics.tracking.sort import Sort, SortConfig
from analytics.tracking.stream import NOMINAL_RATE, Algorithm, StreamTracker
from detector.detections import Detections

TrackerConfig = SortConfig | ByteTrackConfig | OcSortConfig


class Tracker(Protocol):
    """Names the objects of one stream; `StreamTracker` says what each method promises."""

    min_score: float

    def update(
        self,
        detections: Detections,
        time_s: float,
        size: tuple[int, int],
        *,
        camera: Floats | None = None,
    ) -> Detections:
        """The boxes that continue a confirmed track, with its id."""
        ...


# Each class takes its own config and no other, which a mapping's type cannot say: hence Any.
Entry = tuple[type[TrackerConfig], Callable[[Any, float], Algorithm]]

TRACKERS: dict[str, Entry] = {
    "sort": (SortConfig, Sort),
    "bytetrack": (ByteTrackConfig, ByteTrack),
    "ocsort": (OcSortConfig, OcSort),
}


def build_tracker(config: TrackerConfig, *, rate: float | Fraction | None) -> StreamTracker:
    """A tracker for one stream.

    Args:
        config: the algorithm's; its type says which.
        rate: nominal frames a second of the stream, or None where nobody knows.

    Raises:
        ValueError: the rate is not above 0.
    """
    nominal = _nominal(rate)
    return StreamTracker(_algorithm(config, nominal), rate=nominal, min_score=config.least_score)


def given_up_s(config: TrackerConfig, *, rate: float | Fraction | None) -> float:
    """Seconds after its last sighting from which on a track never comes back.

    >>> given_up_s(SortConfig(max_lost_s=1.0), rate=25)
    1.06
    """
    nominal = _nominal(rate)
    return max_age(config.max_lost_s, nominal) / nominal


def _nominal(rate: float | Fraction | None) -> float:
    nominal = NOMINAL_RATE if rate is None else float(rate)
    if not 0 < nominal < float("inf"):
        raise ValueError(f"frame rate: expected above 0, got {rate}")
    return nominal


def _algorithm(config: TrackerConfig, rate: float) -> Algorithm:
    for known, make in TRACKERS.values():
        if type(config) is known:
            return make(config, rate)
    raise TypeError(f"tracker config: expected one of TRACKERS, got {type(config).__name__}")
