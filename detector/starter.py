"""The starter: a small CenterNet whose heat map is the strongest of four levels.

Backbone, neck and towers are those of the published NanoDet-Plus-m, so that its features are the
start. There, every level says of its cells which class an object around them has and how far its
four sides are, and many cells speak for one object. Here the levels meet at stride 8. Each fine
cell hears the nearest cell of every level and what box it means, takes off a cost for every cell
that the centre of that box lies away, and believes the level that is surest then. What is left are
peaks, one an object, and no suppression is needed.

Source: Zhou et al. 2019, Objects as Points, section 4, for the peaks; Li et al. 2020, Generalized
Focal Loss, section 3.2, for sides as expectations. The way the levels meet is our own.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from detector.ghostpan import KERNEL, STRIDES, WIDTH, GhostPan
from detector.network import Heads, PointNetwork
from detector.shufflenet import Conv, ShuffleNet

BINS = 8  # a side's length is one of 0..7 cells of its level, or between
OFF_CENTRE_COST = 0.5  # logits a squared cell at first; 0.3 to 1 measured alike
OFF_CENTRE_MOST = 8.0  # squared cells; 15 and 30 measured alike
_RARE = -4.6  # class logits of fresh weights: a score of 0.01 (Focal Loss, section 4.1)


class Starter(PointNetwork):
    """Normalised BGR pictures (B, 3, H, W) to Heads at stride 8, for `classes` classes."""

    stride = STRIDES[0]
    multiple = 32  # the neck doubles coarse maps and joins them with fine ones

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.backbone = ShuffleNet()
        self.neck = GhostPan(ShuffleNet.channels)
        self.towers = nn.ModuleList(Tower(classes) for _ in STRIDES)
        self.off_centre_cost = nn.Parameter(torch.full((len(STRIDES),), OFF_CENTRE_COST))

    def forward(self, pictures: Tensor) -> Heads:
        """The heads, in float32 whatever the network computes in."""
        maps = self.neck(self.backbone(pictures))  # (B, 96, H/8, W/8) to (B, 96, H/64, W/64)
        said = [tower(x) for tower, x in zip(self.towers, maps, strict=True)]
        h, w = maps[0].shape[2:]
        costs = self.off_centre_cost.float().unbind()
        heat, sides = said[0].classes, said[0].sides
        heat = heat - costs[0] * off_centre(sides)  # (B, classes, h, w)
        surest = heat.amax(1, keepdim=True)  # (B, 1, h, w)
        for stride, coarse, cost in zip(STRIDES[1:], said[1:], costs[1:], strict=True):
            own = seen_from_fine(coarse.sides, stride // self.stride, h, w)  # (B, 4, h, w)
            logits = nearest(coarse.classes, stride // self.stride, h, w) - cost * off_centre(own)
            best = logits.amax(1, keepdim=True)
            heat = torch.where(best > surest, logits, heat)
            sides = torch.where(best > surest, own, sides)
            surest = torch.maximum(surest, best)
        left_top, right_bottom = sides[:, :2], sides[:, 2:]
        return Heads(heat, left_top + right_bottom, (right_bottom - left_top) / 2)

    def reset(self, stream: torch.Generator) -> None:
        """Gives every layer fresh weights, the same for the same state of `stream`."""
        super().reset(stream)
        for tower in self.towers:
            nn.init.constant_(tower.get_parameter("classes.bias"), _RARE)
        nn.init.constant_(self.off_centre_cost, OFF_CENTRE_COST)


class Said(NamedTuple):
    """What one level says of its cells.

    Attributes:
        classes: (B, classes, h, w) float32 logits.
        sides: (B, 4, h, w) float32, left, top, right and bottom of the box, cells of the level.
    """

    classes: Tensor
    sides: Tensor


class Tower(nn.Module):
    """One level's map (B, 96, h, w) to what it says."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.features = tower_features()
        self.classes = nn.Conv2d(WIDTH, classes, 1)
        self.sides = nn.Conv2d(WIDTH, 4 * BINS, 1)

    def forward(self, x: Tensor) -> Said:
        """Both in float32."""
        x = self.features(x)
        return Said(self.classes(x).float(), expected(self.sides(x).float()))


def tower_features() -> nn.Sequential:
    """Two depth-wise and two 1x1 convolutions, of WIDTH channels."""
    return nn.Sequential(
        Conv(WIDTH, WIDTH, kernel=KERNEL),
        Conv(WIDTH, WIDTH),
        Conv(WIDTH, WIDTH, kernel=KERNEL),
        Conv(WIDTH, WIDTH),
    )


def expected(bins: Tensor) -> Tensor:
    """Left, top, right and bottom (B, 4, h, w), cells, of the weights of BINS lengths each."""
    b, _, h, w = bins.shape
    length = torch.arange(BINS, device=bins.device, dtype=bins.dtype)
    share = bins.view(b, 4, BINS, h, w).softmax(2)
    return (share * length[:, None, None]).sum(2)


def off_centre(sides: Tensor) -> Tensor:
    """Squared cells from each cell to the middle of its box, (B, 1, h, w), OFF_CENTRE_MOST at most.

    Detached: a score may not be bought by moving the box.
    """
    off = (sides[:, 2:] - sides[:, :2]).detach() / 2
    return off.square().sum(1, keepdim=True).clamp(max=OFF_CENTRE_MOST)


def seen_from_fine(sides: Tensor, factor: int, h: int, w: int) -> Tensor:
    """The box of the nearest coarse cell, (B, 4, h, w), as each fine cell sees its sides."""
    columns = from_nearest(factor, w, sides.shape[3], sides.device).expand(h, w)
    rows = from_nearest(factor, h, sides.shape[2], sides.device)[:, None].expand(h, w)
    own = torch.stack([columns, rows])  # (2, h, w), x first
    fine = nearest(sides * factor, factor, h, w)
    return torch.cat([fine[:, :2] + own, fine[:, 2:] - own], 1)


def nearest(x: Tensor, factor: int, h: int, w: int) -> Tensor:
    """A coarse map at every fine cell: the value of the coarse cell that lies nearest."""
    half = factor // 2
    x = F.interpolate(x, scale_factor=float(factor), mode="nearest")[:, :, half:, half:]
    return F.pad(x, (0, half, 0, half), mode="replicate")[:, :, :h, :w]


def from_nearest(factor: int, count: int, coarse: int, device: torch.device) -> Tensor:
    """How far each of `count` fine cells lies from the coarse cell that `nearest` takes for it.

    Args:
        factor: fine cells a coarse one.
        count: fine cells.
        coarse: coarse cells; beyond the last one it stays the nearest.
        device: to be made on.

    >>> from_nearest(4, 8, 2, torch.device("cpu")).tolist()
    [0.0, 1.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0]
    """
    fine = torch.arange(count, device=device)
    taken = ((fine + factor // 2) // factor).clamp(max=coarse - 1)
    return (fine - factor * taken).float()
