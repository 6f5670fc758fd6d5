"""Who labels the pictures: two published detectors, one of them looking in the mirror."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from detector.detections import Detections
from detector.letterbox import Letterbox
from detector.onnx import OnnxNetwork
from detector.yolox_decode import Anchors, Boxes, suppress
from streamer.picture import BgrArray
from train.starter.fuse import fuse
from train.starter.nanodet import MEAN, STD, NanoDet

SIDE = 416  # px; what both teachers were trained at
LEAST = 0.02  # scores below it change no label
MAX_IOU = 0.6  # of two boxes of one class that a teacher keeps, as NanoDet is published
MOST = 100  # boxes a picture


class Teacher(Protocol):
    """Finds boxes on one picture."""

    def look(self, picture: BgrArray) -> Detections:
        """Boxes in px of the picture, best first."""
        ...


class NanoDetTeacher:
    """NanoDet-Plus on the picture stretched to a square."""

    def __init__(self, network: NanoDet) -> None:
        self._network = network

    @torch.inference_mode()
    def look(self, picture: BgrArray) -> Detections:
        """Boxes in px of the picture, best first."""
        height, width = picture.shape[:2]
        small = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        x = (small / np.float32(255) - np.array(MEAN, np.float32)) / np.array(STD, np.float32)
        scores, boxes = self._network(torch.from_numpy(x.transpose(2, 0, 1)[None].copy()))
        to_picture = np.array([width, height] * 2, np.float32) / np.float32(SIDE)
        return best_of(scores[0].numpy(), boxes[0].numpy() * to_picture)


class YoloxTeacher:
    """YOLOX on the picture with its ratio kept."""

    def __init__(self, weights: Path) -> None:
        self._network = OnnxNetwork(weights, device="cpu", threads=1, spin=False)
        self._anchors = Anchors.of_input(SIDE, SIDE)

    def look(self, picture: BgrArray) -> Detections:
        """Boxes in px of the picture, best first."""
        place = Letterbox.fit(picture.shape[1], picture.shape[0], into_width=SIDE, into_height=SIDE)
        planes = np.empty((1, 3, SIDE, SIDE), np.float32)
        place.draw(picture, planes[0])
        table = self._network.run(planes)[0]  # (anchors, 85)
        centre = (table[:, :2] + self._anchors.cell) * self._anchors.stride
        half = np.exp(table[:, 2:4]) * (self._anchors.stride / 2)
        boxes = place.to_frame(np.hstack([centre - half, centre + half]))
        return best_of(table[:, 4:5] * table[:, 5:], boxes)


class Mirrored:
    """A teacher who sees left and right exchanged."""

    def __init__(self, teacher: Teacher) -> None:
        self._teacher = teacher

    def look(self, picture: BgrArray) -> Detections:
        """Boxes in px of the picture as it is, best first."""
        found = self._teacher.look(np.ascontiguousarray(picture[:, ::-1]))
        xyxy = found.xyxy.copy()
        xyxy[:, [0, 2]] = picture.shape[1] - found.xyxy[:, [2, 0]]
        return Detections(xyxy, found.score, found.class_id)


class Panel:
    """Several teachers who agree on one set of boxes."""

    def __init__(self, teachers: Sequence[Teacher]) -> None:
        self._teachers = teachers

    def look(self, picture: BgrArray) -> Detections:
        """Boxes in px of the picture, best first; a score says how much they agree, too."""
        return fuse([teacher.look(picture) for teacher in self._teachers], most=MOST)


def best_of(scores: NDArray[np.float32], xyxy: NDArray[np.float32]) -> Detections:
    """One box an object, of scores (cells, classes) and boxes (cells, 4)."""
    row, class_id = np.nonzero(scores > LEAST)
    score = scores[row, class_id]
    strongest = np.argsort(-score, kind="stable")[: 10 * MOST]
    row, class_id, score = row[strongest], class_id[strongest], score[strongest]
    boxes = Boxes(xyxy[row].astype(np.float32), score, class_id.astype(np.int32))
    return suppress(boxes, max_iou=MAX_IOU, top_k=MOST)
