"""How long a live stream may be silent before it counts as gone."""

from __future__ import annotations

from collections import deque

REMEMBERED = 5  # intervals: an odd long one is forgotten soon, a slow camera stays known as slow


class Patience:
    """Grows with the stream's own frame interval, so that a camera of 1 Hz is not taken for dead.

    >>> patience = Patience(floor_s=5, intervals=5)
    >>> patience.seconds
    5
    >>> patience.interval(2.0)
    >>> patience.seconds
    10.0

    Args:
        floor_s: seconds that are always granted.
        intervals: the usual frame intervals that are always granted.
    """

    def __init__(self, *, floor_s: float, intervals: int) -> None:
        self._floor_s = floor_s
        self._intervals = intervals
        self._seen: deque[float] = deque(maxlen=REMEMBERED)

    def interval(self, seconds: float) -> None:
        """Two frames came this far apart."""
        self._seen.append(seconds)

    @property
    def seconds(self) -> float:
        """The wait to be granted now: the longest of the last intervals counts as usual."""
        return max(self._floor_s, self._intervals * max(self._seen, default=0.0))
