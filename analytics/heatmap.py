"""Where feet go and where they stay, on a grid over the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.region import reference_points
from analytics.roster import Sightings, grown
from analytics.scene_config import HeatmapConfig

_NOWHERE = -1


@dataclass(frozen=True, slots=True, eq=False)
class Heat:
    """What has gathered on a grid over the picture; read-only.

    Attributes:
        passages: (R, C) int64, how often a track's feet came into each cell.
        dwell_s: (R, C) float64, seconds that feet were in each cell.
        size: width and height of the picture under the grid, px.
    """

    passages: NDArray[np.int64]
    dwell_s: NDArray[np.float64]
    size: tuple[int, int]


class Heatmap:
    """Gathers feet of one stream; for one thread.

    The time from one sighting of a track to the next belongs to the cell of the first.

    Args:
        config: the grid.
        size: width and height of the picture, px.
    """

    def __init__(self, config: HeatmapConfig, size: tuple[int, int]) -> None:
        self._size = size
        columns = config.columns
        self._shape = (max(1, round(columns * size[1] / size[0])), columns)
        self._passages = np.zeros(self._shape[0] * columns, np.int64)
        self._dwell_s = np.zeros(self._shape[0] * columns)
        self._cell = np.full(0, _NOWHERE, np.intp)  # of each track's last sighting

    def update(self, sightings: Sightings) -> None:
        """Add what has happened since the sightings before."""
        if len(self._cell) < sightings.capacity:
            self._cell = grown(self._cell, sightings.capacity, _NOWHERE)
        row = sightings.row
        before = np.where(sightings.is_new, _NOWHERE, self._cell[row])
        stayed = before != _NOWHERE
        spent_s = sightings.time_s - sightings.before_s
        np.add.at(self._dwell_s, before[stayed], spent_s[stayed])
        cell = self._cells(sightings.boxes_xyxy)
        np.add.at(self._passages, cell[cell != before], 1)
        self._cell[row] = cell

    def heat(self) -> Heat:
        """A copy of what has gathered so far."""
        passages = self._passages.reshape(self._shape).copy()
        dwell_s = self._dwell_s.reshape(self._shape).copy()
        passages.setflags(write=False)
        dwell_s.setflags(write=False)
        return Heat(passages, dwell_s, self._size)

    def _cells(self, boxes_xyxy: NDArray[np.float64]) -> NDArray[np.intp]:
        """(N,) the cell of each box's feet; those of a box cut off by an edge stand on it."""
        feet = reference_points(boxes_xyxy, "bottom_centre")
        grid = np.array([self._shape[1], self._shape[0]])
        place = np.clip((feet + 0.5) / self._size, 0, 1)
        column, line = np.minimum(np.floor(place * grid), grid - 1).astype(np.intp).T
        cells: NDArray[np.intp] = line * grid[0] + column
        return cells
