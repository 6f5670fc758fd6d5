"""Where the ground lies in the picture: a level camera that looks straight across a street."""

from __future__ import annotations

from dataclasses import dataclass

NEAR_DEPTH_M = 6.0  # of the ground at the picture's lower edge


@dataclass(frozen=True, slots=True)
class View:
    """A pinhole camera with a level optical axis, in px and metres.

    Attributes:
        width: px.
        height: px.
        horizon_px: row where the ground ends.
        near_ppm: px a metre on the lower edge of the picture.
    """

    width: int
    height: int
    horizon_px: float
    near_ppm: float

    def foot_px(self, depth_m: float) -> float:
        """Row of the ground at a depth."""
        return self.horizon_px + (self.height - self.horizon_px) * NEAR_DEPTH_M / depth_m

    def depth_m(self, foot_px: float) -> float:
        """Depth of the ground on a row below the horizon."""
        return NEAR_DEPTH_M * (self.height - self.horizon_px) / (foot_px - self.horizon_px)

    def ppm(self, depth_m: float) -> float:
        """Px a metre at a depth."""
        return self.near_ppm * NEAR_DEPTH_M / depth_m

    def column_px(self, x_m: float, depth_m: float) -> float:
        """Column of a place `x_m` metres right of the middle."""
        return self.width / 2 + x_m * self.ppm(depth_m)

    def half_width_m(self, depth_m: float) -> float:
        """Metres from the middle to either side of the picture."""
        return self.width / 2 / self.ppm(depth_m)


@dataclass(frozen=True, slots=True)
class Street:
    """The street's lines from far to near, as depths in metres.

    Attributes:
        facade: where the houses stand.
        far_kerb: the far pavement ends.
        middle: between the two lanes.
        near_kerb: the near pavement begins.
        keeps_right: traffic of the near lane goes right.
        crossing_m: middle of the zebra crossing, metres right of the middle.
    """

    facade: float
    far_kerb: float
    middle: float
    near_kerb: float
    keeps_right: bool
    crossing_m: float
