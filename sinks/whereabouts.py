"""Where objects were a moment ago, and where those that nobody sees now may be."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.tracking.association import assign, overlap_gain

Places = NDArray[np.float64]  # (N, 4) x1, y1, x2, y2, parts of the picture

_MOST_LOOKS = 256  # where a stream's time stands still, nothing grows old
_RESTART_S = 1.0  # a time further back than this is another recording, not a late frame
_LEAST_IOU = 0.1  # with where it was expected; low, for a wrong pair only hides a little more
_NEW_SHARE = 0.5  # of a velocity that the newest step is: less lags, more follows the jitter


@dataclass(slots=True, eq=False)
class _Look:
    """What was found on a frame that somebody looked at.

    Attributes:
        time_s: media seconds.
        places: (N, 4).
        velocity: (N, 2) of the middles, a second, 0 where nothing is known.
        goes_on: (N,) bool, found again on a later look.
    """

    time_s: float
    places: Places
    velocity: NDArray[np.float64]
    goes_on: NDArray[np.bool_]

    def expected(self, time_s: float) -> Places:
        """(N, 4), had all gone on as before, by their own size at most.

        What they do after that nobody knows, and of a wrong pair the velocity may be anything.
        """
        size = self.places[:, 2:] - self.places[:, :2]
        way = np.clip(self.velocity * (time_s - self.time_s), -size, size)
        places: Places = self.places + np.concatenate([way, way], axis=1)
        return places


class Whereabouts:
    """Remembers objects of one stream for a while; for one thread.

    Args:
        hold_s: seconds for which a place is remembered.
    """

    def __init__(self, hold_s: float) -> None:
        self._hold_s = hold_s
        self._looks: deque[_Look] = deque(maxlen=_MOST_LOOKS)

    def see(self, time_s: float, places: Places) -> None:
        """Note all that is found on a frame."""
        if self._looks and time_s < self._looks[-1].time_s - _RESTART_S:
            self._looks.clear()
        look = _Look(time_s, places, np.zeros((len(places), 2)), np.zeros(len(places), np.bool_))
        free = np.ones(len(places), np.bool_)
        for before in reversed(self._looks):
            free[_join(before, look, free)] = False
        self._looks.append(look)

    def at(self, time_s: float) -> Places:
        """(M, 4), all places that are remembered, each reaching to where its object may be now."""
        while len(self._looks) > 1 and self._looks[0].time_s < time_s - self._hold_s:
            self._looks.popleft()
        return np.concatenate([np.empty((0, 4)), *(_reach(look, time_s) for look in self._looks)])


def _join(before: _Look, look: _Look, free: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Let what nobody has found again since `before` go on in a new look; gives back its rows."""
    passed_s = look.time_s - before.time_s
    old, new = np.flatnonzero(~before.goes_on), np.flatnonzero(free)
    if passed_s <= 0 or not len(old) or not len(new):
        return new[:0]
    expected = _wider(before.expected(look.time_s)[old])
    rows, columns = assign(overlap_gain(expected, _wider(look.places[new]), _LEAST_IOU))
    was, now = old[rows], new[columns]
    step = (_middle(look.places[now]) - _middle(before.places[was])) / passed_s
    known = before.velocity[was].any(axis=1, keepdims=True)
    smooth = before.velocity[was] + _NEW_SHARE * (step - before.velocity[was])
    look.velocity[now] = np.where(known, smooth, step)
    before.goes_on[was] = True
    return now


def _middle(places: Places) -> NDArray[np.float64]:
    """(N, 2)."""
    middle: NDArray[np.float64] = (places[:, :2] + places[:, 2:]) / 2
    return middle


def _wider(places: Places) -> Places:
    """Twice as wide and high, so that what moved by its own width still overlaps.

    Source: Yang et al. 2023, Hard to Track Objects with Irregular Motions and Similar Appearances
    (C-BIoU), section 3.
    """
    half = (places[:, 2:] - places[:, :2]) / 2
    return np.concatenate([places[:, :2] - half, places[:, 2:] + half], axis=1)


def _reach(look: _Look, time_s: float) -> Places:
    """The places of a look, those that were not found again together with where they lead."""
    there = np.where(look.goes_on[:, None], look.places, look.expected(time_s))
    low = np.minimum(look.places, there)[:, :2]
    return np.concatenate([low, np.maximum(look.places, there)[:, 2:]], axis=1)
