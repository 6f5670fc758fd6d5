"""Points, segments, polygons and the plane seen from above; pure functions on float64 arrays.

Everything is in picture coordinates: x to the right, y down, (0, 0) the centre of the first pixel.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]  # x, y
Points = NDArray[np.float64]  # (N, 2): x, y
Homography = NDArray[np.float64]  # (3, 3), takes (x, y, 1) columns

_DEPTH_CELLS = 33  # along each side of the grid on which a polygon's depth is looked for; odd


def signed_area(one: Point, two: Point, three: Point) -> float:
    """Twice the triangle's area: above 0 where `three` is right of one -> two as seen.

    >>> signed_area((0, 0), (10, 0), (5, 2))
    20
    """
    return (two[0] - one[0]) * (three[1] - one[1]) - (two[1] - one[1]) * (three[0] - one[0])


def line_distance(points: Points, starts: Points, ends: Points) -> NDArray[np.float64]:
    """(N, K) distance of N points from K endless lines, above 0 right of start -> end as seen.

    The sign is exact where coordinates are: the length divides last.

    Args:
        points: (N, 2).
        starts: (K, 2), no line of length 0.
        ends: (K, 2).
    """
    along = ends - starts
    area = along[:, 0] * (points[:, 1:] - starts[:, 1])
    area -= along[:, 1] * (points[:, :1] - starts[:, 0])
    distance: NDArray[np.float64] = area / np.hypot(along[:, 0], along[:, 1])
    return distance


def passes_between(before: Point, after: Point, start: Point, end: Point) -> bool:
    """Whether the line through two places of a path meets a segment, its ends included."""
    return signed_area(before, after, start) * signed_area(before, after, end) <= 0


class Polygons:
    """Several polygons at once, for distances of many points; even-odd where they cross themselves.

    Args:
        corners: each polygon's (M, 2) corners, M of 3 or more, not closed.
    """

    def __init__(self, corners: list[Points]) -> None:
        self.corners = corners
        counts = [len(polygon) for polygon in corners]
        self._first = np.cumsum([0, *counts[:-1]]).astype(np.intp)  # each polygon's first edge
        self._starts = np.concatenate([*corners, np.empty((0, 2))])
        self._edges = np.concatenate(
            [*(np.roll(polygon, -1, axis=0) - polygon for polygon in corners), np.empty((0, 2))]
        )
        self._squares = np.maximum((self._edges**2).sum(axis=1), np.finfo(float).tiny)

    def distance(self, points: Points) -> NDArray[np.float64]:
        """(N, K) distance of N points from K outlines, above 0 inside, 0 on the outline."""
        if not self.corners:
            return np.empty((len(points), 0))
        edge_x, edge_y = self._edges.T
        x = points[:, :1] - self._starts[:, 0]  # (N, E) from each edge's start
        y = points[:, 1:] - self._starts[:, 1]
        along = np.clip((x * edge_x + y * edge_y) / self._squares, 0, 1)
        square = (x - along * edge_x) ** 2 + (y - along * edge_y) ** 2
        # A ray to the right meets an edge that spans its height and lies on that side.
        spans = (y < 0) != (y < edge_y)
        area = edge_x * y - edge_y * x
        hits = spans & (area != 0) & ((area > 0) == (edge_y > 0))
        is_inside = np.add.reduceat(hits, self._first, axis=1, dtype=np.int64) % 2 == 1
        far = np.sqrt(np.minimum.reduceat(square, self._first, axis=1))
        return np.where(is_inside, far, -far)


def deepest(polygon: Points) -> float:
    """About how far from the outline of (M, 2) corners the place farthest inside is; 0 or more.

    >>> round(deepest(np.array([[0.0, 0], [100, 0], [100, 4], [0, 4]])), 2)
    2.0
    """
    middles = (polygon + np.roll(polygon, -1, axis=0)) / 2
    across = (middles[:, None] + middles[None]).reshape(-1, 2) / 2  # finds slanting strips
    low, high = polygon.min(axis=0), polygon.max(axis=0)
    parts = (np.arange(_DEPTH_CELLS) + 0.5) / _DEPTH_CELLS
    grid = np.stack(np.meshgrid(parts, parts), axis=-1).reshape(-1, 2) * (high - low) + low
    depths = Polygons([polygon]).distance(np.concatenate([across, grid]))
    return max(0.0, float(depths.max()))


def contains(polygon: Points, points: Points) -> NDArray[np.bool_]:
    """(N,) whether each of (N, 2) points is inside or on the outline of a (M, 2) polygon.

    >>> contains(np.array([[0.0, 0], [4, 0], [4, 4], [0, 4]]), np.array([[1.0, 1], [4, 2], [5, 5]]))
    array([ True,  True, False])
    """
    inside: NDArray[np.bool_] = Polygons([polygon]).distance(points)[:, 0] >= 0
    return inside


def outline_meetings(polygon: Points, before: Point, after: Point) -> list[float]:
    """Rising parts of the way before -> after, 0..1, at which it meets a polygon's outline.

    Ways along an edge meet its neighbours only.
    """
    ends = np.roll(polygon, -1, axis=0)
    here, there = np.array([before], np.float64), np.array([after], np.float64)
    from_edge = line_area(here, polygon, ends)[0]
    to_edge = line_area(there, polygon, ends)[0]
    from_way = line_area(polygon, here, there)[:, 0]
    meets = (from_way * np.roll(from_way, -1) <= 0) & (from_edge * to_edge <= 0)
    meets &= from_edge != to_edge
    parts = from_edge[meets] / (from_edge[meets] - to_edge[meets])
    return sorted(parts.tolist())


def line_area(points: Points, starts: Points, ends: Points) -> NDArray[np.float64]:
    """(N, K) `signed_area(start, end, point)`."""
    along = ends - starts
    area = along[:, 0] * (points[:, 1:] - starts[:, 1])
    return area - along[:, 1] * (points[:, :1] - starts[:, 0])


def polygon_area(polygon: Points) -> float:
    """The area of (M, 2) corners, 0 or more; meaningful where the outline never crosses itself."""
    x, y = polygon.T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def solve_homography(seen: Points, real: Points) -> Homography:
    """The (3, 3) projection that takes four places of the picture to four of a plane.

    Args:
        seen: (4, 2), no three on one line.
        real: (4, 2), likewise, in the same order.

    Raises:
        ValueError: three of the places lie on one line, or the two orders differ so that no view
            of a plane has both.

    Source: Hartley and Zisserman, Multiple View Geometry, 2nd edition, 4.1 (the inhomogeneous
    solution), from scaled places as in 4.4.4.
    """
    for name, places in (("seen", seen), ("real", real)):
        if _has_three_in_line(places):
            raise ValueError(f"{name}: expected no three places on one line, got {places.tolist()}")
    scale_seen, scale_real = _to_unit(seen), _to_unit(real)
    near, far = project(scale_seen, seen), project(scale_real, real)
    rows = np.zeros((8, 8))
    rows[:4, :2], rows[:4, 2], rows[:4, 6:] = near, 1, -far[:, :1] * near
    rows[4:, 3:5], rows[4:, 5], rows[4:, 6:] = near, 1, -far[:, 1:] * near
    try:
        middle = np.append(np.linalg.solve(rows, far.T.reshape(-1)), 1).reshape(3, 3)
    except np.linalg.LinAlgError:  # the middle of the places would lie on the horizon
        raise _twisted(seen, real) from None
    matrix: Homography = np.linalg.inv(scale_real) @ middle @ scale_seen
    # A place of the picture is in front of the horizon where the divisor is above 0, as in seen.
    divisor = float(np.append(seen.mean(axis=0), 1) @ matrix[2])
    scaled: Homography = matrix / divisor
    if np.isnan(project(scaled, seen)).any():
        raise _twisted(seen, real)
    return scaled


def project(matrix: Homography, points: Points) -> Points:
    """(N, 2) points through a homography; NaN on the horizon and beyond it."""
    lifted = points @ matrix[:, :2].T + matrix[:, 2]
    divisor = np.where(lifted[:, 2:] > 0, lifted[:, 2:], np.nan)
    projected: Points = lifted[:, :2] / divisor
    return projected


def grain(matrix: Homography, points: Points) -> NDArray[np.float64]:
    """(N,) how far a step of one px takes one at each point at most; inf at and past the horizon.

    Source: the Frobenius norm of the projection's derivative, which the greatest stretch never
    exceeds.
    """
    lifted = points @ matrix[:, :2].T + matrix[:, 2]
    divisor = np.where(lifted[:, 2] > 0, lifted[:, 2], np.nan)
    # (N, 2, 2): derivative of each place by x and y
    slope = matrix[None, :2, :2] - (lifted[:, :2] / divisor[:, None])[:, :, None] * matrix[2, :2]
    stretch = np.sqrt((slope**2).sum(axis=(1, 2))) / divisor
    return np.where(np.isnan(stretch), np.inf, stretch)


def _has_three_in_line(places: Points) -> bool:
    size = float(np.ptp(places, axis=0).max())
    for left_out in range(4):
        triangle = np.delete(places, left_out, axis=0)
        if polygon_area(triangle) <= 1e-9 * size * size:  # what float64 cannot tell from none
            return True
    return False


def _twisted(seen: Points, real: Points) -> ValueError:
    return ValueError(
        f"real: expected the same order around as in seen, got {real.tolist()} for {seen.tolist()}"
    )


def _to_unit(places: Points) -> Homography:
    """Moves places to the middle and to size 1, so that the equations are well conditioned."""
    x, y = places.mean(axis=0)
    scale = 1 / float(np.abs(places - (x, y)).max())
    return np.array([[scale, 0, -x * scale], [0, scale, -y * scale], [0, 0, 1]])
