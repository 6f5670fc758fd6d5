"""How many are in a zone over time, and when they are a crowd."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

BIN_S = 10.0  # seconds of one value of the history
HISTORY = 360  # values kept: an hour


@dataclass(frozen=True, slots=True)
class Occupancy:
    """How many were inside during one stretch of time.

    Attributes:
        start_s: media seconds.
        end_s: media seconds.
        mean: objects, over time and not over frames.
        peak: objects, the most at once.
    """

    start_s: float
    end_s: float
    mean: float
    peak: int


class OccupancyMeter:
    """Means over BIN_S seconds of a count that holds from each frame to the next."""

    def __init__(self) -> None:
        self.history: tuple[Occupancy, ...] = ()
        self._start_s: float | None = None
        self._last_s = 0.0
        self._area = 0.0  # object seconds
        self._peak = 0
        self._inside = 0

    def update(self, time_s: float, inside: int) -> None:
        """Note the count that holds from `time_s` on; times rise."""
        if self._start_s is None:
            self._start_s = self._last_s = time_s
        self._area += self._inside * (time_s - self._last_s)
        self._last_s = time_s
        if time_s - self._start_s >= BIN_S:
            self.close()
        self._inside = inside
        self._peak = max(self._peak, inside)

    def close(self) -> None:
        """End the stretch that has begun, if it has lasted."""
        if self._start_s is None or self._last_s <= self._start_s:
            return
        mean = self._area / (self._last_s - self._start_s)
        stretch = Occupancy(self._start_s, self._last_s, mean, self._peak)
        self.history = (*self.history[1 - HISTORY :], stretch)
        self._start_s, self._area, self._peak = self._last_s, 0.0, self._inside

    def restart(self) -> None:
        """Close, and wait for a new time."""
        self.close()
        self._start_s, self._area, self._peak, self._inside = None, 0.0, 0, 0


@dataclass(frozen=True, slots=True)
class CrowdTurn:
    """A crowd that begins or ends.

    Attributes:
        phase: which.
        time_s: media seconds since when there are so many, or so few.
    """

    phase: Literal["new", "end"]
    time_s: float


class CrowdRule:
    """Tells when there are enough for long enough, and when that is over.

    Args:
        count: objects that are a crowd.
        lasting_s: seconds there must be so many, or fewer, before it begins, or ends.
    """

    def __init__(self, count: int, lasting_s: float) -> None:
        self._count = count
        self._lasting_s = lasting_s
        self._since_s: float | None = None  # of what would change the present state
        self.start_s: float | None = None  # of the crowd there is

    def update(self, time_s: float, inside: int) -> CrowdTurn | None:
        """Note the count at a time."""
        is_crowd = self.start_s is not None
        if (inside >= self._count) == is_crowd:
            self._since_s = None
            return None
        if self._since_s is None:
            self._since_s = time_s
        if time_s - self._since_s < self._lasting_s:
            return None
        turn = CrowdTurn("end" if is_crowd else "new", self._since_s)
        self.start_s = None if is_crowd else self._since_s
        self._since_s = None
        return turn

    def stop(self) -> None:
        """Nobody is there any more."""
        self.start_s = self._since_s = None
