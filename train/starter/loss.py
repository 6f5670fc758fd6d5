"""How far the student is from what the teachers would have liked.

Source: Li et al. 2020, Generalized Focal Loss, equation 4 (quality focal loss, beta 2); boxes by
their generalised overlap.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from detector.network import Heads
from train.overlap import box_at_cell, generalised_iou
from train.starter.lesson import Lesson

BOX_WEIGHT = 2.0  # as NanoDet-Plus was trained


def heat_loss(heads: Heads, lesson: Lesson) -> Tensor:
    """Of the scores, (): cross entropy, weighted by the squared distance."""
    distance = (heads.heatmap.detach().sigmoid() - lesson.heat).square()
    entropy = F.binary_cross_entropy_with_logits(heads.heatmap, lesson.heat, reduction="none")
    return (distance * entropy).sum() / lesson.certainty


def box_loss(heads: Heads, lesson: Lesson) -> Tensor:
    """Of the boxes, (): 1 less their generalised overlap, weighted by certainty."""
    b, _, h, w = heads.size.shape
    own = (
        torch.cat([heads.size, heads.offset], 1)
        .permute(0, 2, 3, 1)
        .reshape(b * h * w, 4)[lesson.box_at]
    )
    apart = 1 - generalised_iou(box_at_cell(own), box_at_cell(lesson.box))
    return BOX_WEIGHT * (apart * lesson.box_weight).sum() / lesson.box_weight.sum().clamp(min=1)
