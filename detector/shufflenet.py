"""ShuffleNetV2 as a backbone: three feature maps, at an 8th, a 16th and a 32nd of the picture.

Batch normalisation is folded away from the start: every convolution has a bias and nothing beside
it, in training too.

Source: Ma et al. 2018, ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design,
section 4; LeakyReLU in place of ReLU as in the detectors that published weights for it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

STEM = 24  # channels
STAGES = ((116, 4), (232, 8), (464, 4))  # channels and units, at width 1.0x
SLOPE = 0.1  # of the LeakyReLU below zero


class Conv(nn.Sequential):
    """Convolution with bias, LeakyReLU unless it `is_linear`; size H/stride, rounded up.

    Depth-wise where `kernel` is above 1 and the channels stay, as everywhere here but in the stem.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        kernel: int = 1,
        stride: int = 1,
        is_linear: bool = False,
    ) -> None:
        super().__init__()
        groups = inputs if kernel > 1 and inputs == outputs else 1
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups)
        self.act = nn.Identity() if is_linear else nn.LeakyReLU(SLOPE, inplace=True)


class ShuffleNet(nn.Module):
    """Normalised pictures (B, 3, H, W), sides multiples of 32, to maps at strides 8, 16 and 32."""

    channels = tuple(width for width, _ in STAGES)

    def __init__(self) -> None:
        super().__init__()
        self.stem = Conv(3, STEM, kernel=3, stride=2)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.stages = nn.ModuleList()
        inputs = STEM
        for width, units in STAGES:
            rest = [Unit(width) for _ in range(units - 1)]
            self.stages.append(nn.Sequential(HalvingUnit(inputs, width), *rest))
            inputs = width

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, 116, H/8, W/8), (B, 232, H/16, W/16), (B, 464, H/32, W/32)."""
        x = self.pool(self.stem(x))  # (B, 24, H/4, W/4)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class Unit(nn.Module):
    """Half of the channels pass; the other half go through three convolutions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.branch = _branch(half, half, stride=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        kept, worked = x.chunk(2, 1)
        return shuffle(torch.cat([kept, self.branch(worked)], 1))


class HalvingUnit(nn.Module):
    """Both branches see every channel and halve the map."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        half = outputs // 2
        self.short = nn.Sequential(
            Conv(inputs, inputs, kernel=3, stride=2, is_linear=True), Conv(inputs, half)
        )
        self.branch = _branch(inputs, half, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H/2, W/2)."""
        return shuffle(torch.cat([self.short(x), self.branch(x)], 1))


def shuffle(x: Tensor) -> Tensor:
    """The two halves of the channels dealt like cards: 0, C/2, 1, C/2 + 1, ..."""
    b, c, h, w = x.shape
    return x.view(b, 2, c // 2, h, w).transpose(1, 2).reshape(b, c, h, w)


def _branch(inputs: int, outputs: int, *, stride: int) -> nn.Sequential:
    return nn.Sequential(
        Conv(inputs, outputs),
        Conv(outputs, outputs, kernel=3, stride=stride, is_linear=True),
        Conv(outputs, outputs),
    )
