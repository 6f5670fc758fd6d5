"""What OC-SORT remembers of each track beside its filter: where it was really seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analytics.tracking.kalman import AXES, Floats, Rows


class Memory:
    """The last sightings of T tracks, parallel to `Tracks`.

    Args:
        depth: sightings kept a track, 1 or more.

    Attributes:
        xyxy: (T, depth, 4) px, the newest first.
        when: (T, depth) steps, falling; -inf where there was no sighting.
        filters: (5, T, 4), the filter's state right after the newest sighting.
    """

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self.clear()

    def clear(self) -> None:
        """Forget every track."""
        self.xyxy: Floats = np.empty((0, self._depth, 4))
        self.when: Floats = np.empty((0, self._depth))
        self.filters: Floats = np.empty((5, 0, AXES))

    @property
    def last(self) -> Floats:
        """(T, 4) px, the newest sighting."""
        return self.xyxy[:, 0]

    def start(self, xyxy: Floats, now: float, filters: Floats) -> None:
        """Append tracks seen once, (N, 4), with their filters' states, (5, N, 4)."""
        count = len(xyxy)
        when = np.full((count, self._depth), -np.inf)
        when[:, 0] = now
        boxes = np.repeat(xyxy[:, None], self._depth, axis=1)
        self.xyxy = np.concatenate([self.xyxy, boxes])
        self.when = np.concatenate([self.when, when])
        self.filters = np.concatenate([self.filters, filters], axis=1)

    def see(self, rows: Rows, xyxy: Floats, now: float, filters: Floats) -> None:
        """Note a sighting of some rows, (M,), with their filters' states, (5, M, 4)."""
        self.xyxy[rows, 1:] = self.xyxy[rows, :-1]
        self.when[rows, 1:] = self.when[rows, :-1]
        self.xyxy[rows, 0], self.when[rows, 0] = xyxy, now
        self.filters[:, rows] = filters

    def keep(self, mask: NDArray[np.bool_]) -> None:
        """Forget the tracks where `mask`, (T,), is false."""
        self.xyxy, self.when = self.xyxy[mask], self.when[mask]
        self.filters = self.filters[:, mask]

    def within(self, since: float) -> Floats:
        """The oldest sighting of each track from step `since` on, else its newest; (T, 4) px."""
        recent = (self.when >= since).sum(axis=1)
        return self._nth(np.maximum(recent, 1) - 1)

    def before_last(self, span: float) -> Floats:
        """The oldest sighting of each track at most `span` steps before its newest, (T, 4) px.

        Where there is none, the newest but one; where that is missing too, the newest itself.
        """
        recent = (self.when >= self.when[:, :1] - span).sum(axis=1)
        known = np.isfinite(self.when).sum(axis=1)
        return self._nth(np.minimum(np.maximum(recent, 2), known) - 1)

    def _nth(self, number: NDArray[np.intp]) -> Floats:
        return self.xyxy[np.arange(len(self.xyxy)), number]
