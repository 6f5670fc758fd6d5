"""NanoDet-Plus-m in torch: a teacher, and where the starter begins.

Source: the published NanoDet-Plus-m at 416, as ncnn's files of it say; its licence is Apache-2.0.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from detector.coco import COCO_CLASSES
from detector.ghostpan import STRIDES, WIDTH, GhostPan
from detector.network import untrained
from detector.shufflenet import ShuffleNet
from detector.starter import BINS, Starter, expected, tower_features
from train.starter.ncnn_file import fill_from_ncnn

CLASSES = len(COCO_CLASSES)

# Of blue, green and red in 0..1: the published 103.53, 116.28, 123.675 and their deviations.
MEAN = (0.406, 0.456, 0.485)
STD = (0.225, 0.224, 0.229)


class NanoDet(nn.Module):
    """Normalised BGR pictures to a score and a box of every cell of four levels."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = ShuffleNet()
        self.neck = GhostPan(ShuffleNet.channels)
        self.towers = nn.ModuleList(JointTower() for _ in STRIDES)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Scores (B, cells, 80) in 0..1 and boxes (B, cells, 4), xyxy in input px."""
        maps = self.neck(self.backbone(pictures))
        scores, boxes = [], []
        for tower, x, stride in zip(self.towers, maps, STRIDES, strict=True):
            joint = tower(x)  # (B, 112, h, w)
            scores.append(joint[:, :CLASSES].sigmoid().flatten(2))
            boxes.append(_boxes(expected(joint[:, CLASSES:]) * stride, stride).flatten(2))
        return torch.cat(scores, 2).transpose(1, 2), torch.cat(boxes, 2).transpose(1, 2)


class JointTower(nn.Sequential):
    """A tower whose last convolution gives classes and bins together, as the file has it."""

    def __init__(self) -> None:
        super().__init__()
        self.features = tower_features()
        self.joint = nn.Conv2d(WIDTH, CLASSES + 4 * BINS, 1)


def read_nanodet(param: Path, weights: Path) -> NanoDet:
    """The teacher out of its two files, in evaluation mode.

    Raises:
        WeightsError: a file cannot be read, or is for another network.
    """
    network = NanoDet()
    fill_from_ncnn(network, param, weights)
    return network.eval().requires_grad_(requires_grad=False)


def starter_from(nanodet: NanoDet) -> Starter:
    """A starter that knows what `nanodet` knows, and nothing more yet."""
    network = untrained(Starter, CLASSES)
    state = dict(network.state_dict())
    for key, value in nanodet.state_dict().items():
        if ".joint." in key:
            state[key.replace("joint", "classes")] = value[:CLASSES]
            state[key.replace("joint", "sides")] = value[CLASSES:]
        else:
            state[key] = value
    network.load_state_dict(state)
    return network


def _boxes(sides: Tensor, stride: int) -> Tensor:
    """Corners (B, 4, h, w) of left, top, right and bottom, px, seen from each cell."""
    h, w = sides.shape[2:]
    x = stride * torch.arange(w, device=sides.device)[None, None]  # (1, 1, w)
    y = stride * torch.arange(h, device=sides.device)[None, :, None]  # (1, h, 1)
    left, top, right, bottom = sides.unbind(1)
    return torch.stack([x - left, y - top, x + right, y + bottom], 1)
