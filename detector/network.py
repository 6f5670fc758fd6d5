"""What a network of ours is: pictures in, one heatmap and one box for every cell out."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

RARE_CENTRE = -2.19  # heatmap bias at first: a score of 0.1 (Focal Loss, section 4.1)


class Heads(NamedTuple):
    """What a network says of every cell; float32, h = H / stride, w = W / stride.

    Attributes:
        heatmap: (B, C, h, w) logits of a centre of each class.
        size: (B, 2, h, w) width and height of the box, cells; may be negative.
        offset: (B, 2, h, w) from the cell to the centre, x first, cells.
    """

    heatmap: Tensor
    size: Tensor
    offset: Tensor


class PointNetwork(nn.Module):
    """Finds objects as points: normalised BGR pictures (B, 3, H, W) to Heads.

    Cell i of the heads lies on input pixel `stride` * i exactly.

    Attributes:
        stride: input pixels a cell.
        multiple: H and W have to be multiples of it, px.
    """

    stride: int
    multiple: int = 1

    def forward(self, pictures: Tensor) -> Heads:
        """The heads, in float32 whatever the network computes in."""
        raise NotImplementedError

    def reset(self, stream: torch.Generator) -> None:
        """Gives every layer fresh weights, the same for the same state of `stream`."""
        for name, module in self.named_modules():
            if isinstance(module, nn.BatchNorm2d):
                module.reset_parameters()
            elif isinstance(module, nn.Conv2d):
                # `base`: torch's own slope, as published; ReLU's elsewhere
                slope = math.sqrt(5) if name.startswith("base.") else 0
                nn.init.kaiming_uniform_(module.weight, a=slope, generator=stream)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)


MakeNetwork = Callable[[int], PointNetwork]  # from the number of classes
N = TypeVar("N", bound=PointNetwork)


def bare(make: Callable[[int], N], classes: int) -> N:
    """The network without memory (device "meta"), to be given weights."""
    with torch.device("meta"):
        return make(classes)


def untrained(make: Callable[[int], N], classes: int, *, seed: int = 0) -> N:
    """The network with fresh float32 weights on the CPU, the same for the same seed."""
    network = bare(make, classes).to_empty(device="cpu")
    network.reset(torch.Generator().manual_seed(seed))
    return network


def point_head(inputs: int, outputs: int) -> nn.Sequential:
    """3x3 convolution, ReLU, 1x1 convolution; no normalisation."""
    middle = max(128, 4 * outputs)
    return nn.Sequential(
        nn.Conv2d(inputs, middle, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(middle, outputs, 1),
    )
