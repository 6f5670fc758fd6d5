"""OC-SORT: SORT that trusts what was seen more than what was expected."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from analytics.tracking import sort
from analytics.tracking.association import overlap_gain
from analytics.tracking.kalman import Floats, KalmanBank, Rows
from analytics.tracking.limits import expect, max_age
from analytics.tracking.matching import Matching
from analytics.tracking.memory import Memory
from analytics.tracking.shape import xysr_to_xyxy, xyxy_to_xysr
from analytics.tracking.sighting import Moment, Sightings
from analytics.tracking.tracks import Names, Tracks

_MIN_SCORE = 0.6


@dataclass(frozen=True, slots=True)
class OcSortConfig:
    """What may be chosen of OC-SORT; the defaults are the paper's and its implementation's.

    Attributes:
        min_score: 0..1; boxes below it are not looked at. None: from where the detector's are kept;
            where nobody says, 0.6.
        min_iou: 0..1, least overlap of a box with where its track is expected, and of a box with
            where a track was last seen (section 5.1: 0.3).
        direction_weight: 0 or more, what keeping the direction is worth beside the overlap
            (section 5.1: 0.2).
        direction_span: frames of the nominal rate, 1..100, over which a direction is taken
            (section 5.1: 3).
        min_hits: pictures in a row a new track must be found on before it counts (3); those of
            the first `min_hits` frames count at once.
        max_lost_s: seconds a confirmed track lives unseen (30 frames at 30 a second).
        across_classes: let a box of another class continue a track as one of its own would; else it
            does so only at the very place where the track is expected and has no box of its own.

    Source: Cao et al. 2023, Observation-Centric SORT; numbers without a section are its
    published implementation's.
    """

    min_score: float | None = None
    min_iou: float = 0.3
    direction_weight: float = 0.2
    direction_span: int = 3
    min_hits: int = 3
    max_lost_s: float = 1.0
    across_classes: bool = False

    def __post_init__(self) -> None:
        expect("min_score", self.least_score, 0, 1)
        expect("min_iou", self.min_iou, 0, 1)
        expect("direction_weight", self.direction_weight, 0, 10)
        expect("direction_span", self.direction_span, 1, 100)
        expect("min_hits", self.min_hits, 1, 1000)
        expect("max_lost_s", self.max_lost_s, 0, 3600)

    @property
    def least_score(self) -> float:
        """What is looked at at all."""
        return _MIN_SCORE if self.min_score is None else self.min_score

    def for_boxes_from(self, score: float) -> Self:
        """For a detector whose boxes are kept from `score` on, where nothing was chosen."""
        return self if self.min_score is not None else replace(self, min_score=score)


class OcSort:
    """OC-SORT on one stream.

    Args:
        config: the parameters.
        rate: nominal frames a second.
    """

    def __init__(self, config: OcSortConfig, rate: float) -> None:
        self._config = config
        self._max_age = max_age(config.max_lost_s, rate)
        self._tracks = Tracks()
        # Pictures may come faster than the nominal rate, hence some more than the span needs.
        self._memory = Memory(2 * config.direction_span + 1)

    def restart(self) -> None:
        """End every track."""
        self._tracks.clear()
        self._memory.clear()

    def step(self, seen: Sightings, moment: Moment) -> Names:
        """The track of each box, or NO_ID, and its class; see `Algorithm`."""
        config, tracks = self._config, self._tracks
        self._keep(moment.now - tracks.seen <= moment.oldest(self._max_age))
        sort.predict(tracks.filters, moment.steps)
        strong = seen.score >= config.least_score
        everyone = np.ones(len(tracks), np.bool_)
        matching = Matching(tracks.class_id, seen.class_id, across_classes=config.across_classes)
        expected = xysr_to_xyxy(tracks.filters.position)
        steady = self._steadiness(seen, moment.now)

        def worth(rows: Rows, boxes: Rows) -> Floats:
            overlap = overlap_gain(expected[rows], seen.xyxy[boxes], config.min_iou)
            pays = config.direction_weight * steady[rows][:, boxes] * seen.score[boxes]
            return np.where(overlap > 0, overlap + pays, 0.0)

        matching.round(everyone, strong, worth)
        matching.round(
            everyone,
            strong,
            lambda rows, boxes: overlap_gain(
                self._memory.last[rows], seen.xyxy[boxes], config.min_iou
            ),
        )
        matching.other_classes(everyone, strong, expected, seen.xyxy)
        rows, boxes = matching.pairs
        self._observe(rows, seen.xyxy[boxes], moment)
        tracks.mark_seen(rows, seen, boxes, moment.now)
        self._start(seen, np.nonzero(strong & matching.free_boxes)[0], moment.now)
        found = tracks.seen == moment.now
        is_start = moment.now < config.min_hits - 0.5
        tracks.confirm(found & (is_start | (tracks.hits >= config.min_hits)))
        names = tracks.names_of(seen, moment.now)
        self._keep(tracks.is_confirmed | found)
        return names

    def _steadiness(self, seen: Sightings, now: float) -> Floats:
        """(T, N) in -0.5..0.5: how little each box would turn each track; 0 without direction.

        Source: section 4.1, observation-centric momentum.
        """
        memory, span = self._memory, self._config.direction_span + 0.5
        heading = _unit(_centre(memory.last) - _centre(memory.before_last(span)))
        start = _centre(memory.within(now - span))
        onward = _unit(_centre(seen.xyxy)[None] - start[:, None])
        cosine = np.einsum("tnk,tk->tn", onward, heading)
        return np.asarray(0.5 - np.arccos(np.clip(cosine, -1, 1)) / np.pi)

    def _observe(self, rows: Rows, xyxy: Floats, moment: Moment) -> None:
        tracks, memory = self._tracks, self._memory
        back = tracks.seen[rows] < moment.before
        if bool(back.any()):
            self._retell(rows[back], xyxy[back], moment.now)
        tracks.filters.observe(rows, xyxy_to_xysr(xyxy), sort.MEASUREMENT)
        memory.see(rows, xyxy, moment.now, tracks.filters.state[:, rows])

    def _retell(self, rows: Rows, xyxy: Floats, now: float) -> None:
        """Filter again from where tracks were last seen, as if on a straight line until here.

        Source: section 4.2, observation-centric re-update.
        """
        memory, tracks = self._memory, self._tracks
        gap = (now - memory.when[rows, 0])[:, None]
        count = np.maximum(np.round(gap), 1)
        filters = KalmanBank(memory.filters[:, rows])
        first, last = memory.last[rows], xyxy
        for number in range(1, int(count.max())):
            going = np.nonzero(number < count[:, 0])[0]
            part = filters.pick(going)
            sort.predict(part, (gap / count)[going])
            share = (number / count)[going]
            line = first[going] + share * (last[going] - first[going])
            part.observe(np.arange(len(going)), xyxy_to_xysr(line), sort.MEASUREMENT)
            filters.state[:, going] = part.state
        sort.predict(filters, gap / count)
        tracks.filters.state[:, rows] = filters.state

    def _start(self, seen: Sightings, boxes: Rows, now: float) -> None:
        tracks = self._tracks
        fresh = slice(len(tracks), None)
        sort.start(tracks, seen, boxes, now)
        self._memory.start(seen.xyxy[boxes], now, tracks.filters.state[:, fresh])

    def _keep(self, mask: NDArray[np.bool_]) -> None:
        if not bool(mask.all()):
            self._tracks.keep(mask)
            self._memory.keep(mask)


def _centre(xyxy: Floats) -> Floats:
    return (xyxy[..., :2] + xyxy[..., 2:]) / 2


def _unit(vector: Floats) -> Floats:
    """Of length 1 along the last axis; 0 stays 0."""
    length = np.sqrt((vector * vector).sum(axis=-1, keepdims=True))
    return np.asarray(vector / np.maximum(length, np.finfo(np.float64).tiny))
