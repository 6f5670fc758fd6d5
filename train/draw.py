"""Pictures with what is there and what was found, for people who watch a training."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from detector.detections import Detections
from streamer.picture import BgrArray
from train.batch import Truth

_TRUE, _FOUND = (80, 200, 80), (40, 120, 255)  # green below, orange above; BGR
_SHOWN_SCORE = 0.3  # fainter boxes would hide the picture
_GAP_PX = 4


def draw_found(
    picture: BgrArray, truth: Truth, found: Detections, class_names: Sequence[str]
) -> BgrArray:
    """A copy of a picture with its truth in green and the findings in orange."""
    canvas = picture.copy()
    for box in truth.boxes_xyxy:
        _rectangle(canvas, box, _TRUE)
    shown = found.select(found.score >= _SHOWN_SCORE)
    for box, score, kind in zip(shown.xyxy, shown.score, shown.class_id, strict=True):
        _rectangle(canvas, box, _FOUND)
        at = (int(box[0]) + 2, max(10, int(box[1]) - 3))
        text = f"{class_names[kind]} {score:.2f}"
        cv2.putText(canvas, text, at, cv2.FONT_HERSHEY_PLAIN, 0.8, _FOUND, 1, cv2.LINE_AA)
    return canvas


def tiled(pictures: Sequence[BgrArray]) -> BgrArray:
    """Pictures of one size, four to a row, with gaps between."""
    height, width = pictures[0].shape[:2]
    columns = min(4, len(pictures))
    rows = -(-len(pictures) // columns)
    step_y, step_x = height + _GAP_PX, width + _GAP_PX
    canvas = np.full((rows * step_y - _GAP_PX, columns * step_x - _GAP_PX, 3), 32, np.uint8)
    for index, picture in enumerate(pictures):
        y, x = index // columns * step_y, index % columns * step_x
        canvas[y : y + height, x : x + width] = picture
    return canvas


def _rectangle(canvas: BgrArray, box: Sequence[float], colour: tuple[int, int, int]) -> None:
    limit = max(canvas.shape)  # an untrained network's boxes may lie beyond any integer
    x1, y1, x2, y2 = (int(v) for v in np.clip(np.nan_to_num(box), -limit, 2 * limit))
    cv2.rectangle(canvas, (x1, y1), (x2, y2), colour, 1, cv2.LINE_AA)
