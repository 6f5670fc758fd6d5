"""SORT: a Kalman filter a box, and the assignment with the greatest overlap."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from analytics.tracking.association import overlap_gain
from analytics.tracking.kalman import Floats, KalmanBank, Rows
from analytics.tracking.limits import expect, max_age
from analytics.tracking.matching import Matching
from analytics.tracking.shape import xysr_to_xyxy, xyxy_to_xysr
from analytics.tracking.sighting import Moment, Sightings
from analytics.tracking.tracks import Names, Tracks

# Per step, for centre x and y, area, and ratio, whose velocity is held at 0. The paper gives no
# numbers; these are its published implementation's.
POSITION_NOISE = np.array([1.0, 1.0, 1.0, 1.0])
VELOCITY_NOISE = np.array([1e-2, 1e-2, 1e-4, 0.0])
FIRST_POSITION = np.array([10.0, 10.0, 10.0, 10.0])
FIRST_VELOCITY = np.array([1e4, 1e4, 1e4, 0.0])
MEASUREMENT = np.array([1.0, 1.0, 10.0, 10.0])

_MIN_SCORE = 0.5


@dataclass(frozen=True, slots=True)
class SortConfig:
    """What may be chosen of SORT; the defaults are the paper's where it has one.

    Attributes:
        min_score: 0..1; boxes below it are not looked at. None: from where the detector's are kept;
            where nobody says, section 3.1's 0.5.
        min_iou: 0..1, least overlap of a box with where its track is expected (section 3.3; 0.3
            in the published implementation).
        min_hits: pictures in a row a new track must be found on before it counts (section 3.4; 3
            in the published implementation); those of the first `min_hits` frames count at once.
        max_lost_s: seconds a confirmed track lives unseen. The paper's is one frame, which leaves
            it to others to find people again; a second, as in ByteTrack and OC-SORT, lasts
            through a missed box.
        across_classes: let a box of another class continue a track as one of its own would; else it
            does so only at the very place where the track is expected and has no box of its own.

    Source: Bewley, Ge, Ott, Ramos, Upcroft 2016, Simple Online and Realtime Tracking.
    """

    min_score: float | None = None
    min_iou: float = 0.3
    min_hits: int = 3
    max_lost_s: float = 1.0
    across_classes: bool = False

    def __post_init__(self) -> None:
        expect("min_score", self.least_score, 0, 1)
        expect("min_iou", self.min_iou, 0, 1)
        expect("min_hits", self.min_hits, 1, 1000)
        expect("max_lost_s", self.max_lost_s, 0, 3600)

    @property
    def least_score(self) -> float:
        """What is looked at at all."""
        return _MIN_SCORE if self.min_score is None else self.min_score

    def for_boxes_from(self, score: float) -> Self:
        """For a detector whose boxes are kept from `score` on, where nothing was chosen."""
        return self if self.min_score is not None else replace(self, min_score=score)


class Sort:
    """SORT on one stream.

    Args:
        config: the parameters.
        rate: nominal frames a second.
    """

    def __init__(self, config: SortConfig, rate: float) -> None:
        self._config = config
        self._max_age = max_age(config.max_lost_s, rate)
        self._tracks = Tracks()

    def restart(self) -> None:
        """End every track."""
        self._tracks.clear()

    def step(self, seen: Sightings, moment: Moment) -> Names:
        """The track of each box, or NO_ID, and its class; see `Algorithm`."""
        config, tracks = self._config, self._tracks
        tracks.keep(moment.now - tracks.seen <= moment.oldest(self._max_age))
        predict(tracks.filters, moment.steps)
        expected = xysr_to_xyxy(tracks.filters.position)
        strong = seen.score >= config.least_score
        matching = Matching(tracks.class_id, seen.class_id, across_classes=config.across_classes)
        everyone = np.ones(len(tracks), np.bool_)
        matching.round(
            everyone,
            strong,
            lambda rows, boxes: overlap_gain(expected[rows], seen.xyxy[boxes], config.min_iou),
        )
        matching.other_classes(everyone, strong, expected, seen.xyxy)
        rows, boxes = matching.pairs
        tracks.filters.observe(rows, xyxy_to_xysr(seen.xyxy[boxes]), MEASUREMENT)
        tracks.mark_seen(rows, seen, boxes, moment.now)
        start(tracks, seen, np.nonzero(strong & matching.free_boxes)[0], moment.now)
        found = tracks.seen == moment.now
        is_start = moment.now < config.min_hits - 0.5
        tracks.confirm(found & (is_start | (tracks.hits >= config.min_hits)))
        names = tracks.names_of(seen, moment.now)
        tracks.keep(tracks.is_confirmed | found)
        return names


def predict(filters: KalmanBank, steps: float | Floats) -> None:
    """Move filters of centre, area and ratio on by `steps`, one number or (T, 1)."""
    shrinking = filters.position[:, 2] + np.ravel(steps) * filters.velocity[:, 2] <= 0
    filters.velocity[shrinking, 2] = 0  # an area that would shrink to nothing stays
    filters.predict(steps, POSITION_NOISE, VELOCITY_NOISE)


def start(tracks: Tracks, seen: Sightings, boxes: Rows, now: float) -> None:
    """Append one track for each of `boxes`, (N,), with its filter at rest."""
    measured = xyxy_to_xysr(seen.xyxy[boxes])
    tracks.filters.start(measured, FIRST_POSITION, FIRST_VELOCITY)
    tracks.start(seen, boxes, now)
