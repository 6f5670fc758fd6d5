"""How far a heatmap's peak may be missed before the box it stands for is a poor one.

Source: Law and Deng 2018, CornerNet, section 3.2: the largest shift of two corners after which the
boxes still overlap by `min_overlap`. The published code divides the roots of three quadratic
equations by 2 where the formula says 2a; all published weights were trained with it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal

RadiusRule = Literal["published", "corrected"]
Radius = Callable[[float, float, float], float]  # of width, height (cells) and min_overlap: cells


def published_radius(width: float, height: float, min_overlap: float) -> float:
    """As the published code has it; below 0 for boxes of no size.

    >>> round(published_radius(60, 90, 0.7), 3)
    19.744
    """
    total, area = width + height, width * height
    moved = _root(1, total, area * (1 - min_overlap) / (1 + min_overlap))
    inner = _root(4, 2 * total, (1 - min_overlap) * area)
    outer = _root(4 * min_overlap, -2 * min_overlap * total, (min_overlap - 1) * area)
    return min(moved, inner, outer) / 2


def corrected_radius(width: float, height: float, min_overlap: float) -> float:
    """The shift itself: never larger than what keeps the overlap.

    >>> round(corrected_radius(60, 90, 0.7), 3)
    5.857
    """
    total, area = width + height, width * height
    # One corner in and one out; both in; both out. The smaller root is the first crossing.
    moved = _small_root(1, total, area * (1 - min_overlap) / (1 + min_overlap))
    inner = _small_root(4, 2 * total, (1 - min_overlap) * area)
    a, b, c = 4 * min_overlap, -2 * min_overlap * total, (min_overlap - 1) * area
    outer = _root(a, b, c) / (2 * a)
    return min(moved, inner, outer)


def _root(a: float, b: float, c: float) -> float:
    """The discriminant's root added to b."""
    return b + math.sqrt(b * b - 4 * a * c)


def _small_root(a: float, b: float, c: float) -> float:
    return (b - math.sqrt(b * b - 4 * a * c)) / (2 * a)


RADII: Mapping[RadiusRule, Radius] = MappingProxyType(
    {"published": published_radius, "corrected": corrected_radius}
)
