"""The published way from a picture to its boxes, step by step, for comparison.

Source: the published CenterNet-HarDNet's test: one picture at a time, rows first, BatchNorm as it
was trained, numpy in float64 before the network and scores of every cell after it.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from detector.network import Heads, PointNetwork
from detector.recipe import Recipe
from streamer.frame import Frame
from streamer.picture import BgrArray

TOP_K = 100


class PublishedPreparation:
    """Pixels to the network's input in the published order, by way of float64.

    Args:
        recipe: of the weights.
        side: of the square input, px.
    """

    def __init__(self, recipe: Recipe, side: int) -> None:
        self._mean = np.array(recipe.mean, np.float32)
        self._std = np.array(recipe.std, np.float32)
        self._side = side

    def prepared(self, pixels: BgrArray) -> NDArray[np.float32]:
        """(1, 3, side, side)."""
        height, width = pixels.shape[:2]
        resized = cv2.resize(pixels, (width, height))  # to its own size, where nothing is scaled
        size = (self._side, self._side)
        warped = cv2.warpAffine(resized, affine(pixels, self._side), size, flags=cv2.INTER_LINEAR)
        normal = ((warped / 255.0 - self._mean) / self._std).astype(np.float32)
        return np.ascontiguousarray(normal.transpose(2, 0, 1)[None])


class PublishedPath:
    """Pictures to boxes in the published order.

    Args:
        network: with its weights, on the CPU; used as it is.
        recipe: of the weights.
        side: of the square input, px.
    """

    def __init__(self, network: PointNetwork, recipe: Recipe, side: int) -> None:
        self._network = network.eval()
        self._preparation = PublishedPreparation(recipe, side)
        self._side = side

    @property
    def stride(self) -> int:
        """Input pixels a cell."""
        return self._network.stride

    def through(self, frames: Sequence[Frame]) -> None:
        """One after the other."""
        for frame in frames:
            self.find(frame)

    @torch.inference_mode()
    def find(self, frame: Frame) -> NDArray[np.float32]:
        """The best TOP_K of a picture, (K, 6): x1, y1, x2, y2 in its pixels, score, class."""
        pixels = frame.bgr()
        heads = self._network(torch.from_numpy(self._preparation.prepared(pixels)))
        rows = best(heads, top_k=TOP_K)[0].numpy()
        return in_frame(rows, pixels, self._side // self.stride)


def affine(pixels: BgrArray, side: int) -> NDArray[np.float64]:
    """(2, 3), from a picture to the square input that it fills: from three pairs of points."""
    height, width = pixels.shape[:2]
    return _affine((width, height), (side, side))


def _affine(source: tuple[int, int], target: tuple[int, int]) -> NDArray[np.float64]:
    points = [
        np.array([[w / 2, h / 2], [w / 2, 0], [0, h / 2]], np.float32) for w, h in (source, target)
    ]
    matrix: NDArray[np.float64] = cv2.getAffineTransform(*points)
    return matrix


def best(heads: Heads, *, top_k: int) -> Tensor:
    """(B, K, 6) in cells: scores of every cell, their peaks, the best of a class, then of all."""
    score = heads.heatmap.sigmoid()
    b, _, _, w = score.shape
    highest = F.max_pool2d(score, 3, stride=1, padding=1)
    score = score * (highest == score).float()
    in_class, cell = score.flatten(2).topk(top_k)  # (B, C, K)
    found, place = in_class.flatten(1).topk(top_k)  # (B, K)
    class_id = place // top_k
    cell = cell.flatten(1).gather(1, place)
    size = heads.size.flatten(2).gather(2, cell[:, None].expand(b, 2, top_k))
    offset = heads.offset.flatten(2).gather(2, cell[:, None].expand(b, 2, top_k))
    x, y = (cell % w).float() + offset[:, 0], (cell // w).float() + offset[:, 1]
    half_w, half_h = size[:, 0] / 2, size[:, 1] / 2
    corners = [x - half_w, y - half_h, x + half_w, y + half_h]
    return torch.stack([*corners, found, class_id.float()], 2)


def in_frame(rows: NDArray[np.float32], pixels: BgrArray, cells: int) -> NDArray[np.float32]:
    """(K, 6) of a square of so many cells in the pixels of its picture."""
    height, width = pixels.shape[:2]
    back = _affine((cells, cells), (width, height))
    corners = rows[:, :4].reshape(-1, 2).astype(np.float64) @ back[:, :2].T + back[:, 2]
    return np.concatenate([corners.reshape(-1, 4).astype(np.float32), rows[:, 4:]], 1)
