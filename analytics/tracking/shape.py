"""Boxes as the numbers that the filters follow, and back."""

from __future__ import annotations

import numpy as np

from analytics.tracking.kalman import Floats


def xyxy_to_xysr(xyxy: Floats) -> Floats:
    """Centre x and y, area, and width over height, (N, 4). Source: SORT, section 3.2.

    >>> xyxy_to_xysr(np.array([[10.0, 20, 30, 60]])).tolist()
    [[20.0, 40.0, 800.0, 0.5]]
    """
    x1, y1, x2, y2 = xyxy.T
    width, height = x2 - x1, y2 - y1
    return np.stack([(x1 + x2) / 2, (y1 + y2) / 2, width * height, width / height], axis=1)


def xysr_to_xyxy(xysr: Floats) -> Floats:
    """Corners, (N, 4); without area where the area or the ratio is not above 0.

    >>> xysr_to_xyxy(np.array([[20.0, 40, 800, 0.5]])).tolist()
    [[10.0, 20.0, 30.0, 60.0]]
    """
    x, y, area, ratio = xysr.T
    width = np.sqrt(np.maximum(area * ratio, 0))
    height = np.sqrt(np.maximum(area, 0) / np.maximum(ratio, np.finfo(np.float64).tiny))
    height[width == 0] = 0
    return _corners(x, y, width, height)


def xyxy_to_xyah(xyxy: Floats) -> Floats:
    """Centre x and y, width over height, and height, (N, 4). Source: ByteTrack, section 3.

    >>> xyxy_to_xyah(np.array([[10.0, 20, 30, 60]])).tolist()
    [[20.0, 40.0, 0.5, 40.0]]
    """
    x1, y1, x2, y2 = xyxy.T
    height = y2 - y1
    return np.stack([(x1 + x2) / 2, (y1 + y2) / 2, (x2 - x1) / height, height], axis=1)


def xyah_to_xyxy(xyah: Floats) -> Floats:
    """Corners, (N, 4); without area where the ratio or the height is not above 0.

    >>> xyah_to_xyxy(np.array([[20.0, 40, 0.5, 40]])).tolist()
    [[10.0, 20.0, 30.0, 60.0]]
    """
    x, y, ratio, height = xyah.T
    height = np.maximum(height, 0)
    return _corners(x, y, np.maximum(ratio, 0) * height, height)


def _corners(x: Floats, y: Floats, width: Floats, height: Floats) -> Floats:
    return np.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], axis=1)
