"""On which side of several borders each track is, with hysteresis and confirmation.

A border is a line or a polygon's outline; all that is known of it here is a signed distance. A
track changes sides when it is farther than the border's band on the other side, and, where that is
asked for, has stayed there for a time. What lies between changes nothing, so jitter on a border
counts once. What counts as the moment of crossing is the last step that changed the sign of the
distance, which comes before the step that made it certain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.geometry import Points
from analytics.roster import Sightings, Step, grown

_NEVER = np.inf


@dataclass(frozen=True, slots=True)
class Flip:
    """One track on another side of one border.

    Attributes:
        row: of the track.
        border: which.
        side: the new one, 1 or -1.
        step: the sightings on either side of the border.
    """

    row: int
    border: int
    side: int
    step: Step


class Sides:
    """The sides of all tracks at K borders.

    Args:
        bands_px: (K,) half the width of each border's band.
        confirms_s: (K,) seconds to stay on the new side.
        is_trusting: take the first sighting's side as certain, even within the band.
    """

    def __init__(
        self, bands_px: Sequence[float], confirms_s: Sequence[float], *, is_trusting: bool
    ) -> None:
        count = len(bands_px)
        self._bands_px = np.array(bands_px, np.float64)
        self._confirms_s = np.array(confirms_s, np.float64)
        self._is_trusting = is_trusting
        self.side = np.zeros((0, count), np.int8)  # the certain one; 0: none yet
        self._sign = np.zeros((0, count), np.int8)  # of the last distance that was not 0
        self._since_s = np.full((0, count), _NEVER)  # beyond the band on the other side
        self._place = np.zeros((0, count, 2))
        self._steps: dict[int, dict[int, Step]] = {}  # last change of sign, by row and border

    def update(
        self, sightings: Sightings, points: Points, distance: NDArray[np.float64]
    ) -> list[Flip]:
        """Note where the tracks are; gives back who has changed sides.

        Args:
            sightings: N tracks.
            points: (N, K, 2) or (N, 1, 2) px, the points that are on one side or another.
            distance: (N, K) signed px.
        """
        self._make_room(sightings)
        row, now_s = sightings.row, sightings.time_s
        sign = np.sign(distance).astype(np.int8)
        old_sign = self._sign[row]
        self._note_steps(sightings, points, sign * old_sign < 0)
        self._sign[row] = np.where(sign == 0, old_sign, sign)
        self._place[row] = points
        certain = np.where(np.abs(distance) > self._bands_px, sign, 0).astype(np.int8)
        side = self.side[row]
        is_across = certain * side < 0
        since_s = np.where(sign * side > 0, _NEVER, self._since_s[row])
        since_s = np.where(is_across, np.minimum(since_s, now_s), since_s)
        flips = is_across & (now_s - since_s >= self._confirms_s)
        first = sign if self._is_trusting else certain
        self.side[row] = np.where(flips, certain, np.where(side == 0, first, side))
        self._since_s[row] = np.where(flips, _NEVER, since_s)
        return [self._flip(int(row[n]), k) for n, k in np.argwhere(flips).tolist()]

    def settle(self, rows: Sequence[int]) -> list[Flip]:
        """The changes of tracks that are gone before they could be confirmed."""
        known = [row for row in rows if row < len(self.side)]
        pending = [
            (row, k) for row in known for k in np.flatnonzero(self._since_s[row] < _NEVER).tolist()
        ]
        for row, k in pending:
            self.side[row, k] = self._sign[row, k]
            self._since_s[row, k] = _NEVER
        return [self._flip(row, k) for row, k in pending]

    def let_go(self, rows: Sequence[int]) -> None:
        """Forget tracks that are gone."""
        for row in rows:
            self._steps.pop(row, None)

    def _flip(self, row: int, border: int) -> Flip:
        return Flip(row, border, int(self.side[row, border]), self._steps[row][border])

    def _note_steps(self, sightings: Sightings, points: Points, changes: NDArray[np.bool_]) -> None:
        for n, k in np.argwhere(changes).tolist():
            row = int(sightings.row[n])
            x, y = self._place[row, k].tolist()
            to_x, to_y = points[n, k if points.shape[1] > 1 else 0].tolist()
            before_s = float(sightings.before_s[n])
            step = Step((x, y), before_s, (to_x, to_y), sightings.time_s)
            self._steps.setdefault(row, {})[k] = step

    def _make_room(self, sightings: Sightings) -> None:
        size = sightings.capacity
        if len(self.side) < size:
            self.side = grown(self.side, size, 0)
            self._sign = grown(self._sign, size, 0)
            self._since_s = grown(self._since_s, size, _NEVER)
            self._place = grown(self._place, size, 0.0)
        new = sightings.row[sightings.is_new]
        self.side[new] = 0
        self._sign[new] = 0
        self._since_s[new] = _NEVER
