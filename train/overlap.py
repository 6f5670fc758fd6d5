"""How much boxes overlap, row by row, in ways that can be learnt from.

Source: Rezatofighi et al. 2019, Generalized Intersection over Union, algorithm 1; Zheng et al.
2020, Distance-IoU Loss, equation 7.
"""

from __future__ import annotations

import torch
from torch import Tensor

_EPSILON = 1e-7  # cells squared: keeps boxes of no size from dividing by zero


def box_at_cell(box: Tensor) -> Tensor:
    """Corners (m, 4) from width, height and offset (m, 4), cells, as seen from the cell.

    A negative width or height counts as 0, and still learns: a head that begins below 0 in some
    cells would stay there.
    """
    side, centre = box[:, :2], box[:, 2:]
    half = (side + side.detach().clamp(max=0).neg()) / 2
    return torch.cat([centre - half, centre + half], 1)


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of corners (m, 4) and (m, 4), (m,) in 0..1."""
    shared, union = _areas(a, b)
    return shared / (union + _EPSILON)


def generalised_iou(a: Tensor, b: Tensor) -> Tensor:
    """IoU less the share of the common hull that neither covers, (m,) in -1..1."""
    shared, union = _areas(a, b)
    hull = _hull_sides(a, b).prod(1)
    return shared / (union + _EPSILON) - (hull - union) / (hull + _EPSILON)


def distance_iou(a: Tensor, b: Tensor) -> Tensor:
    """IoU less the squared distance of the centres over that of the hull's corners, (m,)."""
    shared, union = _areas(a, b)
    apart = ((a[:, :2] + a[:, 2:]) - (b[:, :2] + b[:, 2:])) / 2
    diagonal = _hull_sides(a, b).square().sum(1)
    return shared / (union + _EPSILON) - apart.square().sum(1) / (diagonal + _EPSILON)


def _areas(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Of the intersection and of the union."""
    low, high = torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, 2:], b[:, 2:])
    shared = (high - low).clamp(min=0).prod(1)
    own = (a[:, 2:] - a[:, :2]).prod(1) + (b[:, 2:] - b[:, :2]).prod(1)
    return shared, own - shared


def _hull_sides(a: Tensor, b: Tensor) -> Tensor:
    return torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])
