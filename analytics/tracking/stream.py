"""A tracker of one stream: time and picture size in front of any algorithm."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from analytics.tracking.association import assign, overlap_gain, second_names
from analytics.tracking.kalman import Floats, Rows
from analytics.tracking.sighting import Moment, Sightings
from analytics.tracking.tracks import NO_ID, Names
from detector.detections import Detections

NOMINAL_RATE = 30.0  # frames a second; the published parameters were set at 25 to 30
RESTART_S = 1.0  # a time further back than this is another recording, not a late frame
SAME_IOU = 0.3  # how far a late frame's boxes may be off those of the frame before


class Algorithm(Protocol):
    """What each way of tracking does with the boxes of a moment."""

    def step(self, seen: Sightings, moment: Moment) -> Names:
        """The id of each box's track, (N,), NO_ID where there is no confirmed one; its class."""
        ...

    def restart(self) -> None:
        """End every track; ids go on."""
        ...


class StreamTracker:
    """Follows the objects of one stream; for one thread.

    Args:
        algorithm: how boxes become tracks.
        rate: nominal frames a second, above 0; says how long a step of the algorithm is.
        min_score: the least score the algorithm looks at, so that a detector can be asked for it.
    """

    def __init__(self, algorithm: Algorithm, *, rate: float, min_score: float) -> None:
        self._algorithm = algorithm
        self._rate = rate
        self.min_score = min_score
        self._start_s: float | None = None
        self._last_s = 0.0
        self._pace = 0.0  # steps between the last two pictures
        self._size: tuple[int, int] | None = None
        nothing = Sightings(np.empty((0, 4)), np.empty(0), np.empty(0, np.int32))
        self._answer: tuple[Sightings, Names] = (nothing, (_NO_IDS, nothing.class_id))

    def update(
        self,
        detections: Detections,
        time_s: float,
        size: tuple[int, int],
        *,
        camera: Floats | None = None,
    ) -> Detections:
        """The boxes that continue a confirmed track, with its id; the others are left out.

        A time that does not advance changes no track: its boxes are named after the last
        picture's. A time more than RESTART_S back starts over with new ids.

        Args:
            detections: of the picture, px; boxes without area or not finite are left out. Ids
                in it are ignored.
            time_s: media seconds of the picture.
            size: width and height of the picture, px; where it changes, tracks are kept on the
                assumption that the same view was scaled.
            camera: (2, 3), where a moving camera's motion is known: takes a point of this
                picture, (x, y, 1), to where it would be on the first, both in px of the first
                picture's size. Tracks are followed there.

        Returns:
            Some of the rows, in their order; ids from 1, each at most once, never used again. Of a
            track whose boxes differ in class, the class that had the higher scores so far.

        Raises:
            ValueError: the time is not finite.
        """
        if not math.isfinite(time_s):
            raise ValueError(f"time of a picture: expected finite seconds, got {time_s!r}")
        usable, seen = self._sightings(detections, size, camera)
        ids, class_id = self._names(seen, time_s)
        named = ids != NO_ID
        rows = usable[named]
        return Detections(
            detections.xyxy[rows], detections.score[rows], class_id[named], ids[named]
        )

    def _names(self, seen: Sightings, time_s: float) -> Names:
        if self._start_s is not None and time_s < self._last_s - RESTART_S:
            self._algorithm.restart()
            self._start_s = None
            self._pace = 0.0
        if self._start_s is None:
            moment = Moment(0.0, -1.0)
            self._start_s = time_s
        elif time_s <= self._last_s:
            return self._recognise(seen)
        else:
            now, before = (self._rate * (at - self._start_s) for at in (time_s, self._last_s))
            moment = Moment(now, before, self._pace)
            self._pace = moment.steps
        self._last_s = time_s
        ids, class_id = self._algorithm.step(seen, moment)
        named = np.nonzero(ids != NO_ID)[0]
        self._answer = (seen.pick(named), (ids[named], class_id[named]))
        return ids, class_id

    def _recognise(self, seen: Sightings) -> Names:
        known, (known_ids, known_class) = self._answer
        overlap = overlap_gain(known.xyxy, seen.xyxy, SAME_IOU)
        rows, boxes = assign(overlap * (known.class_id[:, None] == seen.class_id))
        ids, class_id = np.full(len(seen), NO_ID, np.int64), seen.class_id.copy()
        ids[boxes], class_id[boxes] = known_ids[rows], known_class[rows]
        return ids, class_id

    def _sightings(
        self, detections: Detections, size: tuple[int, int], camera: Floats | None
    ) -> tuple[Rows, Sightings]:
        xyxy = detections.xyxy.astype(np.float64)
        self._size = self._size or size
        if size != self._size:
            scale = np.divide(self._size, size)
            xyxy *= np.concatenate([scale, scale])
        if camera is not None:
            xyxy = _moved(xyxy, camera)
        good = (xyxy[:, 2] > xyxy[:, 0]) & (xyxy[:, 3] > xyxy[:, 1]) & np.isfinite(xyxy).all(axis=1)
        rows = np.nonzero(good)[0]
        rows = rows[~second_names(xyxy[rows], detections.class_id[rows])]
        return rows, Sightings(
            xyxy[rows], detections.score[rows].astype(np.float64), detections.class_id[rows]
        )


def _moved(xyxy: Floats, camera: Floats) -> Floats:
    """Boxes of the same size times the camera's zoom around their moved centres, (N, 4).

    A turned box would grow with every degree; its centre is what a camera's motion displaces.
    """
    centre = (xyxy[:, :2] + xyxy[:, 2:]) / 2
    half = (xyxy[:, 2:] - xyxy[:, :2]) / 2 * np.sqrt(abs(np.linalg.det(camera[:, :2])))
    centre = centre @ camera[:, :2].T + camera[:, 2]
    return np.concatenate([centre - half, centre + half], axis=1)


_NO_IDS = np.empty(0, np.int64)
