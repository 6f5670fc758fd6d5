"""How wrong the heads are: focal loss on the heatmap, distance or overlap on the boxes.

Every term is a sum over the batch over a norm that the targets alone decide. So the norms of
several batches, or of several processes, can be added before the first picture is looked at, and
the whole then learns as one large batch would.

Source: Zhou et al. 2019, Objects as Points, section 3, equations 1 to 4; weights and clamps of the
published CenterNet-HarDNet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeVar

import torch
from torch import Tensor

from detector.network import Heads
from train.batch import Targets
from train.overlap import box_at_cell, distance_iou, generalised_iou, iou

T = TypeVar("T", float, Tensor)
BoxLoss = Literal["l1", "giou", "diou"]
Quality = Literal["none", "iou"]

_CLAMP = 1e-4  # scores are kept this far from 0 and 1, as published: beyond it nothing is learnt
_NORM_EPSILON = 1e-4  # as published: a batch without boxes divides by it


@dataclass(frozen=True, slots=True)
class LossConfig:
    """What the terms weigh and which they are.

    Attributes:
        heatmap: weight of the focal loss.
        size: weight of the L1 distance of width and height, cells; 0.1 in the first CenterNet.
        offset: weight of the L1 distance of the centre, cells; 1 in the first CenterNet.
        box: "l1" as published; "giou" or "diou" learn box and centre as one by their overlap.
        overlap: weight of that overlap's loss; unused with "l1".
        quality: "iou": a centre's score should be its box's overlap with the truth, not 1.
    """

    heatmap: float = 1.0
    size: float = 0.05
    offset: float = 0.5
    box: BoxLoss = "l1"
    overlap: float = 2.0
    quality: Quality = "none"

    def __post_init__(self) -> None:
        for name in ("heatmap", "size", "offset", "overlap"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name}: expected at least 0, got {getattr(self, name)!r}")


class Norms(NamedTuple):
    """What the sums are divided by; () float32 each, may be added over batches and processes.

    Attributes:
        peaks: heatmap cells that are exactly 1.
        weight: of all cells that learn a box.
    """

    peaks: Tensor
    weight: Tensor


class Losses(NamedTuple):
    """() float32 each; what was not asked for is 0.

    Attributes:
        total: the weighted sum, to be minimised.
        heatmap: focal.
        size: L1, cells.
        offset: L1, cells.
        overlap: 1 - GIoU or 1 - DIoU.
    """

    total: Tensor
    heatmap: Tensor
    size: Tensor
    offset: Tensor
    overlap: Tensor


class LossValues(NamedTuple):
    """Losses that have come to the host."""

    total: float = 0.0
    heatmap: float = 0.0
    size: float = 0.0
    offset: float = 0.0
    overlap: float = 0.0

    def plus(self, other: LossValues) -> LossValues:
        """Term by term."""
        return LossValues(*(a + b for a, b in zip(self, other, strict=True)))

    def over(self, count: float) -> LossValues:
        """Every term divided; zeros where there is nothing to divide by."""
        return LossValues(*(value / count for value in self)) if count else LossValues()


class LossMean:
    """The losses of many batches as if they were one, however they were dealt out.

    Args:
        device: of the batches.
        config: what the terms weigh.
    """

    def __init__(self, device: torch.device, config: LossConfig) -> None:
        self.sums = torch.zeros(
            6, device=device, dtype=torch.float64
        )  # may be added over processes
        self._config = config

    def add(self, found: Losses, over: Norms) -> None:
        """One batch, with its own norms."""
        heatmap = found.heatmap * over.peaks.clamp(min=1)
        boxes = [term * over.weight for term in (found.size, found.offset, found.overlap)]
        self.sums += torch.stack([heatmap, *boxes, over.peaks, over.weight]).double()

    def values(self) -> LossValues:
        """Of all batches that were added."""
        heatmap, size, offset, overlap, peaks, weight = self.sums.tolist()
        weight = weight or 1.0
        terms = (heatmap / max(peaks, 1.0), size / weight, offset / weight, overlap / weight)
        return LossValues(weighted(terms, self._config), *terms)


def norms(targets: Targets) -> Norms:
    """Of one batch."""
    return Norms((targets.heat == 1).sum().float(), targets.box_weight.sum())


def losses(heads: Heads, targets: Targets, over: Norms, config: LossConfig) -> Losses:
    """The share of a batch in the loss.

    Args:
        heads: float32, logits in the heatmap.
        targets: of the same batch.
        over: the norms of the batch, or of all batches that make one step.
        config: weights and kinds.
    """
    heatmap = _QUALITIES[config.quality](heads, targets) / over.peaks.clamp(min=1)
    size, offset, overlap = _BOXES[config.box](heads, targets, over)
    total = weighted((heatmap, size, offset, overlap), config)
    return Losses(total, heatmap, size, offset, overlap)


def weighted(terms: tuple[T, T, T, T], config: LossConfig) -> T:
    """The total of heatmap, size, offset and overlap."""
    heatmap, size, offset, overlap = terms
    total = config.heatmap * heatmap + config.size * size
    return total + config.offset * offset + config.overlap * overlap


def focal(heads: Heads, targets: Targets) -> Tensor:
    """The sum over all cells, not divided.

    Source: equation 1, with alpha 2 and beta 4.
    """
    p = _scores(heads)
    at = p.reshape(-1)[targets.heat_at]  # a few thousand cells, among which are all peaks
    peaks = (targets.heat == 1) * (1 - at) ** 2 * at.log()
    return -peaks.sum() - _elsewhere(p, targets)


def quality_focal(heads: Heads, targets: Targets) -> Tensor:
    """The same, but a centre's score should be the overlap of its box with the truth.

    Source: Li et al. 2020, Generalized Focal Loss, equation 3 with beta 2, at the centres alone.
    """
    p = _scores(heads)
    c, h, w = heads.heatmap.shape[1:]
    at = targets.centre_at
    cell = at.div(c * h * w, rounding_mode="floor") * (h * w) + at.remainder(h * w)
    with torch.no_grad():  # the boxes are taught by their own loss
        quality = iou(box_at_cell(_boxes(heads, cell)), box_at_cell(targets.centre_box))
    score = p.reshape(-1)[at]
    entropy = quality * score.log() + (1 - quality) * (1 - score).log()
    return -((quality - score) ** 2 * entropy).sum() - _elsewhere(p, targets)


def _scores(heads: Heads) -> Tensor:
    return heads.heatmap.sigmoid().clamp(_CLAMP, 1 - _CLAMP)


def _elsewhere(p: Tensor, targets: Targets) -> Tensor:
    """The focal loss of all cells but the peaks, whose factor is 0; negative."""
    absence = (1 - targets.heatmap(p)) ** 4
    return (absence * p**2 * (1 - p).log()).sum()


def _distances(heads: Heads, targets: Targets, over: Norms) -> tuple[Tensor, Tensor, Tensor]:
    """L1 of size and offset."""
    apart = (_boxes(heads, targets.box_at) - targets.box).abs() * targets.box_weight[:, None]
    norm = 2 * over.weight + _NORM_EPSILON  # 2: a weight counts once for each of two numbers
    return apart[:, :2].sum() / norm, apart[:, 2:].sum() / norm, apart.new_zeros(())


def _overlaps(
    measure: Callable[[Tensor, Tensor], Tensor],
) -> Callable[[Heads, Targets, Norms], tuple[Tensor, Tensor, Tensor]]:
    def loss(heads: Heads, targets: Targets, over: Norms) -> tuple[Tensor, Tensor, Tensor]:
        found = box_at_cell(_boxes(heads, targets.box_at))
        apart = (1 - measure(found, box_at_cell(targets.box))) * targets.box_weight
        zero = apart.new_zeros(())
        return zero, zero, apart.sum() / (over.weight + _NORM_EPSILON)

    return loss


def _boxes(heads: Heads, cell: Tensor) -> Tensor:
    """Width, height and offset, (m, 4), that the heads say at cells flat into (B, h, w)."""
    both = torch.cat([heads.size, heads.offset], 1)  # (B, 4, h, w)
    return both.permute(0, 2, 3, 1).reshape(-1, 4)[cell]


_QUALITIES: Mapping[Quality, Callable[[Heads, Targets], Tensor]] = MappingProxyType(
    {"none": focal, "iou": quality_focal}
)
_BOXES: Mapping[BoxLoss, Callable[[Heads, Targets, Norms], tuple[Tensor, Tensor, Tensor]]] = (
    MappingProxyType(
        {
            "l1": _distances,
            "giou": _overlaps(generalised_iou),
            "diou": _overlaps(distance_iou),
        }
    )
)
