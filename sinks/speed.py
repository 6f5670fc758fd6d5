"""How fast things go, in words."""

from __future__ import annotations

import math

from analytics.analysis import Analysis

_KMH = 3.6  # kilometres an hour in a metre a second


def speed_words(analysis: Analysis | None, count: int) -> list[str]:
    """Of each of `count` detections, as "43 km/h"; empty where it is not known."""
    if analysis is None or analysis.motion is None:
        return [""] * count
    return [
        f"{speed * _KMH:.0f} km/h" if math.isfinite(speed) else ""
        for speed in analysis.motion.speed.tolist()
    ]
