"""FC-HarDNet with the heads of CenterNet: a small network for CPUs and for many streams.

Source: the body of FC-HarDNet-70, which its authors made for segmentation (Chao et al. 2019,
HarDNet: A Low Memory Traffic Network, section 4.2), and Zhou et al. 2019, Objects as Points,
section 3. Ours: the heads, which are one 1x1 convolution each, and pooling that rounds up, so that
inputs need to be no multiple of 64.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from detector.hardnet import ConvLayer, HarDBlock
from detector.network import RARE_CENTRE, Heads, PointNetwork

STRIDE = 4  # input pixels a cell; cell i lies on input pixel 4 i exactly
_STEM_STRIDES = (2, 1, 2, 1)
_QUIET = 0.01  # spread of the heatmap's first weights: its bias alone speaks at first


@dataclass(frozen=True, slots=True)
class Stage:
    """One size of maps, met on the way down and again on the way up.

    Attributes:
        growth: channels of the HarDBlocks' plainest layers.
        layers: of the HarDBlocks, even.
        transition: channels of the 1x1 convolution behind the block on the way down.
    """

    growth: int
    layers: int
    transition: int


@dataclass(frozen=True, slots=True)
class FCHarDNetSpec:
    """Everything that tells one of these networks from another.

    Attributes:
        stem: channels of the first four convolutions, which quarter the sides.
        stages: from the largest maps to the smallest, each with half the sides of the one before.
    """

    stem: tuple[int, int, int, int]
    stages: tuple[Stage, ...]


FCHARDNET70 = FCHarDNetSpec(
    stem=(16, 24, 32, 48),
    stages=(
        Stage(10, 4, 64),
        Stage(16, 4, 96),
        Stage(18, 8, 160),
        Stage(24, 8, 224),
        Stage(32, 8, 320),
    ),
)


class FCHarDNet(PointNetwork):
    """Normalised BGR pictures (B, 3, H, W) to Heads, for `classes` classes."""

    stride = STRIDE

    def __init__(self, spec: FCHarDNetSpec, classes: int) -> None:
        super().__init__()
        widths = (3, *spec.stem)
        self.stem = nn.Sequential(
            *(
                ConvLayer(widths[n], widths[n + 1], stride=stride)
                for n, stride in enumerate(_STEM_STRIDES)
            )
        )
        self.down = nn.ModuleList()
        self.transitions = nn.ModuleList()
        skips: list[int] = []  # channels
        channels = spec.stem[-1]
        for stage in spec.stages:
            block = HarDBlock(channels, stage.growth, stage.layers)
            self.down.append(block)
            self.transitions.append(ConvLayer(block.channels, stage.transition, kernel=1))
            skips.append(block.channels)
            channels = stage.transition
        self.narrow = nn.ModuleList()
        self.up = nn.ModuleList()
        for stage, skip in zip(reversed(spec.stages[:-1]), reversed(skips[:-1]), strict=True):
            joined = channels + skip
            self.narrow.append(ConvLayer(joined, joined // 2, kernel=1))
            block = HarDBlock(joined // 2, stage.growth, stage.layers)
            self.up.append(block)
            channels = block.channels
        self.pool = nn.AvgPool2d(2, ceil_mode=True)
        self.hm = nn.Conv2d(channels, classes, 1)
        self.wh = nn.Conv2d(channels, 4, 1)

    def forward(self, pictures: Tensor) -> Heads:
        """The heads, in float32 whatever the network computes in."""
        return self.heads(self.features(pictures))

    def heads(self, features: Tensor) -> Heads:
        """The heads of a feature map (B, channels, H/4, W/4)."""
        boxes = self.wh(features).float()
        return Heads(self.hm(features).float(), boxes[:, :2], boxes[:, 2:])

    def features(self, x: Tensor) -> Tensor:
        """The feature map of normalised pictures."""
        x = self.stem(x)  # (B, stem[-1], H/4, W/4)
        skips: list[Tensor] = []
        for block, transition in zip(self.down, self.transitions, strict=True):
            if skips:
                x = self.pool(x)
            skip = block(x)
            skips.append(skip)  # strides 4, 8, 16, 32, 64
            x = transition(skip)
        skips.pop()  # the smallest maps have no way up to join
        for narrow, block in zip(self.narrow, self.up, strict=True):
            skip = skips.pop()
            x = F.interpolate(x, size=skip.shape[2:], mode="bilinear", align_corners=True)
            x = block(narrow(torch.cat([x, skip], 1)))
        return x

    def reset(self, stream: torch.Generator) -> None:
        """Gives every layer fresh weights, the same for the same state of `stream`."""
        super().reset(stream)
        nn.init.normal_(self.hm.weight, std=_QUIET, generator=stream)
        nn.init.constant_(self.hm.get_parameter("bias"), RARE_CENTRE)
