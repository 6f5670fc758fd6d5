"""Which point of a box, and which classes, each of several rules looks at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from analytics.geometry import Points
from analytics.region import Reference, reference_points


class References:
    """The reference points of K rules, for many boxes at once.

    Args:
        references: of each rule.
    """

    def __init__(self, references: Sequence[Reference]) -> None:
        self._kinds = list(dict.fromkeys(references))
        self._kind_of = np.array([self._kinds.index(kind) for kind in references], np.intp)

    def points(self, boxes_xyxy: NDArray[np.float64]) -> Points:
        """(N, K, 2) px, or (N, 1, 2) where all rules look at the same point."""
        points = np.empty((len(boxes_xyxy), len(self._kinds), 2))
        for index, kind in enumerate(self._kinds):
            points[:, index] = reference_points(boxes_xyxy, kind)
        if len(self._kinds) == 1:
            return points
        chosen: Points = points[:, self._kind_of]
        return chosen

    def each(self, points: Points) -> list[tuple[Points, list[int]]]:
        """(N, 2) points of each kind, with the rules that look at them."""
        rules = [np.flatnonzero(self._kind_of == kind).tolist() for kind in range(len(self._kinds))]
        return [(points[:, rule[0] if points.shape[1] > 1 else 0], rule) for rule in rules]


class Classes:
    """Which class ids each of K rules looks at.

    Args:
        wanted: names each rule wants; none for all.
        class_names: of the detector.

    Raises:
        ValueError: a name is none of the detector's.
    """

    def __init__(self, wanted: Sequence[Sequence[str]], class_names: Sequence[str]) -> None:
        for name in (name for names in wanted for name in names):
            if name not in class_names:
                known = ", ".join(class_names[:20]) or "none"
                raise ValueError(
                    f"classes: expected names the detector knows ({known}), got {name!r}"
                )
        self._ids = [
            frozenset(index for index, name in enumerate(class_names) if name in names)
            if names
            else None
            for names in wanted
        ]

    def wants(self, rule: int, class_id: int) -> bool:
        """Whether a rule looks at a class."""
        ids = self._ids[rule]
        return ids is None or class_id in ids
