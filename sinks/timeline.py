"""When each picture is shown: true times kept beside the ever-growing ones that a muxer wants."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from fractions import Fraction


class Timeline:
    """Gives every picture a time later than the one before, and remembers where that was untrue.

    Damaged and packed files show 1, 2, 4, 3, 6, 5: while writing, 3 gets the placeholder 5. Only
    where the distance to the truth changes it takes memory, 16 bytes; good files need none.

    Args:
        time_base: seconds a tick of all times given and returned.
        origin: ticks that become 0.
    """

    def __init__(self, time_base: Fraction, *, origin: int = 0) -> None:
        self.time_base = time_base
        self.origin = origin
        self.count = 0
        self._last = -1
        self._changed_at = array("q", [0])  # index of a picture from which on ...
        self._distance = array("q", [0])  # ... the truth is this many ticks from what was placed

    def place(self, pts: int) -> int:
        """The time to write for the next picture; its own unless that is not later than the last.

        >>> timeline = Timeline(Fraction(1, 30))
        >>> [timeline.place(pts) for pts in (1, 2, 4, 3, 6, 5, 7, 8)]
        [1, 2, 4, 5, 6, 7, 8, 9]
        """
        ticks = pts - self.origin
        placed = max(ticks, self._last + 1)
        if ticks - placed != self._distance[-1]:
            self._changed_at.append(self.count)
            self._distance.append(ticks - placed)
        self._last = placed
        self.count += 1
        return placed

    @property
    def is_exact(self) -> bool:
        """Every picture has its own time."""
        return len(self._distance) == 1

    def true_pts(self, placed: Sequence[int]) -> list[int]:
        """The pictures' own times, given those that `place` returned, in the same order."""
        ends = [*self._changed_at[1:], len(placed)]
        runs = zip(self._changed_at, ends, self._distance, strict=True)
        return [ticks + distance for start, end, distance in runs for ticks in placed[start:end]]


def decode_times(pts: Sequence[int]) -> list[int]:
    """The latest times, each later than the one before, at which pictures must be decoded.

    None is later than its picture's own time, as mp4 demands; they may be negative.

    >>> decode_times([1, 2, 4, 3, 6, 5])
    [0, 1, 2, 3, 4, 5]
    >>> decode_times([0, 0, 1])
    [-1, 0, 1]
    """
    times = list(pts)
    for index in range(len(times) - 2, -1, -1):
        times[index] = min(times[index], times[index + 1] - 1)
    return times


def movie_timescale(time_base: Fraction, sound_rate: int | None) -> int:
    """Ticks a second that hold the start of pictures and sound exactly, as far as mp4 can.

    >>> movie_timescale(Fraction(1, 15360), 44100)
    11289600
    """
    both = math.lcm(time_base.denominator, sound_rate or 1)
    return both if both < 2**31 else time_base.denominator
