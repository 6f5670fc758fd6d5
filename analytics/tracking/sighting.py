"""What a tracking algorithm sees of a moment: boxes in double precision, and when it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from analytics.tracking.kalman import Floats, Rows


@dataclass(frozen=True, slots=True, eq=False)
class Sightings:
    """The boxes of one picture; parallel columns.

    Attributes:
        xyxy: (N, 4) float64 px, finite, x1 < x2 and y1 < y2.
        score: (N,) float64 in 0..1.
        class_id: (N,) int32.
    """

    xyxy: Floats
    score: Floats
    class_id: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.score)

    def pick(self, rows: Rows) -> Self:
        """Some of the rows, in that order."""
        return type(self)(self.xyxy[rows], self.score[rows], self.class_id[rows])


@dataclass(frozen=True, slots=True)
class Moment:
    """When it is, in steps; a step is the time of a frame at the stream's nominal rate.

    Attributes:
        now: steps since the first picture or the last restart.
        before: the moment of the previous picture; below 0 where there was none.
        pace: steps between the two pictures before this one, 0 where there were fewer.
    """

    now: float
    before: float
    pace: float = 0.0

    @property
    def steps(self) -> float:
        """Steps since the previous picture; 0 for the first."""
        return self.now - max(self.before, 0.0)

    def oldest(self, max_age: float) -> float:
        """The age, in steps, up to which a track lives that may be `max_age` old.

        Where pictures come more slowly than that, tracks live from one to the next: looked at every
        30th frame, nobody was ever seen twice.
        """
        return max(max_age, 1.5 * self.pace)
