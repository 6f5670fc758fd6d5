"""The boxes found on one picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BoxesXyxy = NDArray[np.float32]  # (N, 4): x1, y1, x2, y2 in pixels
Scores = NDArray[np.float32]  # (N,) in 0..1
ClassIds = NDArray[np.int32]  # (N,) from 0
TrackIds = NDArray[np.int64]  # (N,) positive


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """The boxes found on one picture, best first; parallel, read-only columns.

    Attributes:
        xyxy: (N, 4) float32, pixels of the frame, index convention (0 is the centre of the first
            pixel); not clipped, and an untrained network may give x1 > x2.
        score: (N,) float32, falling.
        class_id: (N,) int32, from 0.
        track_id: (N,) int64, or None where nothing tracks.
        is_carried: the boxes are an earlier picture's: nobody looked at this one.

    Raises:
        ValueError: the columns disagree in length, dtype or shape, or the scores rise.
    """

    xyxy: BoxesXyxy
    score: Scores
    class_id: ClassIds
    track_id: TrackIds | None = None
    is_carried: bool = False

    def __post_init__(self) -> None:
        count = len(self.score)
        check_column("xyxy", self.xyxy, (count, 4), np.float32)
        check_column("score", self.score, (count,), np.float32)
        check_column("class_id", self.class_id, (count,), np.int32)
        if self.track_id is not None:
            check_column("track_id", self.track_id, (count,), np.int64)
            self.track_id.setflags(write=False)
        for column in (self.xyxy, self.score, self.class_id):
            column.setflags(write=False)
        if count > 1 and bool(np.any(np.diff(self.score) > 0)):
            raise ValueError("score: expected falling values; sort before building Detections")

    def __len__(self) -> int:
        return len(self.score)

    @classmethod
    def empty(cls) -> Detections:
        """No box.

        >>> len(Detections.empty())
        0
        """
        return cls(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int32))

    def select(self, keep: NDArray[np.bool_]) -> Detections:
        """The rows where `keep`, (N,) bool, is true; order stays."""
        track_id = None if self.track_id is None else self.track_id[keep]
        return Detections(
            self.xyxy[keep], self.score[keep], self.class_id[keep], track_id, self.is_carried
        )


def check_column(
    name: str, column: NDArray[np.generic], shape: tuple[int, ...], dtype: type[np.generic]
) -> None:
    """Refuse a column of another shape or type.

    Raises:
        ValueError: it is one.
    """
    if column.shape != shape or column.dtype != dtype:
        raise ValueError(
            f"{name}: expected {shape} {np.dtype(dtype)}, got {column.shape} {column.dtype}"
        )
