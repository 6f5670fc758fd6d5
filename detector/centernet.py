"""CenterNet on HarDNet: class heatmap, box size and centre offset for every cell.

Source: Zhou et al. 2019, Objects as Points, section 3. As published for HarDNet, size and offset
share one head of four channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from detector.hardnet import STRIDE, HarDNet, HarDNetSpec
from detector.network import RARE_CENTRE, Heads, PointNetwork, point_head


class CenterNet(HarDNet, PointNetwork):
    """Normalised BGR pictures (B, 3, H, W) to Heads, for `classes` classes."""

    stride = STRIDE

    def __init__(self, spec: HarDNetSpec, classes: int) -> None:
        super().__init__(spec)
        self.hm = point_head(self.channels, classes)
        self.wh = point_head(self.channels, 4)

    def forward(self, pictures: Tensor) -> Heads:
        """The heads, in float32 whatever the network computes in."""
        features = self.features(pictures)  # (B, channels, H/4, W/4)
        boxes = self.wh(features).float()
        return Heads(self.hm(features).float(), boxes[:, :2], boxes[:, 2:])

    def reset(self, stream: torch.Generator) -> None:
        """Gives every layer fresh weights, the same for the same state of `stream`.

        Source: the published initialisation; `base` has torch's defaults, where the published
        training starts from ImageNet's.
        """
        super().reset(stream)
        nn.init.constant_(self.hm[-1].get_parameter("bias"), RARE_CENTRE)
