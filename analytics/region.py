"""What a person draws on a stream's picture: lines, zones and the plane of the ground."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analytics.geometry import Point, Points, polygon_area, solve_homography

Unit = Literal["px", "share"]
Reference = Literal["bottom_centre", "centre", "top_centre", "left_centre", "right_centre"]
Place = tuple[float, float]  # x, y in the unit of what it belongs to

# Where on a box, as parts of its width and height from the upper left.
REFERENCES: Mapping[Reference, Place] = {
    "bottom_centre": (0.5, 1.0),
    "centre": (0.5, 0.5),
    "top_centre": (0.5, 0.0),
    "left_centre": (0.0, 0.5),
    "right_centre": (1.0, 0.5),
}

# 1 % of the shorter side: 3.6 px at 360 lines, nearly twice a jitter of 2 px (benchmarks/counting).
HYSTERESIS = 0.01


@dataclass(frozen=True, slots=True)
class LineConfig:
    """A segment that objects cross, "in" from its left to its right as seen from start to end.

    Attributes:
        name: unique within a stream.
        start: x, y.
        end: x, y.
        unit: of the places: "px" of the stream's first frame, or "share", 0..1 of width and height.
        stream: the id of the stream it belongs to, or None for every stream.
        reference: which point of a box crosses.
        classes: names to count; empty for all.
        hysteresis: how far beyond the line a point must be to be on that side, 0..1 of the
            picture's shorter side; what stays nearer has not crossed.
        confirm_s: seconds it must stay there; 0 counts at once.
    """

    name: str
    start: Place
    end: Place
    unit: Unit = "px"
    stream: str | None = None
    reference: Reference = "bottom_centre"
    classes: tuple[str, ...] = ()
    hysteresis: float = HYSTERESIS
    confirm_s: float = 0.0

    def __post_init__(self) -> None:
        _check_name(self.name)
        _check_places("start", (self.start,), self.unit)
        _check_places("end", (self.end,), self.unit)
        if self.start == self.end:
            raise ValueError(f"end: expected another place than start, got {self.end}")
        if self.unit == "px" and _is_tiny((self.start, self.end)):
            raise ValueError("unit: expected places in px, got all in 0..1; write unit: share")
        _check_border(self.hysteresis, self.confirm_s)


@dataclass(frozen=True, slots=True)
class ZoneConfig:
    """An area that objects enter, stay in and leave.

    Attributes:
        name: unique within a stream.
        points: three or more corners x, y; the last is joined to the first.
        unit: as for lines.
        stream: as for lines.
        reference: which point of a box is inside or not.
        classes: names to watch; empty for all.
        hysteresis: how far across the outline a point must be, as for lines.
        confirm_s: seconds it must stay there; dwell counts from the outline all the same.
        loiter_s: seconds inside from which on it is loitering, or None for no such rule.
        crowd_count: objects inside that are a crowd, at least 1, or None for no such rule.
        crowd_s: seconds there must be so many, or fewer, for a crowd to begin, or end.
    """

    name: str
    points: tuple[Place, ...]
    unit: Unit = "px"
    stream: str | None = None
    reference: Reference = "bottom_centre"
    classes: tuple[str, ...] = ()
    hysteresis: float = HYSTERESIS
    confirm_s: float = 0.0
    loiter_s: float | None = None
    crowd_count: int | None = None
    crowd_s: float = 0.0

    def __post_init__(self) -> None:
        _check_name(self.name)
        if len(self.points) < 3:
            raise ValueError(f"points: expected at least 3 corners, got {len(self.points)}")
        _check_places("points", self.points, self.unit)
        if self.unit == "px" and _is_tiny(self.points):
            raise ValueError("unit: expected places in px, got all in 0..1; write unit: share")
        if polygon_area(np.array(self.points, np.float64)) == 0:
            raise ValueError("points: expected corners around an area, got an area of 0")
        _check_border(self.hysteresis, self.confirm_s)
        if self.loiter_s is not None:
            _check_seconds("loiter_s", self.loiter_s)
        if self.crowd_count is not None and self.crowd_count < 1:
            raise ValueError(f"crowd_count: expected at least 1, got {self.crowd_count}")
        _check_seconds("crowd_s", self.crowd_s)


@dataclass(frozen=True, slots=True)
class GroundConfig:
    """The plane objects stand on, by four places whose distances are known.

    Attributes:
        points: four places x, y in the picture, no three on one line.
        metres: the same four on the ground, x, y in metres, in the same order.
        unit: of `points`.
        stream: as for lines.
        reference: which point of a box is on the ground.
        smooth_s: seconds over which speed is averaged: older steps count less and less.
    """

    points: tuple[Place, Place, Place, Place]
    metres: tuple[Place, Place, Place, Place]
    unit: Unit = "px"
    stream: str | None = None
    reference: Reference = "bottom_centre"
    smooth_s: float = 0.5

    def __post_init__(self) -> None:
        _check_places("points", self.points, self.unit)
        _check_places("metres", self.metres, "px")
        for name, places in (("points", self.points), ("metres", self.metres)):
            try:
                solve_homography(np.array(places, np.float64), np.array(places, np.float64))
            except ValueError:
                raise ValueError(f"{name}: expected no three on one line, got {places}") from None
        if self.unit == "px" and _is_tiny(self.points):
            raise ValueError("unit: expected places in px, got all in 0..1; write unit: share")
        seen, real = np.array(self.points, np.float64), np.array(self.metres, np.float64)
        try:
            solve_homography(seen, real)
        except ValueError:
            raise ValueError(
                "metres: expected the places of points in the same order around, got "
                f"{self.metres} for {self.points}"
            ) from None
        if not 0 < self.smooth_s < math.inf:
            raise ValueError(f"smooth_s: expected seconds above 0, got {self.smooth_s}")


def to_pixels(places: Sequence[Place], unit: Unit, size: tuple[int, int]) -> Points:
    """(N, 2) px of places in a picture of `size` (width, height).

    >>> to_pixels([(0.5, 0.5)], "share", (640, 360)).tolist()
    [[319.5, 179.5]]
    """
    given = np.array(places, np.float64).reshape(-1, 2)
    # 0 and 1 are the picture's edges, which are half a pixel outside the outer pixels' centres.
    return given if unit == "px" else given * size - 0.5


def reference_points(xyxy: Points, reference: Reference) -> Points:
    """(N, 2) the chosen point of each of (N, 4) boxes."""
    right, down = REFERENCES[reference]
    points: Points = xyxy[:, :2] + (xyxy[:, 2:] - xyxy[:, :2]) * (right, down)
    return points


def _check_name(name: str) -> None:
    if not name.strip():
        raise ValueError(f"name: expected some letters, got {name!r}")


def _check_places(name: str, places: Sequence[Point], unit: Unit) -> None:
    for place in places:
        if not all(math.isfinite(value) for value in place):
            raise ValueError(f"{name}: expected finite numbers, got {place}")
        if unit == "share" and not all(0 <= value <= 1 for value in place):
            raise ValueError(f"{name}: expected 0..1, got {place}; write unit: px for pixels")


def _is_tiny(places: Sequence[Point]) -> bool:
    """All within the first pixel: shares of the picture taken for pixels."""
    return all(0 <= value <= 1 for place in places for value in place)


def _check_border(hysteresis: float, confirm_s: float) -> None:
    if not 0 <= hysteresis <= 1:
        raise ValueError(f"hysteresis: expected 0..1 of the shorter side, got {hysteresis}")
    _check_seconds("confirm_s", confirm_s)


def _check_seconds(name: str, seconds: float) -> None:
    if not 0 <= seconds < math.inf:
        raise ValueError(f"{name}: expected seconds from 0 up, got {seconds}")
