"""Views as a batch: what goes in, and which heads the teachers would have liked.

Source: Zhou et al. 2019, Objects as Points, section 3, for peaks as Gaussians; a peak is as high as
the teachers are sure, after Li et al. 2020, Generalized Focal Loss, section 3.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from train.starter.view import Seen

LEAST_BOX = 0.15  # teachers less sure than that teach no box
NARROW, WIDE = 0.6, 1.2  # cells; of a Gaussian's deviation
REACH = 4  # cells around a centre beyond which the widest Gaussian is below 0.004


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """One batch.

    Attributes:
        pictures: (B, 3, H, W) float32, normalised.
        heat: (B, C, h, w) float32 in 0..1.
        box_at: (n,) int64, flat into (B, h, w): cells where a box is learnt.
        box: (n, 4) float32: width, height, offset x and y from the cell, cells.
        box_weight: (n,) float32 in 0..1.
        certainty: the sum of all scores, at least 1: what the loss of the heat map is divided by.
    """

    pictures: Tensor
    heat: Tensor
    box_at: Tensor
    box: Tensor
    box_weight: Tensor
    certainty: float


def lesson(
    views: Sequence[Seen], lookup: NDArray[np.float32], *, classes: int, stride: int
) -> Lesson:
    """Of views of one size.

    Args:
        views: at least one.
        lookup: (1, 256, 3), the network's input for every value of blue, green and red.
        classes: C.
        stride: input px a cell.
    """
    height, width = views[0].picture.shape[:2]
    h, w = height // stride, width // stride
    pictures = np.stack([lookup[0, view.picture, np.arange(3)] for view in views])
    heat = np.zeros((len(views), classes, h, w), np.float32)
    boxes = np.zeros((len(views), h, w, 5), np.float32)  # weight last
    for own_heat, own_boxes, view in zip(heat, boxes, views, strict=True):
        # Weakest first: where two objects want a cell, the surer one has it.
        for row in np.argsort(view.score, kind="stable"):
            _teach(
                own_heat[view.class_id[row]], own_boxes, view.xyxy[row] / stride, view.score[row]
            )
    at = np.flatnonzero(boxes[..., 4])
    chosen = boxes.reshape(-1, 5)[at]
    return Lesson(
        torch.from_numpy(pictures).permute(0, 3, 1, 2),
        torch.from_numpy(heat),
        torch.from_numpy(at),
        torch.from_numpy(chosen[:, :4].copy()),
        torch.from_numpy(chosen[:, 4].copy()),
        max(1.0, float(sum(view.score.sum() for view in views))),
    )


def _teach(
    heat: NDArray[np.float32],
    boxes: NDArray[np.float32],
    xyxy: NDArray[np.float32],
    score: np.float32,
) -> None:
    """Draws one object, corners in cells, into its class's heat (h, w) and boxes (h, w, 5)."""
    centre, size = (xyxy[:2] + xyxy[2:]) / 2, xyxy[2:] - xyxy[:2]
    limits = np.array(heat.shape[::-1]) - 1
    cell = np.clip(np.rint(centre).astype(int), 0, limits)
    low, high = np.maximum(cell - REACH, 0), np.minimum(cell + REACH, limits) + 1
    x, y = np.arange(low[0], high[0]), np.arange(low[1], high[1])[:, None]
    deviation = np.clip(np.sqrt(size.prod()) / 6, NARROW, WIDE)
    squared = (x - cell[0]) ** 2 + (y - cell[1]) ** 2
    spot = heat[low[1] : high[1], low[0] : high[0]]
    np.maximum(spot, score * np.exp(-squared / (2 * deviation**2)), out=spot)
    if score < LEAST_BOX:
        return
    # Learnt beside the centre too, for the peak may come to lie there; not outside a small box.
    near = (abs(x - centre[0]) <= min(1.5, size[0] / 2)) & (
        abs(y - centre[1]) <= min(1.5, size[1] / 2)
    )
    near |= squared == 0
    rows, columns = np.nonzero(near)
    places = np.stack([columns + low[0], rows + low[1]], 1)
    values = np.concatenate(
        [np.broadcast_to(size, places.shape), centre - places, np.full((len(places), 1), score)], 1
    )
    boxes[places[:, 1], places[:, 0]] = values
