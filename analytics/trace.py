"""The recent paths of tracks."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.geometry import Points


@dataclass(frozen=True, slots=True, eq=False)
class Whereabouts:
    """Where the tracks of one frame were; read-only columns.

    Attributes:
        time_s: media seconds.
        track_id: (N,) int64.
        point: (N, 2) float64 px, the middle of each box's lower edge.
    """

    time_s: float
    track_id: NDArray[np.int64]
    point: Points


@dataclass(frozen=True, slots=True)
class Traces:
    """What is known of the last seconds; costs nothing unless somebody looks.

    Attributes:
        frames: oldest first; the last is the frame at hand.
    """

    frames: tuple[Whereabouts, ...] = ()

    def paths(self) -> dict[int, Points]:
        """(M, 2) px, oldest first, of each track on the frame at hand, by track id."""
        if not any(len(frame.track_id) for frame in self.frames):
            return {}
        track_id = np.concatenate([frame.track_id for frame in self.frames])
        points = np.concatenate([frame.point for frame in self.frames])
        order = np.argsort(track_id, kind="stable")
        names, first = np.unique(track_id[order], return_index=True)
        pieces = np.split(points[order], first[1:])
        present = set(self.frames[-1].track_id.tolist())
        named = zip(names.tolist(), pieces, strict=True)
        return {name: piece for name, piece in named if name in present}


class Tracer:
    """Keeps the last seconds of one stream; for one thread.

    Args:
        keep_s: how many; 0 keeps nothing.
    """

    def __init__(self, keep_s: float) -> None:
        self._keep_s = keep_s
        self._frames: deque[Whereabouts] = deque()

    def update(self, time_s: float, track_id: NDArray[np.int64], point: Points) -> None:
        """Note where tracks are; times rise. Takes the arrays over."""
        if self._keep_s == 0:
            return
        track_id.setflags(write=False)
        point.setflags(write=False)
        self._frames.append(Whereabouts(time_s, track_id, point))
        while self._frames[0].time_s < time_s - self._keep_s:
            self._frames.popleft()

    def restart(self) -> None:
        """Forget all."""
        self._frames.clear()

    def traces(self) -> Traces:
        """What is kept now."""
        return Traces(tuple(self._frames))
