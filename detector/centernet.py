"""CenterNet on HarDNet: class heatmap, box size and centre offset for every cell.

Source: Zhou et al. 2019, Objects as Points, section 3. As published for HarDNet, size and offset
share one head of four channels.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from detector.hardnet import HarDNet, HarDNetSpec

RARE_CENTRE = -2.19  # heatmap bias at first: a score of 0.1 (Focal Loss, section 4.1)


class Heads(NamedTuple):
    """What the network says of every cell; float32, h = H/4, w = W/4.

    Attributes:
        heatmap: (B, C, h, w) logits of a centre of each class.
        size: (B, 2, h, w) width and height of the box, cells; may be negative.
        offset: (B, 2, h, w) from the cell to the centre, x first, cells.
    """

    heatmap: Tensor
    size: Tensor
    offset: Tensor


class CenterNet(HarDNet):
    """Normalised BGR pictures (B, 3, H, W) to Heads, for `classes` classes."""

    def __init__(self, spec: HarDNetSpec, classes: int) -> None:
        super().__init__(spec)
        self.hm = _head(self.channels, classes)
        self.wh = _head(self.channels, 4)

    def forward(self, pictures: Tensor) -> Heads:
        """The heads, in float32 whatever the network computes in."""
        features = self.features(pictures)  # (B, channels, H/4, W/4)
        boxes = self.wh(features).float()
        return Heads(self.hm(features).float(), boxes[:, :2], boxes[:, 2:])


def _head(inputs: int, outputs: int) -> nn.Sequential:
    """3x3 convolution, ReLU, 1x1 convolution; no normalisation."""
    middle = max(128, 4 * outputs)
    return nn.Sequential(
        nn.Conv2d(inputs, middle, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(middle, outputs, 1),
    )


def bare(spec: HarDNetSpec, classes: int) -> CenterNet:
    """The network without memory (device "meta"), to be given weights."""
    with torch.device("meta"):
        return CenterNet(spec, classes)


def untrained(spec: HarDNetSpec, classes: int, *, seed: int = 0) -> CenterNet:
    """The network with fresh float32 weights on the CPU, the same for the same seed.

    Source: the published initialisation; `base` has torch's defaults, where the published training
    starts from ImageNet's.
    """
    network = bare(spec, classes).to_empty(device="cpu")
    stream = torch.Generator().manual_seed(seed)
    for name, module in network.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
        elif isinstance(module, nn.Conv2d):
            slope = math.sqrt(5) if name.startswith("base.") else 0  # torch's default; ReLU's
            nn.init.kaiming_uniform_(module.weight, a=slope, generator=stream)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    last = network.hm[-1]
    nn.init.constant_(last.get_parameter("bias"), RARE_CENTRE)
    return network
