"""Rounds of association in which each track and each box is paired at most once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from analytics.tracking.association import SAME_OBJECT_IOU, Pairs, assign, overlap_gain
from analytics.tracking.kalman import Floats, Rows

Mask = NDArray[np.bool_]
Gain = Callable[[Rows, Rows], Floats]


class Matching:
    """Who continues whom on one picture.

    Args:
        track_class: (T,) of the tracks.
        box_class: (N,) of the boxes.
        across_classes: let different classes pair.

    Attributes:
        free_tracks: (T,) bool, not paired so far.
        free_boxes: (N,) bool, not paired so far.
    """

    def __init__(
        self,
        track_class: NDArray[np.int32],
        box_class: NDArray[np.int32],
        *,
        across_classes: bool,
    ) -> None:
        self.free_tracks: Mask = np.ones(len(track_class), np.bool_)
        self.free_boxes: Mask = np.ones(len(box_class), np.bool_)
        self._track_class, self._box_class = track_class, box_class
        self._across_classes = across_classes
        self._pairs: list[Pairs] = []

    def other_classes(self, tracks: Mask, boxes: Mask, expected: Floats, xyxy: Floats) -> None:
        """Pair what is free, at one place and of unlike classes: detectors waver.

        Args:
            tracks: (T,) which may be paired.
            boxes: (N,) likewise.
            expected: (T, 4) px, where the tracks are expected.
            xyxy: (N, 4) px.
        """
        self.round(
            tracks,
            boxes,
            lambda rows, columns: overlap_gain(expected[rows], xyxy[columns], SAME_OBJECT_IOU),
            across=True,
        )

    def round(self, tracks: Mask, boxes: Mask, gain: Gain, *, across: bool = False) -> Pairs:
        """Pair what is free, by the greatest sum of gains.

        Args:
            tracks: (T,) which may be paired in this round.
            boxes: (N,) likewise.
            gain: of those rows and columns, (A, B); a pair without gain is not made.
            across: pair unlike classes, and those only.

        Returns:
            The new pairs: tracks and boxes, (M,) each.
        """
        rows = np.nonzero(tracks & self.free_tracks)[0]
        columns = np.nonzero(boxes & self.free_boxes)[0]
        if len(rows) == 0 or len(columns) == 0:
            return rows[:0], columns[:0]
        values = gain(rows, columns)
        if across or not self._across_classes:
            same = self._track_class[rows][:, None] == self._box_class[columns]
            values = np.where(same != across, values, 0.0)
        chosen_rows, chosen_columns = assign(values)
        pairs = rows[chosen_rows], columns[chosen_columns]
        self.free_tracks[pairs[0]] = False
        self.free_boxes[pairs[1]] = False
        self._pairs.append(pairs)
        return pairs

    @property
    def pairs(self) -> Pairs:
        """Of all rounds: tracks and boxes, (M,) each."""
        if not self._pairs:
            return np.empty(0, np.intp), np.empty(0, np.intp)
        rows, columns = zip(*self._pairs, strict=True)
        return np.concatenate(rows), np.concatenate(columns)
