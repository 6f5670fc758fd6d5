"""ByteTrack: boxes of low score continue tracks, but never start one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from analytics.tracking.kalman import Floats, Rows
from analytics.tracking.limits import expect, max_age
from analytics.tracking.matching import Gain, Mask, Matching
from analytics.tracking.shape import xyah_to_xyxy, xyxy_to_xyah
from analytics.tracking.sighting import Moment, Sightings
from analytics.tracking.tracks import Names, Tracks
from detector.overlap import iou_matrix

# Standard deviations of centre x and y, ratio, and height: parts of the box's height, and for
# the ratio numbers of its own (Wojke et al. 2017, Deep SORT, whose filter ByteTrack takes).
_OF_HEIGHT = np.array([1.0, 1.0, 0.0, 1.0])
_POSITION = 1 / 20
_VELOCITY = 1 / 160
_RATIO = np.array([0.0, 0.0, 1e-2, 0.0])
_RATIO_VELOCITY = np.array([0.0, 0.0, 1e-5, 0.0])
_RATIO_MEASURED = np.array([0.0, 0.0, 1e-1, 0.0])
_HEIGHT = 3
_HIGH_SCORE = 0.6  # section 4.1
_ABOVE_HIGH = 0.1  # how much surer a box must be to start a track


@dataclass(frozen=True, slots=True)
class ByteTrackConfig:
    """What may be chosen of ByteTrack; the defaults are the paper's and its implementation's.

    Attributes:
        min_score: 0..1; boxes below it are not looked at (0.1), so the detector must be asked for
            boxes down to it.
        high_score: 0..1; from here on a box is a strong one. None: from where the detector's boxes
            are kept; where nobody says, section 4.1's 0.6.
        new_score: 0..1; a strong box from here on starts a track. None: 0.1 above `high_score`.
        min_match: 0..1, least overlap with a strong box times its score (0.1: the cost's limit of
            0.9; the paper's 0.2 is without the score).
        min_iou_weak: 0..1, least overlap with a weak box (0.5).
        min_match_new: 0..1, as `min_match`, with a track not yet confirmed (0.3).
        same_iou: 0..1; of two tracks that overlap more, one found and one lost, the younger ends
            (0.85).
        min_hits: pictures in a row a new track must be found on before it counts (2); those of
            the first picture count at once.
        max_lost_s: seconds a confirmed track lives unseen (section 4.1: 30 frames at 30 a
            second).
        across_classes: let a box of another class continue a track as one of its own would; else it
            does so only at the very place where the track is expected and has no box of its own.

    Source: Zhang et al. 2022, ByteTrack: Multi-Object Tracking by Associating Every Detection
    Box, algorithm 1; numbers without a section are its published implementation's.
    """

    min_score: float = 0.1
    high_score: float | None = None
    new_score: float | None = None
    min_match: float = 0.1
    min_iou_weak: float = 0.5
    min_match_new: float = 0.3
    same_iou: float = 0.85
    min_hits: int = 2
    max_lost_s: float = 1.0
    across_classes: bool = False

    def __post_init__(self) -> None:
        for name in ("min_score", "high_score", "new_score"):
            if getattr(self, name) is not None:
                expect(name, getattr(self, name), 0, 1)
        for name in ("min_match", "min_iou_weak", "min_match_new", "same_iou"):
            expect(name, getattr(self, name), 0, 1)
        expect("min_hits", self.min_hits, 1, 1000)
        expect("max_lost_s", self.max_lost_s, 0, 3600)

    @property
    def least_score(self) -> float:
        """What is looked at at all."""
        return self.min_score

    def for_boxes_from(self, score: float) -> Self:
        """The same for a detector whose boxes are kept from `score` on, where nothing was chosen.

        Detectors differ in how sure they are: the one that came along scores people 0.3 to 0.6,
        and by the published 0.6 and 0.7 next to none of them had a track.
        """
        return self if self.high_score is not None else replace(self, high_score=score)


class ByteTrack:
    """ByteTrack on one stream.

    Args:
        config: the parameters.
        rate: nominal frames a second.
    """

    def __init__(self, config: ByteTrackConfig, rate: float) -> None:
        self._config = config
        self._high_score = _HIGH_SCORE if config.high_score is None else config.high_score
        self._new_score = (
            min(self._high_score + _ABOVE_HIGH, 1.0)
            if config.new_score is None
            else config.new_score
        )
        self._max_age = max_age(config.max_lost_s, rate)
        self._tracks = Tracks()

    def restart(self) -> None:
        """End every track."""
        self._tracks.clear()

    def step(self, seen: Sightings, moment: Moment) -> Names:
        """The track of each box, or NO_ID, and its class; see `Algorithm`."""
        config, tracks = self._config, self._tracks
        tracks.keep(moment.now - tracks.seen <= moment.oldest(self._max_age))
        self._predict(moment)
        expected = xyah_to_xyxy(tracks.filters.position)
        confirmed, lost = tracks.is_confirmed, tracks.seen < moment.before
        strong = seen.score >= self._high_score
        weak = ~strong & (seen.score >= config.min_score)
        matching = Matching(tracks.class_id, seen.class_id, across_classes=config.across_classes)

        def beyond(least: float, weight: Floats) -> Gain:
            return lambda rows, boxes: (
                iou_matrix(expected[rows], seen.xyxy[boxes]) * weight[boxes] - least
            )

        matching.round(confirmed, strong, beyond(config.min_match, seen.score))
        matching.round(confirmed & ~lost, weak, beyond(config.min_iou_weak, np.ones(len(seen))))
        matching.round(~confirmed, strong, beyond(config.min_match_new, seen.score))
        matching.other_classes(confirmed, strong | weak, expected, seen.xyxy)
        matching.other_classes(~confirmed, strong, expected, seen.xyxy)
        rows, boxes = matching.pairs
        self._observe(rows, seen.xyxy[boxes])
        tracks.mark_seen(rows, seen, boxes, moment.now)
        fresh = strong & matching.free_boxes & (seen.score >= self._new_score)
        self._start(seen, np.nonzero(fresh)[0], moment.now)
        found = tracks.seen == moment.now
        tracks.confirm(found & ((tracks.hits >= config.min_hits) | (moment.now == 0)))
        names = tracks.names_of(seen, moment.now)
        tracks.keep((tracks.is_confirmed | found) & ~self._doubles(found))
        return names

    def _predict(self, moment: Moment) -> None:
        filters = self._tracks.filters
        # The height of what is out of sight is not trusted to go on changing.
        filters.velocity[self._tracks.seen < moment.before, _HEIGHT] = 0
        height = np.maximum(filters.position[:, _HEIGHT, None], 0)
        filters.predict(
            moment.steps,
            (_POSITION * height * _OF_HEIGHT + _RATIO) ** 2,
            (_VELOCITY * height * _OF_HEIGHT + _RATIO_VELOCITY) ** 2,
        )

    def _observe(self, rows: Rows, xyxy: Floats) -> None:
        filters = self._tracks.filters
        height = filters.position[rows, _HEIGHT, None]
        noise = (_POSITION * height * _OF_HEIGHT + _RATIO_MEASURED) ** 2
        filters.observe(rows, xyxy_to_xyah(xyxy), noise)

    def _start(self, seen: Sightings, boxes: Rows, now: float) -> None:
        measured = xyxy_to_xyah(seen.xyxy[boxes])
        height = measured[:, _HEIGHT, None] * _OF_HEIGHT
        self._tracks.filters.start(
            measured,
            (2 * _POSITION * height + _RATIO) ** 2,
            (10 * _VELOCITY * height + _RATIO_VELOCITY) ** 2,
        )
        self._tracks.start(seen, boxes, now)

    def _doubles(self, found: Mask) -> Mask:
        """(T,): the younger of each pair, one found now and one lost, at the same place."""
        tracks = self._tracks
        doubles = np.zeros(len(tracks), np.bool_)
        known = tracks.is_confirmed
        here, gone = np.nonzero(known & found)[0], np.nonzero(known & ~found)[0]
        if len(here) == 0 or len(gone) == 0:
            return doubles
        boxes = xyah_to_xyxy(tracks.filters.position)
        same = iou_matrix(boxes[here], boxes[gone]) > self._config.same_iou
        first, second = np.nonzero(same)
        first, second = here[first], gone[second]
        span = tracks.seen - tracks.born
        doubles[np.where(span[first] > span[second], second, first)] = True
        return doubles
