"""How fast and how far tracks go over the ground, in metres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.geometry import grain, project, solve_homography
from analytics.region import GroundConfig, reference_points, to_pixels
from analytics.roster import Sightings, grown

COARSE_M = 2.0  # of ground a pixel; there a jitter of 1 px makes 4 km/h of who stands (simulated)
_ROUNDING = 1e-6  # of `smooth_s`, in sums of frame times


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """Where tracks are on the ground and how they move; columns parallel to what was seen.

    Attributes:
        metres: (N, 2) float64 places on the ground; NaN at and beyond the horizon.
        speed: (N,) float64 metres a second; NaN where a pixel is COARSE_M, and until a track
            has been seen for the ground's `smooth_s`, for its first places tell of jitter only.
        distance: (N,) float64 metres since its first sighting.
    """

    metres: NDArray[np.float64]
    speed: NDArray[np.float64]
    distance: NDArray[np.float64]


class Ground:
    """The ground plane of one stream; for one thread.

    The velocity is the slope of the straight line that fits a track's places best, where a place
    that is `smooth_s` old weighs 1/e: exact at constant speed whatever the times of the frames, and
    steady under jitter, which a mean of single steps is not.

    Args:
        config: four known places.
        size: width and height of the picture, px.
    """

    def __init__(self, config: GroundConfig, size: tuple[int, int]) -> None:
        seen = to_pixels(config.points, config.unit, size)
        self._matrix = solve_homography(seen, np.array(config.metres, np.float64))
        self._config = config
        # Weighted sums over past sightings, times counted from the last one: of 1, t, t^2 ...
        self._moments = np.zeros((0, 3))
        # ... and of the place and t times the place, counted from the last place: keeps digits.
        self._sums = np.zeros((0, 2, 2))
        self._last = np.full((0, 2), np.nan)
        self._last_s = np.zeros(0)
        self._first_s = np.zeros(0)
        self._measured_s = np.zeros(0)  # up to when the distance is known
        self._speed = np.full(0, np.nan)
        self._distance = np.zeros(0)

    def update(self, sightings: Sightings) -> Motion:
        """Note where the tracks are."""
        self._make_room(sightings)
        points = reference_points(sightings.boxes_xyxy, self._config.reference)
        metres = project(self._matrix, points)
        known = grain(self._matrix, points) < COARSE_M
        row = sightings.row
        self._speed[row] = np.nan
        self._speed[row[known]] = self._add(row[known], metres[known], sightings.time_s)
        return Motion(metres, self._speed[row], self._distance[row])

    def recall(self, row: NDArray[np.intp], boxes_xyxy: NDArray[np.float64]) -> Motion:
        """Where tracks are said to be now, and how they moved when they were last seen."""
        metres = project(self._matrix, reference_points(boxes_xyxy, self._config.reference))
        return Motion(metres, self._speed[row], self._distance[row])

    def _add(
        self, row: NDArray[np.intp], metres: NDArray[np.float64], time_s: float
    ) -> NDArray[np.float64]:
        """(N,) speeds, now that these places are added."""
        fresh = row[np.isnan(self._last[row, 0])]
        self._first_s[fresh] = self._measured_s[fresh] = self._last_s[fresh] = time_s
        step_s = time_s - self._last_s[row]
        move = np.where(np.isnan(self._last[row]), 0.0, metres - self._last[row])
        moments, sums = _moved(self._moments[row], self._sums[row], step_s, move)
        fade = np.exp(-step_s / self._config.smooth_s)
        moments *= fade[:, None]
        sums *= fade[:, None, None]
        moments[:, 0] += 1  # the new place itself: time 0, place 0
        self._moments[row], self._sums[row] = moments, sums
        self._last[row], self._last_s[row] = metres, time_s
        is_young = time_s - self._first_s[row] < (1 - _ROUNDING) * self._config.smooth_s
        speed = np.where(is_young, np.nan, _slope(moments, sums))
        told = ~np.isnan(speed)
        self._distance[row[told]] += speed[told] * (time_s - self._measured_s[row[told]])
        self._measured_s[row[told]] = time_s
        return speed

    def _make_room(self, sightings: Sightings) -> None:
        size = sightings.capacity
        if len(self._last) < size:
            self._moments = grown(self._moments, size, 0.0)
            self._sums = grown(self._sums, size, 0.0)
            self._last = grown(self._last, size, np.nan)
            self._last_s = grown(self._last_s, size, 0.0)
            self._first_s = grown(self._first_s, size, 0.0)
            self._measured_s = grown(self._measured_s, size, 0.0)
            self._speed = grown(self._speed, size, np.nan)
            self._distance = grown(self._distance, size, 0.0)
        new = sightings.row[sightings.is_new]
        self._moments[new] = self._sums[new] = self._distance[new] = 0
        self._last[new] = np.nan
        self._speed[new] = np.nan


def _moved(
    moments: NDArray[np.float64],
    sums: NDArray[np.float64],
    step_s: NDArray[np.float64],
    move: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The sums with times and places counted from a later time and another place."""
    ones, times, squares = moments.T
    places, products = sums[:, 0], sums[:, 1]  # (N, 2) each
    later = np.stack([ones, times - step_s * ones, squares - step_s * (2 * times - step_s * ones)])
    there = places - ones[:, None] * move
    product = products - times[:, None] * move - step_s[:, None] * there
    return later.T.copy(), np.stack([there, product], axis=1)


def _slope(moments: NDArray[np.float64], sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) length of the weighted least-squares slope of place over time; NaN for one place."""
    ones, times, squares = moments.T
    spread = ones * squares - times**2
    spread = np.where(spread > 1e-12 * np.maximum(times**2, 1e-12), spread, np.nan)
    slope = (ones[:, None] * sums[:, 1] - times[:, None] * sums[:, 0]) / spread[:, None]
    speed: NDArray[np.float64] = np.hypot(slope[:, 0], slope[:, 1])
    return speed
