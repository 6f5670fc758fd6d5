"""YOLOX's table of anchors to boxes, and one box an object.

Source: Ge et al. 2021, YOLOX: Exceeding YOLO Series in 2021, section 2.2 (anchor-free).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.detections import BoxesXyxy, ClassIds, Detections, Scores

STRIDES = (8, 16, 32)
Table = NDArray[np.float32]  # (anchors, 5 + classes): x, y, log w, log h, objectness, classes


@dataclass(frozen=True, slots=True, eq=False)
class Anchors:
    """The cell that each row of the table speaks for.

    Attributes:
        cell: (anchors, 2) float32, column and row within its map.
        stride: (anchors, 1) float32, input px a cell.
    """

    cell: NDArray[np.float32]
    stride: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.cell)

    @classmethod
    def of_input(cls, width: int, height: int) -> Anchors:
        """Of an input of `width` x `height` px: the finest map first, row by row.

        >>> len(Anchors.of_input(416, 416))
        3549
        """
        cells, strides = [], []
        for stride in STRIDES:
            rows, columns = np.mgrid[: height // stride, : width // stride]
            cells.append(np.stack([columns, rows], axis=-1).reshape(-1, 2))
            strides.append(np.full((cells[-1].shape[0], 1), stride))
        return cls(
            np.concatenate(cells).astype(np.float32), np.concatenate(strides).astype(np.float32)
        )


@dataclass(frozen=True, slots=True)
class Boxes:
    """Candidates of one picture, in no order; many may show the same object.

    Attributes:
        xyxy: (N, 4) float32.
        score: (N,) float32.
        class_id: (N,) int32.
    """

    xyxy: BoxesXyxy
    score: Scores
    class_id: ClassIds


def decode(table: Table, anchors: Anchors, *, min_score: float, wanted: NDArray[np.bool_]) -> Boxes:
    """Every anchor's box in input pixels that scores enough and is of a wanted class.

    Args:
        table: one picture's, objectness and classes after the sigmoid.
        anchors: of the network's input.
        min_score: in 0..1, of objectness times the best class; a box equal to it stays.
        wanted: (classes,).
    """
    # Objectness bounds the score, so nearly all rows go before anything is computed of them.
    rows = np.flatnonzero(table[:, 4] >= min_score)
    near = table[rows]
    class_id = near[:, 5:].argmax(axis=1).astype(np.int32)
    score = near[:, 4] * near[np.arange(len(near)), 5 + class_id]
    keep = (score >= min_score) & wanted[class_id]
    rows, near = rows[keep], near[keep]
    centre = (near[:, 0:2] + anchors.cell[rows]) * anchors.stride[rows]
    half = np.exp(near[:, 2:4]) * (anchors.stride[rows] / 2)
    return Boxes(np.hstack([centre - half, centre + half]), score[keep], class_id[keep])


def suppress(boxes: Boxes, *, max_iou: float, top_k: int) -> Detections:
    """The best box of each object, best first.

    Args:
        boxes: the candidates.
        max_iou: in 0..1; of two boxes of one class that overlap by more, the worse one goes.
        top_k: most boxes, the best.
    """
    # OpenCV keeps classes apart by shifting each one, down and right, by the largest coordinate; a
    # negative coordinate would reach into the class before.
    corner = boxes.xyxy[:, :2] - boxes.xyxy[:, :2].min(axis=0, initial=0)
    xywh = np.hstack([corner, boxes.xyxy[:, 2:] - boxes.xyxy[:, :2]])
    batched_nms: Any = cv2.dnn.NMSBoxesBatched  # its stub asks for lists; arrays go faster
    kept = batched_nms(xywh.astype(np.float64), boxes.score, boxes.class_id, 0.0, max_iou)
    index = np.asarray(kept, np.intp)[:top_k]  # best first; an empty tuple where there is none
    return Detections(boxes.xyxy[index], boxes.score[index], boxes.class_id[index])
