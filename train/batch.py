"""Several pictures with their targets, as the loader gives and the device takes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detector.detections import BoxesXyxy, ClassIds
from train.sample import IsCrowd, Sample
from train.targets import PictureTargets, TargetsConfig, encode


class Truth(NamedTuple):
    """What is to be found on one picture of the network's size; plain arrays, for scoring.

    Attributes:
        boxes_xyxy: (N, 4) float32, visible parts, px of the network's input.
        class_id: (N,) int32.
        is_crowd: (N,) bool.
        image_id: of the data set.
        name: of the picture, for messages.
    """

    boxes_xyxy: BoxesXyxy
    class_id: ClassIds
    is_crowd: IsCrowd
    image_id: int
    name: str


class Targets(NamedTuple):
    """PictureTargets of B pictures as tensors; places are flat into (B, C, h, w) or (B, h, w)."""

    heat_at: Tensor
    heat: Tensor
    box_at: Tensor
    box: Tensor
    box_weight: Tensor
    centre_at: Tensor
    centre_box: Tensor

    def heatmap(self, like: Tensor) -> Tensor:
        """The whole heatmap, of `like`'s shape (B, C, h, w), device and memory order."""
        b, c, h, w = like.shape
        dense = torch.zeros(b * c * h * w, device=like.device)
        dense[self.heat_at] = self.heat
        return dense.view(b, c, h, w)


class Batch(NamedTuple):
    """What one step learns from.

    Attributes:
        pictures: (B, H, W, 3) uint8 BGR, not normalised.
        targets: of all of them.
        truths: of each of them.
    """

    pictures: Tensor
    targets: Targets
    truths: tuple[Truth, ...]

    def to(self, device: torch.device) -> Batch:
        """The same on a device; from pinned memory the copy runs beside the host."""
        moved = Targets(*(column.to(device, non_blocking=True) for column in self.targets))
        return Batch(self.pictures.to(device, non_blocking=True), moved, self.truths)


class Item(NamedTuple):
    """One picture with its targets, before it joins a batch."""

    picture: NDArray[np.uint8]
    targets: PictureTargets
    truth: Truth


class Encoder:
    """Sample -> Item for one network; picklable, so worker processes can have it.

    Args:
        classes: of the network.
        stride: input px a cell.
        config: of the targets.
    """

    def __init__(self, classes: int, stride: int, config: TargetsConfig) -> None:
        self.classes = classes
        self.stride = stride
        self.config = config

    def __call__(self, sample: Sample) -> Item:
        """Of a sample as large as the network's input."""
        truth = Truth(
            sample.visible(), sample.class_id, sample.is_crowd, sample.image_id, sample.name
        )
        return Item(sample.picture, encode(sample, self.classes, self.stride, self.config), truth)

    def collate(self, items: Sequence[Item]) -> Batch:
        """One batch of pictures that are of one size."""
        height, width = items[0].picture.shape[:2]
        cells = (height // self.stride) * (width // self.stride)
        of_classes = self.classes * cells
        shifts = {"heat_at": of_classes, "box_at": cells, "centre_at": of_classes}
        columns: list[list[NDArray[Any]]] = [[] for _ in PictureTargets._fields]  # of two dtypes
        for index, item in enumerate(items):
            for column, name in zip(columns, PictureTargets._fields, strict=True):
                column.append(getattr(item.targets, name) + index * shifts.get(name, 0))
        pictures = torch.from_numpy(np.stack([item.picture for item in items]))
        tensors = (torch.from_numpy(np.concatenate(column)) for column in columns)
        return Batch(pictures, Targets(*tensors), tuple(item.truth for item in items))
