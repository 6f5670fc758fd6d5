"""The tracks that an algorithm keeps: parallel columns beside their filters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analytics.tracking.kalman import Floats, KalmanBank, Rows
from analytics.tracking.sighting import Sightings

NO_ID = 0
_MOST_LEAD = 20.0  # an object may turn out to be another after some 20 sure boxes, not hours

Names = tuple[NDArray[np.int64], NDArray[np.int32]]  # (N,) ids and classes of boxes' tracks


class Tracks:
    """The living tracks of one stream, oldest first.

    Attributes:
        filters: one a track.
        track_id: (T,) int64, from 1 in the order of confirmation; NO_ID until then.
        class_id: (T,) int32, what it was found to be most of the time, by score.
        lead: (T,) float64, the score by which that class is ahead of all others.
        hits: (T,) int64, pictures it was found on.
        seen: (T,) float64, the step it was last found at.
        born: (T,) float64, the step it was first found at.
        box: (T,) int64, the box that it was last found in, by its number on that picture.
    """

    def __init__(self) -> None:
        self.filters = KalmanBank()
        self.track_id: NDArray[np.int64] = np.empty(0, np.int64)
        self.class_id: NDArray[np.int32] = np.empty(0, np.int32)
        self.lead: Floats = np.empty(0)
        self.hits: NDArray[np.int64] = np.empty(0, np.int64)
        self.seen: Floats = np.empty(0)
        self.born: Floats = np.empty(0)
        self.box: Rows = np.empty(0, np.intp)
        self._next_id = NO_ID + 1

    def __len__(self) -> int:
        return len(self.track_id)

    @property
    def is_confirmed(self) -> NDArray[np.bool_]:
        """(T,)."""
        return np.not_equal(self.track_id, NO_ID)

    def clear(self) -> None:
        """End every track; ids go on where they were."""
        self.keep(np.zeros(len(self), np.bool_))

    def start(self, seen: Sightings, boxes: Rows, now: float) -> None:
        """Append one track for each of `boxes`, (N,); their filters are the caller's to start."""
        count = len(boxes)
        self.track_id = np.concatenate([self.track_id, np.full(count, NO_ID, np.int64)])
        self.class_id = np.concatenate([self.class_id, seen.class_id[boxes]])
        self.lead = np.concatenate([self.lead, seen.score[boxes]])
        self.hits = np.concatenate([self.hits, np.ones(count, np.int64)])
        self.seen = np.concatenate([self.seen, np.full(count, now)])
        self.born = np.concatenate([self.born, np.full(count, now)])
        self.box = np.concatenate([self.box, boxes])

    def mark_seen(self, rows: Rows, seen: Sightings, boxes: Rows, now: float) -> None:
        """Count a find of each of the rows, (M,), in those boxes.

        Source of the vote: Boyer and Moore 1991, A Fast Majority Vote Algorithm, with scores.
        """
        is_same = self.class_id[rows] == seen.class_id[boxes]
        lead = self.lead[rows] + np.where(is_same, 1, -1) * seen.score[boxes]
        self.class_id[rows] = np.where(lead < 0, seen.class_id[boxes], self.class_id[rows])
        self.lead[rows] = np.minimum(np.abs(lead), _MOST_LEAD)
        self.hits[rows] += 1
        self.seen[rows] = now
        self.box[rows] = boxes

    def confirm(self, mask: NDArray[np.bool_]) -> None:
        """Give an id to the rows of `mask`, (T,), that have none."""
        fresh = np.nonzero(mask & ~self.is_confirmed)[0]
        self.track_id[fresh] = np.arange(self._next_id, self._next_id + len(fresh))
        self._next_id += len(fresh)

    def keep(self, mask: NDArray[np.bool_]) -> None:
        """End the tracks where `mask`, (T,), is false."""
        if bool(mask.all()):
            return
        self.filters.keep(mask)
        self.track_id, self.class_id = self.track_id[mask], self.class_id[mask]
        self.lead = self.lead[mask]
        self.hits, self.seen, self.born = self.hits[mask], self.seen[mask], self.born[mask]
        self.box = self.box[mask]

    def names_of(self, seen: Sightings, now: float) -> Names:
        """What each box of this moment is; NO_ID without a confirmed track."""
        ids, class_id = np.full(len(seen), NO_ID, np.int64), seen.class_id.copy()
        found = self.seen == now
        ids[self.box[found]] = self.track_id[found]
        class_id[self.box[found]] = self.class_id[found]
        return ids, class_id
