"""Who is in which zone and for how long; loitering and crowding."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.crowd import CrowdRule, Occupancy, OccupancyMeter
from analytics.edge import reaching_area
from analytics.event import Cause, Change, Kind, Phase
from analytics.geometry import Point, Points, Polygons, deepest, outline_meetings
from analytics.region import ZoneConfig, to_pixels
from analytics.roster import Roster, Sightings, Step, grown
from analytics.selection import Classes, References
from analytics.side import Flip, Sides


@dataclass(frozen=True, slots=True, eq=False)
class ZoneState:
    """What is known of a zone at one time; arrays are read-only.

    Attributes:
        name: of the zone.
        points: (M, 2) float64 corners, px.
        entered: visits begun so far; `entered - left` is how many are inside.
        left: visits ended so far, also those of tracks that were lost inside.
        dwell_s: seconds of all visits that ended.
        track_id: (I,) int64, who is inside, also if unseen for a short while.
        since_s: (I,) float64 media seconds at which each came in.
        is_loitering: (I,) bool, longer than the zone's `loiter_s`.
        crowd_since_s: media seconds since when there is a crowd, or None.
        history: occupancy in stretches of 10 s, oldest first, the last hour.
    """

    name: str
    points: Points
    entered: int
    left: int
    dwell_s: float
    track_id: NDArray[np.int64]
    since_s: NDArray[np.float64]
    is_loitering: NDArray[np.bool_]
    crowd_since_s: float | None
    history: tuple[Occupancy, ...]

    @property
    def inside(self) -> int:
        """How many are inside."""
        return len(self.track_id)


class Zones:
    """The zones of one stream; for one thread.

    A visit begins and ends where the path meets the outline, between two sightings; a track that
    is first seen inside begins there and then, and one that is lost inside ends at its last
    sighting. A zone that runs along the picture's edge goes on beyond it.

    Args:
        configs: the zones.
        class_names: of the detector.
        size: width and height of the picture, px.
        roster: whose rows the sightings name.
        update_s: seconds between updates of a visit.

    Raises:
        ValueError: a class is none of the detector's.
    """

    def __init__(
        self,
        configs: Sequence[ZoneConfig],
        class_names: Sequence[str],
        size: tuple[int, int],
        roster: Roster,
        update_s: float,
    ) -> None:
        self._configs = tuple(configs)
        self._roster = roster
        self._update_s = update_s
        self._drawn = [to_pixels(zone.points, zone.unit, size) for zone in configs]
        for corners in self._drawn:
            corners.setflags(write=False)
        self._polygons = Polygons([reaching_area(corners, size) for corners in self._drawn])
        self._references = References([zone.reference for zone in configs])
        self._classes = Classes([zone.classes for zone in configs], class_names)
        # Half of the way in, or nobody could ever be far enough inside a narrow zone.
        bands_px = [
            min(zone.hysteresis * min(size), deepest(corners) / 2)
            for zone, corners in zip(configs, self._drawn, strict=True)
        ]
        self._sides = Sides(bands_px, [zone.confirm_s for zone in configs], is_trusting=True)
        self._loiter_s = np.array(
            [math.inf if zone.loiter_s is None else zone.loiter_s for zone in configs]
        )
        self._since_s = np.full((0, len(configs)), np.nan)  # NaN: not inside
        self._due_s = np.full((0, len(configs)), np.inf)  # when a visit's next record is due
        self._loiters = np.zeros((0, len(configs)), np.bool_)
        self._place = np.zeros((0, len(configs), 2))
        self._entered = [0] * len(configs)
        self._left = [0] * len(configs)
        self._dwell_s = [0.0] * len(configs)
        self._meters = [OccupancyMeter() for _ in configs]
        self._crowds = [
            None if zone.crowd_count is None else CrowdRule(zone.crowd_count, zone.crowd_s)
            for zone in configs
        ]

    def update(self, sightings: Sightings) -> list[Change]:
        """Note where the tracks are; gives back what began, went on or ended."""
        if not self._configs or not len(sightings):
            return []
        return self._moves(sightings) + self._dues(sightings)

    def let_go(self, rows: Sequence[int]) -> list[Change]:
        """End the visits of tracks that are gone, at their last sighting."""
        known = [row for row in rows if row < len(self._since_s)]
        changes = [change for flip in self._sides.settle(known) for change in self._turn(flip)]
        for row in known:
            for zone in np.flatnonzero(~np.isnan(self._since_s[row])).tolist():
                changes += self._leave(row, zone, float(self._roster.last_s[row]), "lost")
        self._sides.let_go(rows)
        return changes

    def count(self, time_s: float) -> list[Change]:
        """Note how many are inside, once all that happened at a time is known."""
        changes: list[Change] = []
        for zone in range(len(self._configs)):
            inside = self._inside(zone)
            self._meters[zone].update(time_s, inside)
            changes += self._crowding(zone, time_s, inside)
        return changes

    def stop(self, time_s: float) -> list[Change]:
        """End what crowds there are; time may start anew afterwards."""
        changes: list[Change] = []
        for zone, (meter, crowd) in enumerate(zip(self._meters, self._crowds, strict=True)):
            meter.restart()
            if crowd is not None:
                if crowd.start_s is not None:
                    changes.append(self._crowd_change(zone, "end", crowd.start_s, time_s))
                crowd.stop()
        return changes

    def states(self) -> tuple[ZoneState, ...]:
        """All zones as they are now."""
        return tuple(self._state(zone) for zone in range(len(self._configs)))

    def _moves(self, sightings: Sightings) -> list[Change]:
        self._make_room(sightings)
        points = self._references.points(sightings.boxes_xyxy)
        self._place[sightings.row] = points
        distance = np.empty((len(sightings), len(self._configs)))
        for places, zones in self._references.each(points):
            distance[:, zones] = self._polygons.distance(places)[:, zones]
        distance[distance == 0] = np.finfo(np.float64).tiny  # the outline belongs to the zone
        flips = self._sides.update(sightings, points, distance)
        changes = [change for flip in flips for change in self._turn(flip)]
        # Who is first seen inside, or turns out to be of a class that is watched only there.
        row = sightings.row
        unseen = (self._sides.side[row] > 0) & np.isnan(self._since_s[row])
        for index, zone in np.argwhere(unseen).tolist():
            changes += self._enter(int(row[index]), zone, sightings.time_s, "appeared", None)
        return changes

    def _turn(self, flip: Flip) -> list[Change]:
        """A track has crossed an outline."""
        step = flip.step
        meetings = outline_meetings(self._polygons.corners[flip.border], step.before, step.after)
        # Of several meetings the one next to the part of the step that is inside for certain.
        part = (meetings[-1] if flip.side > 0 else meetings[0]) if meetings else 1.0
        _, time_s = step.at(part)
        if flip.side > 0:
            return self._enter(flip.row, flip.border, time_s, "crossed", step)
        if math.isnan(self._since_s[flip.row, flip.border]):
            return []  # of a class that does not matter here
        return self._leave(flip.row, flip.border, time_s, "crossed", step)

    def _enter(
        self, row: int, zone: int, time_s: float, cause: Cause, step: Step | None
    ) -> list[Change]:
        if not self._classes.wants(zone, int(self._roster.class_id[row])):
            return []
        self._since_s[row, zone] = time_s
        self._loiters[row, zone] = False
        self._due_s[row, zone] = time_s + min(self._update_s, self._loiter_s[zone])
        self._entered[zone] += 1
        return [self._visit_change("visit", "new", row, zone, time_s, cause=cause, step=step)]

    def _leave(
        self, row: int, zone: int, time_s: float, cause: Cause, step: Step | None = None
    ) -> list[Change]:
        since_s = float(self._since_s[row, zone])
        time_s = max(time_s, since_s)
        changes: list[Change] = []
        if not self._loiters[row, zone] and time_s - since_s >= self._loiter_s[zone]:
            # between two sightings, of which the second is outside
            changes.append(self._visit_change("loitering", "new", row, zone, time_s))
            self._loiters[row, zone] = True
        kinds: list[Kind] = ["loitering", "visit"] if self._loiters[row, zone] else ["visit"]
        changes += [
            self._visit_change(kind, "end", row, zone, time_s, cause=cause, step=step)
            for kind in kinds
        ]
        self._since_s[row, zone] = np.nan
        self._due_s[row, zone] = np.inf
        self._left[zone] += 1
        self._dwell_s[zone] += time_s - since_s
        return changes

    def _dues(self, sightings: Sightings) -> list[Change]:
        """Updates of visits, and visits that have become too long, of tracks that are seen."""
        changes: list[Change] = []
        time_s = sightings.time_s
        for index, zone in np.argwhere(self._due_s[sightings.row] <= time_s).tolist():
            row = int(sightings.row[index])
            loiter_at_s = self._since_s[row, zone] + self._loiter_s[zone]
            if not self._loiters[row, zone] and loiter_at_s <= time_s:
                self._loiters[row, zone] = True
                changes.append(self._visit_change("loitering", "new", row, zone, time_s))
            else:
                changes.append(self._visit_change("visit", "update", row, zone, time_s))
            loiter_at_s = np.inf if self._loiters[row, zone] else loiter_at_s
            self._due_s[row, zone] = min(time_s + self._update_s, loiter_at_s)
        return changes

    def _visit_change(
        self,
        kind: Kind,
        phase: Phase,
        row: int,
        zone: int,
        time_s: float,
        *,
        cause: Cause = "counted",
        step: Step | None = None,
    ) -> Change:
        since_s = float(self._since_s[row, zone])
        return Change(
            kind=kind,
            phase=phase,
            rule=self._configs[zone].name,
            start_s=since_s,
            end_s=time_s if phase == "end" else None,
            value=time_s - since_s,
            cause=cause,
            track_id=int(self._roster.track_id[row]),
            class_id=int(self._roster.class_id[row]),
            point=_point(self._place[row, zone]),
            step=step,
        )

    def _crowding(self, zone: int, time_s: float, inside: int) -> list[Change]:
        crowd = self._crowds[zone]
        if crowd is None:
            return []
        start_s = crowd.start_s
        turn = crowd.update(time_s, inside)
        if turn is None:
            return []
        if turn.phase == "new":
            return [self._crowd_change(zone, "new", turn.time_s, None, inside)]
        return [self._crowd_change(zone, "end", start_s or 0.0, turn.time_s, inside)]

    def _crowd_change(
        self, zone: int, phase: Phase, start_s: float, end_s: float | None, inside: int = 0
    ) -> Change:
        return Change(
            kind="crowding",
            phase=phase,
            rule=self._configs[zone].name,
            start_s=start_s,
            end_s=end_s,
            value=float(inside),
            cause="counted",
        )

    def _inside(self, zone: int) -> int:
        return self._entered[zone] - self._left[zone]

    def _state(self, zone: int) -> ZoneState:
        rows = np.flatnonzero(~np.isnan(self._since_s[:, zone]))
        crowd = self._crowds[zone]
        columns = (
            self._roster.track_id[rows],
            self._since_s[rows, zone],
            self._loiters[rows, zone],
        )
        for column in columns:
            column.setflags(write=False)
        return ZoneState(
            self._configs[zone].name,
            self._drawn[zone],
            self._entered[zone],
            self._left[zone],
            self._dwell_s[zone],
            *columns,
            crowd_since_s=None if crowd is None else crowd.start_s,
            history=self._meters[zone].history,
        )

    def _make_room(self, sightings: Sightings) -> None:
        size = sightings.capacity
        if len(self._since_s) < size:
            self._since_s = grown(self._since_s, size, np.nan)
            self._due_s = grown(self._due_s, size, np.inf)
            self._loiters = grown(self._loiters, size, 0)
            self._place = grown(self._place, size, 0.0)


def _point(place: NDArray[np.float64]) -> Point:
    x, y = place.tolist()
    return x, y
