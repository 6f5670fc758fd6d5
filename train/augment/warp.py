"""A picture and all that is labelled on it, moved together into the network's input.

Source: the published CenterNet-HarDNet. Pixels are moved by `warpAffine`, for which 0 is the
middle of the first pixel, boxes by the same matrix, though for them 0 is its edge.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate, islice

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.detections import BoxesXyxy
from streamer.picture import BgrArray
from train.augment.visible import Window
from train.sample import Polygons, Sample, clip

Matrix = NDArray[np.float64]  # (2, 3): (x', y') = matrix @ (x, y, 1)

CUT_SHARE = 0.9  # a box that keeps less of its width or height is measured anew (published)
_CUT_SLACK = 0.04  # px: the published 0.01 of its cells of 4 px


@dataclass(frozen=True, slots=True, eq=False)
class Warp:
    """Where one picture goes.

    Attributes:
        matrix: source px, after mirroring, to output px.
        width: of the output, px.
        height: likewise.
        is_flipped: mirrored left to right first.
        reduction: the source's pixels were decoded that many times smaller; `matrix` is for them.
    """

    matrix: Matrix
    width: int
    height: int
    is_flipped: bool = False
    reduction: int = 1

    def reduced(self, reduction: int) -> Warp:
        """The same place for a source decoded that many times smaller."""
        matrix = self.matrix.copy()
        matrix[:, :2] *= reduction
        return Warp(matrix, self.width, self.height, self.is_flipped, reduction)

    @property
    def is_upright(self) -> bool:
        """No rotation: boxes stay boxes."""
        return not self.matrix[0, 1] and not self.matrix[1, 0]

    def __call__(self, sample: Sample) -> Sample:
        """The sample in the output; boxes are not clipped, the visible ones are."""
        return self.labels(sample, self.pixels(sample.picture))

    def labels(self, sample: Sample, picture: BgrArray) -> Sample:
        """What is labelled on the sample, on a picture of the output's size."""
        boxes = self.boxes(sample)
        return Sample(
            picture,
            boxes,
            sample.class_id,
            self.polygons(sample),
            sample.is_crowd,
            sample.image_id,
            sample.name,
            self._visible(sample, boxes),
        )

    def pixels(self, picture: BgrArray) -> BgrArray:
        """The output, (height, width, 3): bilinear samples, black outside."""
        if self.is_flipped:
            picture = cv2.flip(picture, 1)
        size = (self.width, self.height)
        warped: BgrArray = cv2.warpAffine(
            picture, self._pixel_matrix(), size, flags=cv2.INTER_LINEAR
        )
        return warped

    def paint(self, picture: BgrArray, canvas: BgrArray) -> None:
        """Draw the upright picture on a canvas of the output's size; the rest of it stays."""
        height, width = picture.shape[:2]
        edges = np.array([[-0.5, width - 0.5], [-0.5, height - 0.5], [1, 1]])
        ends = self._pixel_matrix() @ edges
        x1, y1 = (max(0, math.ceil(value)) for value in ends.min(axis=1))
        x2, y2 = (math.ceil(value) for value in ends.max(axis=1))
        x2, y2 = min(self.width, x2), min(self.height, y2)
        if x1 >= x2 or y1 >= y2:
            return
        if self.is_flipped:
            picture = cv2.flip(picture, 1)
        matrix = self._pixel_matrix() - np.array([[0, 0, x1], [0, 0, y1]])
        canvas[y1:y2, x1:x2] = cv2.warpAffine(
            picture,
            matrix,
            (x2 - x1, y2 - y1),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,  # else the edge is mixed with black
        )

    def boxes(self, sample: Sample) -> BoxesXyxy:
        """The boxes (N, 4) in output px, not clipped."""
        boxes = sample.boxes_xyxy
        if self.is_flipped:
            mirrored = sample.width - boxes
            boxes = np.stack([mirrored[:, 2], boxes[:, 1], mirrored[:, 0], boxes[:, 3]], axis=1)
        if self.is_upright:
            corners = self._moved(boxes.reshape(-1, 2))
            return corners.reshape(-1, 4).astype(np.float32)
        corners = self._moved(boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 2)).reshape(-1, 4, 2)
        bounds = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
        return bounds.astype(np.float32)

    def polygons(self, sample: Sample) -> tuple[Polygons, ...]:
        """The outlines in output px."""
        outlines = [outline for of_box in sample.polygons for outline in of_box]
        if not outlines:
            return sample.polygons
        points = np.concatenate(outlines)  # all at once: thousands of small steps are slow
        if self.is_flipped:
            points = points * np.array([-1, 1], np.float32)
            points += np.array([sample.width, 0], np.float32)
        moved = self._moved(points).astype(np.float32)
        ends = accumulate(len(outline) for outline in outlines)
        parts = (moved[end - len(of) : end] for of, end in zip(outlines, ends, strict=True))
        return tuple(tuple(islice(parts, len(of_box))) for of_box in sample.polygons)

    def _visible(self, sample: Sample, boxes: BoxesXyxy) -> BoxesXyxy:
        """The box of what is left of each object in the output, (N, 4).

        A box that the border cuts is too large where the object's narrow part is what remains;
        with an outline the remainder is measured.
        """
        visible = clip(boxes, self.width, self.height)
        size = boxes[:, 2:] - boxes[:, :2]
        left = (visible[:, 2:] - visible[:, :2]) / (size + np.float32(_CUT_SLACK))
        is_cut = (left < CUT_SHARE).any(axis=1) | (not self.is_upright)
        is_there = (visible[:, 2:] > visible[:, :2]).all(axis=1)
        visible[~is_there] = 0
        rows = [row for row in np.flatnonzero(is_cut & is_there) if sample.polygons[row]]
        if rows:
            source_wh, window_wh = (sample.width, sample.height), (self.width, self.height)
            window = Window(self.matrix, window_wh, source_wh, is_flipped=self.is_flipped)
            found = np.stack([window.box(sample.polygons[row]) for row in rows])
            visible[rows] = clip(found, *window_wh)
        return visible

    def _moved(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        moved: NDArray[np.float64] = points @ self.matrix[:, :2].T + self.matrix[:, 2]
        return moved

    def _pixel_matrix(self) -> Matrix:
        """For pixel indices: a pixel decoded `reduction` times smaller has its middle there."""
        matrix = self.matrix.copy()
        middle = (self.reduction - 1) / (2 * self.reduction)
        matrix[:, 2] += matrix[:, :2] @ np.array([middle, middle])
        return matrix


def affine(
    source_wh: tuple[float, float],
    target_wh: tuple[float, float],
    centre: tuple[float, float],
    angle_deg: float = 0.0,
) -> Matrix:
    """The matrix that gives a picture a size and puts its middle somewhere.

    The published code makes it from three points in float32; so does this, for the last bit.

    Args:
        source_wh: of the picture, px.
        target_wh: its size in the output, px.
        centre: of the picture in the output, px.
        angle_deg: of rotation.
    """
    middle = np.array([source_wh[0] / 2, source_wh[1] / 2], np.float32)
    angle = math.radians(angle_deg)
    sine, cosine = math.sin(angle), math.cos(angle)
    half_w, half_h = source_wh[0] * -0.5, source_wh[1] * -0.5
    up = (0 * cosine - half_h * sine, 0 * sine + half_h * cosine)
    left = (half_w * cosine, half_w * sine)
    source = np.stack([middle, middle + up, middle + left]).astype(np.float32)
    there = np.array(centre, np.float32)
    up_there = np.array([0, target_wh[1] * -0.5], np.float32)
    left_there = np.array([target_wh[0] * -0.5, 0], np.float32)
    target = np.stack([there, there + up_there, there + left_there])
    matrix: Matrix = cv2.getAffineTransform(source, target)
    return matrix
