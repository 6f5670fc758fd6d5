"""Heads to boxes: scores, their peaks, the best of them. Everything in float32.

Source: Zhou et al. 2019, Objects as Points, section 4 (from points to boxes). With a mirrored
picture the offsets are averaged too, as the published CenterNet-HarDNet does.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from detector.network import Heads


class Maps(NamedTuple):
    """What is known of every cell; float32.

    Attributes:
        score: (B, C, h, w) in 0..1.
        size: (B, 2, h, w) width and height of the box, cells; may be negative.
        offset: (B, 2, h, w) from the cell to the centre, x first, cells.
    """

    score: Tensor
    size: Tensor
    offset: Tensor


def plain_maps(heads: Heads) -> Maps:
    """The maps of one look at each picture; the scores replace the logits in their memory."""
    return Maps(heads.heatmap.sigmoid_(), heads.size, heads.offset)


def mirrored_maps(heads: Heads) -> Maps:
    """The means of pictures and their mirror images.

    Args:
        heads: of 2 B pictures: B as they are, then the same B with left and right exchanged. The
            scores replace the logits in their memory.
    """
    score, score_back = _with_mirror(heads.heatmap.sigmoid_())
    size, size_back = _with_mirror(heads.size)
    offset, offset_back = _with_mirror(heads.offset)
    # A centre that lies `x` right of its cell lies 1 - x right of the mirrored one.
    offset_back = torch.stack([1 - offset_back[:, 0], offset_back[:, 1]], 1)
    return Maps((score + score_back) / 2, (size + size_back) / 2, (offset + offset_back) / 2)


def _with_mirror(maps: Tensor) -> tuple[Tensor, Tensor]:
    """(2 B, n, h, w) as the pictures' own maps and their mirror images' turned back."""
    own, mirrored = maps.chunk(2)
    return own, mirrored.flip(3)


def decode(maps: Maps, *, top_k: int) -> Tensor:
    """The best peaks of each picture, best first.

    A peak is a cell that no neighbour of its eight exceeds: on a plateau every cell is one. Where
    there are too few peaks the last rows have score 0.

    Args:
        maps: of B pictures.
        top_k: rows wanted; fewer come back where the maps have fewer cells.

    Returns:
        (B, K, 6) float32: x1, y1, x2, y2 in cells, score, class; x1 > x2 where the network says so.
    """
    score, class_id, cell = _best(_only_peaks(maps.score).flatten(2), top_k)
    return _rows(maps, score, class_id, cell)


def decode_logits(heads: Heads, *, top_k: int) -> Tensor:
    """`decode` of one look at each picture, with the sigmoid of the winners only.

    For devices on which memory is what everything waits for. Finds what `decode` finds, but for
    neighbouring cells whose different logits are one score in float32, as all above 17 are: there
    `decode` has a plateau of peaks, and this the highest of them.

    Args:
        heads: of B pictures.
        top_k: as in `decode`.

    Returns:
        As `decode`.
    """
    logits = heads.heatmap
    highest = F.max_pool2d(logits, 3, stride=1, padding=1)
    peaks = torch.where(highest == logits, logits, -torch.inf)  # whose score is 0
    # Laid out by class, or each class's search would touch the memory of all of them.
    score, class_id, cell = _best(peaks.flatten(2).contiguous(), top_k)
    maps = Maps(logits, heads.size, heads.offset)
    return _rows(maps, score.sigmoid(), class_id, cell)


def _best(by_class: Tensor, top_k: int) -> tuple[Tensor, Tensor, Tensor]:
    """The highest of (B, C, h w), best first: value, class and cell, (B, K) each."""
    # Two steps, though one would find the same scores: among equal ones, which a saturated
    # heatmap has by the thousand, torch.topk's choice depends on their order.
    score, cell = by_class.topk(min(top_k, by_class.shape[2]))  # (B, C, k)
    score, place = score.flatten(1).topk(min(top_k, score[0].numel()))  # (B, K)
    class_id = place.div(cell.shape[2], rounding_mode="floor")
    return score, class_id, cell.flatten(1).gather(1, place)


def _rows(maps: Maps, score: Tensor, class_id: Tensor, cell: Tensor) -> Tensor:
    """(B, K, 6) of (B, K) scores, classes and cells."""
    w = maps.size.shape[3]
    centre_x = cell.remainder(w) + _at(maps.offset, 0, cell)
    centre_y = cell.div(w, rounding_mode="floor") + _at(maps.offset, 1, cell)
    half_w, half_h = _at(maps.size, 0, cell) / 2, _at(maps.size, 1, cell) / 2
    corners = [centre_x - half_w, centre_y - half_h, centre_x + half_w, centre_y + half_h]
    return torch.stack([*corners, score, class_id.float()], 2)  # (B, K, 6)


def _only_peaks(score: Tensor) -> Tensor:
    """(B, C, h, w) with zeros where a neighbour is higher."""
    # In channels-last memory torch pools three times as fast (38 -> 12 ms at 80 x 128 x 128).
    score = score.contiguous(memory_format=torch.channels_last)
    return score * (F.max_pool2d(score, 3, stride=1, padding=1) == score)


def _at(maps: Tensor, channel: int, cell: Tensor) -> Tensor:
    """Values of (B, n, h, w) in one channel at cells (B, K)."""
    return maps[:, channel].flatten(1).gather(1, cell)
