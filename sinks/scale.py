"""Boxes of a picture for the same picture in another size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from detector.detections import BoxesXyxy, Detections
from streamer.truth import Truth


def scale_detections(detections: Detections, scale_xy: tuple[float, float]) -> Detections:
    """The detections of a picture `scale_xy` times as wide and high."""
    if scale_xy == (1.0, 1.0) or not len(detections):
        return detections
    return replace(detections, xyxy=scale_boxes(detections.xyxy, scale_xy))


def scale_truth(truth: Truth, scale_xy: tuple[float, float]) -> Truth:
    """The truth of a picture `scale_xy` times as wide and high."""
    if scale_xy == (1.0, 1.0) or not len(truth):
        return truth
    return replace(truth, xyxy=scale_boxes(truth.xyxy, scale_xy))


def scale_boxes(boxes_xyxy: BoxesXyxy, scale_xy: tuple[float, float]) -> BoxesXyxy:
    """Boxes (N, 4) px, index convention: the corner of a picture is at -0.5 in any size.

    >>> scale_boxes(np.array([[-0.5, 0.0, 9.5, 3.0]], np.float32), (2.0, 1.0)).tolist()
    [[-0.5, 0.0, 19.5, 3.0]]
    """
    scale = np.array([*scale_xy, *scale_xy], np.float32)
    scaled: BoxesXyxy = (boxes_xyxy + np.float32(0.5)) * scale - np.float32(0.5)
    return scaled
