"""What is drawn up to the picture's edge goes on beyond it.

Detectors do not clip: the box of somebody cut off by the edge ends beyond it, and so do its feet.
"""

from __future__ import annotations

import numpy as np

from analytics.geometry import Points

_NEAR_PX = 1.0  # from the edge, half a pixel beyond the outer pixel: people draw on whole pixels
_LEAST_SLOPE = 0.2  # a line less steep than this runs along an edge and does not end there


def reaching_area(corners: Points, size: tuple[int, int]) -> Points:
    """A polygon with a bulge, as large as the picture, beyond each edge that it runs along.

    Args:
        corners: (M, 2) px.
        size: width and height of the picture, px.
    """
    reach = np.array(size, np.float64)
    places = []
    for here, there in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        push = (_walls(here, size) * (_walls(here, size) == _walls(there, size))) * reach
        places += [here, here + push, there + push] if push.any() else [here]
    return np.array(places, np.float64)


def is_outside(places: Points, size: tuple[int, int]) -> bool:
    """Whether (M, 2) px all lie beyond one edge of the picture, so that nobody is seen there.

    >>> is_outside(np.array([[700.0, 10], [900, 500]]), (640, 480))
    True
    """
    low, high = places < -0.5, places > np.array(size) - 0.5
    return bool(low.all(axis=0).any() or high.all(axis=0).any())


def reaching_line(start: Points, end: Points, size: tuple[int, int]) -> tuple[Points, Points]:
    """A segment's ends, (2,) each, moved on along it where they are on the picture's edge."""
    along = (end - start) / np.hypot(*(end - start))
    far = along * sum(size)
    return (
        start - far * _leaves(start, -along, size),
        end + far * _leaves(end, along, size),
    )


def _leaves(place: Points, heading: Points, size: tuple[int, int]) -> bool:
    return bool((_walls(place, size) * heading > _LEAST_SLOPE).any())


def _walls(place: Points, size: tuple[int, int]) -> Points:
    """(2,): -1 at the left or upper edge, 1 at the right or lower one, 0 between; or beyond."""
    low = place <= -0.5 + _NEAR_PX
    high = place >= np.array(size) - 0.5 - _NEAR_PX
    walls: Points = high.astype(np.float64) - low
    return walls
