"""GhostPAN: four feature maps of one width, each of which has seen the finer and coarser ones.

Source: Han et al. 2020, GhostNet, section 3.1 (half of the channels are made of the other half by
depth-wise convolutions), in the path aggregation of the published NanoDet-Plus, whose convolutions
these are, in its file's order.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from detector.shufflenet import Conv

WIDTH = 96  # channels of every map
KERNEL = 5  # of the depth-wise convolutions, but the ghosts'
STRIDES = (8, 16, 32, 64)  # input px a cell of each map; cell i lies on input pixel stride * i


class GhostPan(nn.Module):
    """Maps at strides 8, 16 and 32, of `inputs` channels, to maps at STRIDES of WIDTH channels."""

    def __init__(self, inputs: Sequence[int]) -> None:
        super().__init__()
        self.reduce = nn.ModuleList(Conv(channels, WIDTH) for channels in inputs)
        self.down = nn.ModuleList(GhostBlock() for _ in inputs[1:])  # coarse to fine
        self.up = nn.ModuleList(Rise() for _ in inputs[1:])  # fine to coarse
        self.last_reduced = _separable(stride=2)
        self.last_risen = _separable(stride=2)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """(B, 96, H/8, W/8) to (B, 96, H/64, W/64), the last one rounded up."""
        reduced = [reduce(x) for reduce, x in zip(self.reduce, maps, strict=True)]
        fine = [reduced[-1]]  # coarsest first
        for block, x in zip(self.down, reversed(reduced[:-1]), strict=True):
            wide = F.interpolate(fine[-1], scale_factor=2.0, mode="bilinear", align_corners=False)
            fine.append(block(torch.cat([wide, x], 1)))
        risen = [fine.pop()]
        for rise in self.up:
            risen.append(rise(risen[-1], fine.pop()))
        return [*risen, self.last_reduced(reduced[-1]) + self.last_risen(risen[-1])]


class Rise(nn.Module):
    """A map halved and joined with the one at its new size."""

    def __init__(self) -> None:
        super().__init__()
        self.halve = _separable(stride=2)
        self.block = GhostBlock()

    def forward(self, fine: Tensor, coarse: Tensor) -> Tensor:
        """(B, 96, 2 h, 2 w) and (B, 96, h, w) to (B, 96, h, w)."""
        joined: Tensor = self.block(torch.cat([self.halve(fine), coarse], 1))
        return joined


class GhostBlock(nn.Module):
    """Two ghost convolutions beside a depth-wise shortcut: (B, 2 WIDTH, h, w) to WIDTH."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = Ghost(2 * WIDTH, WIDTH, is_linear=False)
        self.narrow = Ghost(WIDTH, WIDTH, is_linear=True)
        self.short = nn.Sequential(
            Conv(2 * WIDTH, 2 * WIDTH, kernel=KERNEL, is_linear=True),
            Conv(2 * WIDTH, WIDTH, is_linear=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, 192, h, w) to (B, 96, h, w)."""
        joined: Tensor = self.narrow(self.wide(x)) + self.short(x)
        return joined


class Ghost(nn.Module):
    """Half of the outputs by a 1x1 convolution, their ghosts by a depth-wise one."""

    def __init__(self, inputs: int, outputs: int, *, is_linear: bool) -> None:
        super().__init__()
        half = outputs // 2
        self.primary = Conv(inputs, half, is_linear=is_linear)
        self.ghosts = Conv(half, half, kernel=3, is_linear=is_linear)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, h, w) to (B, outputs, h, w)."""
        primary = self.primary(x)
        return torch.cat([primary, self.ghosts(primary)], 1)


def _separable(*, stride: int) -> nn.Sequential:
    return nn.Sequential(Conv(WIDTH, WIDTH, kernel=KERNEL, stride=stride), Conv(WIDTH, WIDTH))
