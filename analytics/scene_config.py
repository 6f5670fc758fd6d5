"""What a person may choose about analytics: the tree that YAML maps to."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from analytics.region import GroundConfig, LineConfig, ZoneConfig


@dataclass(frozen=True, slots=True)
class HeatmapConfig:
    """Where feet are, and for how long, on a grid over the picture.

    Attributes:
        columns: cells across the picture, 1..1000; rows follow, so that cells are about square.
    """

    columns: int = 64

    def __post_init__(self) -> None:
        if not 1 <= self.columns <= 1000:
            raise ValueError(f"columns: expected 1..1000, got {self.columns}")


@dataclass(frozen=True, slots=True)
class SceneConfig:
    """What is watched: on every stream, or on the one that a line, zone or ground names.

    Attributes:
        lines: to be crossed.
        zones: to be in.
        grounds: for speed and distance, at most one a stream.
        heatmap: kept or, if None, not.
        trace_s: seconds of each track's path that are kept to be drawn; 0 for none.
        lost_s: seconds after which an unseen track is gone, also from the zones it was in; no later
            than its tracker gives it up, for its id then never comes back.
        update_s: seconds between the updates of an event that lasts.
    """

    lines: tuple[LineConfig, ...] = ()
    zones: tuple[ZoneConfig, ...] = ()
    grounds: tuple[GroundConfig, ...] = ()
    heatmap: HeatmapConfig | None = None
    trace_s: float = 2.0
    lost_s: float = 3.0
    update_s: float = 5.0

    def __post_init__(self) -> None:
        for name in ("trace_s", "lost_s"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name}: expected seconds from 0 up, got {getattr(self, name)}")
        if not 0 < self.update_s < math.inf:
            raise ValueError(f"update_s: expected seconds above 0, got {self.update_s}")
        _check_unique("lines", ((line.stream, line.name) for line in self.lines))
        _check_unique("zones", ((zone.stream, zone.name) for zone in self.zones))
        _check_unique("grounds", ((ground.stream, "ground") for ground in self.grounds))

    @property
    def counts(self) -> bool:
        """Whether anything is watched at all."""
        return bool(self.lines or self.zones or self.grounds or self.heatmap)

    @property
    def streams(self) -> frozenset[str]:
        """The streams that are named, for whoever knows which there are."""
        owned: tuple[LineConfig | ZoneConfig | GroundConfig, ...]
        owned = (*self.lines, *self.zones, *self.grounds)
        return frozenset(part.stream for part in owned if part.stream is not None)

    def of_stream(self, stream_id: str) -> SceneConfig:
        """The part that concerns one stream."""
        mine = (None, stream_id)
        return replace(
            self,
            lines=tuple(line for line in self.lines if line.stream in mine),
            zones=tuple(zone for zone in self.zones if zone.stream in mine),
            grounds=tuple(ground for ground in self.grounds if ground.stream in mine),
        )


def _check_unique(field: str, owned: Iterable[tuple[str | None, str]]) -> None:
    """A name stands once on any stream; one without a stream stands on all."""
    pairs = list(owned)
    everywhere = {name for stream, name in pairs if stream is None}
    for (stream, name), count in Counter(pairs).items():
        if count > 1 or (stream is not None and name in everywhere):
            raise ValueError(f"{field}: expected each name once a stream, got {name!r} twice")
