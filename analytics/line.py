"""Counts who crosses lines, by direction and class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

from analytics.edge import reaching_line
from analytics.event import Change
from analytics.geometry import Point, Points, line_distance, passes_between
from analytics.region import LineConfig, to_pixels
from analytics.roster import Roster, Sightings, Step
from analytics.selection import Classes, References
from analytics.side import Flip, Sides

Direction = Literal["in", "out"]


@dataclass(frozen=True, slots=True)
class LineCount:
    """What a line has counted so far.

    Attributes:
        name: of the line.
        start: x, y px.
        end: x, y px.
        in_by_class: crossings from left to right as seen from start to end, by class id.
        out_by_class: the others.
    """

    name: str
    start: Point
    end: Point
    in_by_class: Mapping[int, int]
    out_by_class: Mapping[int, int]

    @property
    def in_count(self) -> int:
        """Crossings from left to right."""
        return sum(self.in_by_class.values())

    @property
    def out_count(self) -> int:
        """Crossings from right to left."""
        return sum(self.out_by_class.values())


class Lines:
    """The lines of one stream; for one thread.

    A crossing counts when a track is certain to be on the other side and the step that changed
    sides met the segment, its ends included; one that ends on the picture's edge goes on beyond it.
    A track whose first sightings are within the band is on no side until it leaves the band.

    Args:
        configs: the lines.
        class_names: of the detector.
        size: width and height of the picture, px.
        roster: whose rows the sightings name.

    Raises:
        ValueError: a class is none of the detector's.
    """

    def __init__(
        self,
        configs: Sequence[LineConfig],
        class_names: Sequence[str],
        size: tuple[int, int],
        roster: Roster,
    ) -> None:
        self._configs = tuple(configs)
        self._roster = roster
        self._starts = _places([to_pixels([line.start], line.unit, size) for line in configs])
        self._ends = _places([to_pixels([line.end], line.unit, size) for line in configs])
        self._reaches = [
            reaching_line(start, end, size)
            for start, end in zip(self._starts, self._ends, strict=True)
        ]
        self._references = References([line.reference for line in configs])
        self._classes = Classes([line.classes for line in configs], class_names)
        bands_px = [line.hysteresis * min(size) for line in configs]
        self._sides = Sides(bands_px, [line.confirm_s for line in configs], is_trusting=False)
        self._counts: list[Mapping[Direction, Counter[int]]] = [
            {"in": Counter(), "out": Counter()} for _ in configs
        ]
        self.counts = tuple(self._count(index) for index in range(len(configs)))

    def update(self, sightings: Sightings) -> list[Change]:
        """Note where the tracks are; gives back the crossings that have become certain."""
        if not self._configs or not len(sightings):
            return []
        points = self._references.points(sightings.boxes_xyxy)
        distance = np.empty((len(sightings), len(self._configs)))
        for places, lines in self._references.each(points):
            distance[:, lines] = line_distance(places, self._starts[lines], self._ends[lines])
        return self._crossings(self._sides.update(sightings, points, distance))

    def let_go(self, rows: Sequence[int]) -> list[Change]:
        """Forget tracks that are gone; gives back what they still had to confirm."""
        changes = self._crossings(self._sides.settle(rows))
        self._sides.let_go(rows)
        return changes

    def _crossings(self, flips: Sequence[Flip]) -> list[Change]:
        changes = [change for flip in flips if (change := self._crossing(flip)) is not None]
        if changes:
            self.counts = tuple(self._count(index) for index in range(len(self._configs)))
        return changes

    def _crossing(self, flip: Flip) -> Change | None:
        """The crossing, counted, or None beside the segment or for a class nobody wants."""
        line, class_id = flip.border, int(self._roster.class_id[flip.row])
        step, (start, end) = flip.step, self._reaches[line]
        if not self._classes.wants(line, class_id):
            return None
        if not passes_between(step.before, step.after, _point(start), _point(end)):
            return None
        direction: Direction = "in" if flip.side > 0 else "out"
        self._counts[line][direction][class_id] += 1
        point, time_s = step.at(self._part(line, step))
        return Change(
            kind="crossing",
            phase="new",
            rule=self._configs[line].name,
            start_s=time_s,
            end_s=time_s,
            direction=direction,
            track_id=int(self._roster.track_id[flip.row]),
            class_id=class_id,
            point=point,
            step=step,
        )

    def _part(self, line: int, step: Step) -> float:
        """The part of the step at which it meets the line."""
        ends = np.array([step.before, step.after])
        before, after = line_distance(ends, self._starts[[line]], self._ends[[line]])[:, 0]
        return float(before / (before - after))

    def _ends_of(self, line: int) -> tuple[Point, Point]:
        return _point(self._starts[line]), _point(self._ends[line])

    def _count(self, line: int) -> LineCount:
        start, end = self._ends_of(line)
        by_class = [MappingProxyType(dict(self._counts[line][way])) for way in ("in", "out")]
        return LineCount(self._configs[line].name, start, end, *by_class)


def _point(place: Points) -> Point:
    x, y = place.tolist()
    return x, y


def _places(places: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([*places, np.empty((0, 2))])
