"""Many small Kalman filters at once: each axis of each track moves at a constant velocity."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

AXES = 4


class KalmanBank:
    """Filters of T tracks with four independent axes; a step is a frame of the nominal rate.

    With diagonal noise the eight-dimensional filters of SORT and ByteTrack fall apart into a
    position and a velocity an axis, so that no matrix is ever inverted. An axis whose velocity
    has variance 0 and noise 0 never moves.

    Args:
        state: to begin with, the bank's own from now on; None is no filter.

    Attributes:
        state: (5, T, 4) float64: position, velocity a step, and of their covariance the
            position's, the mixed and the velocity's entry.

    Source: Kalman 1960; the motion model of Bewley et al. 2016 (SORT), section 3.2.
    """

    def __init__(self, state: Floats | None = None) -> None:
        self.state: Floats = np.empty((5, 0, AXES)) if state is None else state

    @property
    def position(self) -> Floats:
        """(T, 4), a view."""
        position: Floats = self.state[0]
        return position

    @property
    def velocity(self) -> Floats:
        """(T, 4) a step, a view."""
        velocity: Floats = self.state[1]
        return velocity

    def start(self, position: Floats, position_variance: Floats, velocity_variance: Floats) -> None:
        """Append filters at rest.

        Args:
            position: (N, 4).
            position_variance: (4,) or (N, 4).
            velocity_variance: (4,) or (N, 4), a step squared.
        """
        fresh = np.zeros((5, *position.shape))
        fresh[0] = position
        fresh[2] = position_variance
        fresh[4] = velocity_variance
        self.state = np.concatenate([self.state, fresh], axis=1)

    def predict(
        self, steps: float | Floats, position_noise: Floats, velocity_noise: Floats
    ) -> None:
        """Move every filter on.

        The noise of `steps` steps is what so many single predictions without an observation add
        up to (a polynomial in `steps`, here also used between whole numbers), so three steps at
        once and one by one are the same.

        Args:
            steps: 0 or more; one number or (T, 1).
            position_noise: (4,) or (T, 4), variance added each step.
            velocity_noise: likewise.
        """
        position, velocity, pp, pv, vv = self.state
        first = steps * (steps - 1) / 2  # the sum of k below steps
        second = first * (2 * steps - 1) / 3  # the sum of k squared
        position += steps * velocity
        pp += steps * (2 * pv + steps * vv + position_noise) + second * velocity_noise
        pv += steps * vv + first * velocity_noise
        vv += steps * velocity_noise

    def observe(self, rows: Rows, position: Floats, noise: Floats) -> None:
        """Correct some filters by what was measured.

        Args:
            rows: (M,) which filters, each at most once.
            position: (M, 4) measured.
            noise: (4,) or (M, 4), variance of the measurement.
        """
        before, velocity, pp, pv, vv = self.state[:, rows]
        total = pp + noise
        gain, velocity_gain = pp / total, pv / total
        off = position - before
        rest = 1 - gain
        self.state[:, rows] = (
            before + gain * off,
            velocity + velocity_gain * off,
            rest * pp,
            rest * pv,
            vv - velocity_gain * pv,
        )

    def keep(self, mask: NDArray[np.bool_]) -> None:
        """Forget the filters where `mask`, (T,), is false."""
        self.state = self.state[:, mask]

    def pick(self, rows: Rows) -> Self:
        """A bank of its own with copies of some filters."""
        return type(self)(self.state[:, rows])
