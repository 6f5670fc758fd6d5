"""Seeing as a teacher sees: its feature maps, told from the student's by one convolution.

Source: Romero et al. 2015, FitNets, section 2.2 (hints through a regressor that is thrown away).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def regressor(inputs: int, outputs: int, stream: torch.Generator) -> nn.Conv2d:
    """From the student's channels to the teacher's; the same for the same state of `stream`."""
    layer = nn.Conv2d(inputs, outputs, 1)
    nn.init.kaiming_uniform_(layer.weight, a=1, generator=stream)
    nn.init.zeros_(layer.get_parameter("bias"))
    return layer


def sight_loss(told: Tensor, seen: Tensor, is_on_picture: Tensor) -> Tensor:
    """Mean smooth distance, (): of standard deviations of the teacher's channels.

    Args:
        told: (B, C, h, w), what the regressor makes of the student's features.
        seen: likewise, of the teacher.
        is_on_picture: (B, 1, h, w) bool; other cells have nothing to be seen.
    """
    apart = F.smooth_l1_loss(told.float(), seen, reduction="none").mean(1, keepdim=True)
    return (apart * is_on_picture).sum() / is_on_picture.sum().clamp(min=1)
