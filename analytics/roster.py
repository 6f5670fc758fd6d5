"""Which row of every state array belongs to which track."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from analytics.geometry import Point

FIRST_ROWS = 64  # doubled whenever more tracks are about

T = TypeVar("T", bound=np.generic)

Rows = NDArray[np.intp]  # (N,) rows of state arrays


@dataclass(frozen=True, slots=True, eq=False)
class Sightings:
    """The tracks seen at one time.

    Attributes:
        time_s: media seconds, later than those before.
        row: (N,) of each track in every state array.
        is_new: (N,) whether what the row holds is somebody else's.
        before_s: (N,) media seconds of the track's sighting before; for a new one, now.
        boxes_xyxy: (N, 4) px.
        capacity: how many rows state arrays must have.
    """

    time_s: float
    row: Rows
    is_new: NDArray[np.bool_]
    before_s: NDArray[np.float64]
    boxes_xyxy: NDArray[np.float64]
    capacity: int

    def __len__(self) -> int:
        return len(self.row)


@dataclass(frozen=True, slots=True)
class Step:
    """A piece of a track's path: two sightings, one after the other.

    Attributes:
        before: x, y px.
        before_s: media seconds.
        after: x, y px.
        after_s: media seconds.
    """

    before: Point
    before_s: float
    after: Point
    after_s: float

    def at(self, part: float) -> tuple[Point, float]:
        """The place and time after a part, 0..1, of the step, at even speed."""
        (x, y), (to_x, to_y) = self.before, self.after
        place = (x + part * (to_x - x), y + part * (to_y - y))
        return place, self.before_s + part * (self.after_s - self.before_s)


class Roster:
    """Gives each track a row while it is about; rows are used again, track ids are not.

    Args:
        lost_s: seconds after which an unseen track is gone.
    """

    def __init__(self, lost_s: float) -> None:
        self._lost_s = lost_s
        self._rows: dict[int, int] = {}
        self._free: list[int] = list(range(FIRST_ROWS))[::-1]
        self.track_id = np.full(FIRST_ROWS, -1, np.int64)
        self.class_id = np.full(FIRST_ROWS, -1, np.int64)
        self.last_s = np.full(FIRST_ROWS, np.inf)  # free rows are never overdue

    def __len__(self) -> int:
        return len(self._rows)

    def see(
        self,
        time_s: float,
        track_ids: NDArray[np.int64],
        class_ids: NDArray[np.int32],
        boxes_xyxy: NDArray[np.float64],
    ) -> Sightings:
        """Note who is seen; each id at most once.

        Args:
            time_s: media seconds, later than before.
            track_ids: (N,), 0 or more.
            class_ids: (N,).
            boxes_xyxy: (N, 4) px.
        """
        ids: list[int] = track_ids.tolist()
        is_new = np.array([track_id not in self._rows for track_id in ids], np.bool_)
        row = np.array([self._row(track_id) for track_id in ids], np.intp)
        before_s = np.where(is_new, time_s, self.last_s[row])
        self.track_id[row] = track_ids
        self.class_id[row] = class_ids
        self.last_s[row] = time_s
        return Sightings(time_s, row, is_new, before_s, boxes_xyxy, len(self.last_s))

    def rows_of(self, track_ids: NDArray[np.int64]) -> Rows:
        """(N,) the row of each track, -1 for who is not about."""
        return np.array([self._rows.get(name, -1) for name in track_ids.tolist()], np.intp)

    def overdue(self, time_s: float) -> list[int]:
        """Rows of the tracks that have not been seen for too long."""
        return np.flatnonzero(self.last_s < time_s - self._lost_s).tolist()

    def everyone(self) -> list[int]:
        """Rows of all tracks that are about."""
        return list(self._rows.values())

    def let_go(self, rows: Sequence[int]) -> None:
        """Free rows for others."""
        for row in rows:
            del self._rows[int(self.track_id[row])]
            self.last_s[row] = np.inf
            self._free.append(row)

    def _row(self, track_id: int) -> int:
        row = self._rows.get(track_id)
        if row is None:
            if not self._free:
                self._grow()
            row = self._rows[track_id] = self._free.pop()
        return row

    def _grow(self) -> None:
        size = len(self.last_s)
        self._free.extend(range(size, 2 * size)[::-1])
        self.track_id = grown(self.track_id, 2 * size, -1)
        self.class_id = grown(self.class_id, 2 * size, -1)
        self.last_s = grown(self.last_s, 2 * size, np.inf)


def grown(column: NDArray[T], size: int, fill: float) -> NDArray[T]:
    """A copy with `size` rows, the new ones full of `fill`."""
    larger = np.full((size, *column.shape[1:]), fill, column.dtype)
    larger[: len(column)] = column
    return larger
