"""What the teachers found, as heads, for a whole batch at once.

The same as `train.starter.lesson`, which draws object by object; a test holds the two together.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from train.starter.lesson import LEAST_BOX, NARROW, REACH, WIDE, Lesson

_NEAR = 1.5  # cells from the centre within which a box is learnt


class Found(NamedTuple):
    """Objects of a batch.

    Attributes:
        picture: (n,) int64, which of the batch.
        xyxy: (n, 4) float32, cells, within the input.
        score: (n,) float32.
        class_id: (n,) int64.
    """

    picture: Tensor
    xyxy: Tensor
    score: Tensor
    class_id: Tensor


def lesson_of(pictures: Tensor, found: Found, *, classes: int, stride: int) -> Lesson:
    """Normalised `pictures` (B, 3, H, W) and what there is to say of them."""
    batch, _, height, width = pictures.shape
    h, w = height // stride, width // stride
    device = pictures.device
    heat = torch.zeros(batch, classes, h, w, device=device)
    sureness = torch.zeros(batch * h * w, device=device)  # of the box that each cell learns
    centre = (found.xyxy[:, :2] + found.xyxy[:, 2:]) / 2
    size = found.xyxy[:, 2:] - found.xyxy[:, :2]
    limits = torch.tensor([w - 1, h - 1], device=device)
    cell = torch.minimum(centre.round().long().clamp(min=0), limits)
    reach = torch.arange(-REACH, REACH + 1, device=device)
    offset = torch.cartesian_prod(reach, reach)  # (81, 2), x first
    place = cell[:, None] + offset  # (n, 81, 2)
    is_inside = ((place >= 0) & (place <= limits)).all(2)
    squared = offset.square().sum(1)
    deviation = (size.prod(1).sqrt() / 6).clamp(NARROW, WIDE)
    height_of = found.score[:, None] * torch.exp(-squared / (2 * deviation.square()[:, None]))
    flat = place[..., 1] * w + place[..., 0]  # (n, 81) within one map
    channel = (found.picture * classes + found.class_id)[:, None] * (h * w)
    heat.view(-1).scatter_reduce_(
        0, (channel + flat)[is_inside], height_of[is_inside], "amax", include_self=True
    )
    # Boxes beside the centre too, for the peak may come to lie there; not outside a small box.
    apart = (place - centre[:, None]).abs()
    is_near = (apart <= (size / 2).clamp(max=_NEAR)[:, None]).all(2) | (squared == 0)
    is_near &= is_inside & (found.score >= LEAST_BOX)[:, None]
    row, column = is_near.nonzero(as_tuple=True)
    at = (found.picture[:, None] * (h * w) + flat)[row, column]
    score = found.score[row]
    sureness.scatter_reduce_(0, at, score, "amax", include_self=True)
    wins = score >= sureness[at]  # where two objects want a cell, the surer one has it
    row, column, at = row[wins], column[wins], at[wins]
    box = torch.cat([size[row], centre[row] - place[row, column]], 1)
    certainty = max(1.0, float(found.score.sum()))
    return Lesson(pictures, heat, at, box, found.score[row], certainty)
