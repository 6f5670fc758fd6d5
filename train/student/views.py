"""Pictures as the student sees them today, drawn on the device that learns.

Source: the same changes as in `train.starter.view`, for whole batches at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from detector.detections import BoxesXyxy
from train.augment.colour import ColourDraw
from train.starter.fuse import area
from train.starter.view import LEAST_SEEN, ViewConfig
from train.student.store import SIDE, STEPS_PER_SPREAD, STRIDES

_LUMA = (0.114, 0.587, 0.299)  # ITU-R BT.601, of blue, green, red


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """Where views look, by chance.

    Attributes:
        scale: (B, 2) float64: stored px an input px, x first; negative where mirrored.
        shift: (B, 2) float64: stored px of input pixel 0.
        colours: what happens to each one's colours.
    """

    scale: NDArray[np.float64]
    shift: NDArray[np.float64]
    colours: tuple[ColourDraw, ...]

    @classmethod
    def of(cls, count: int, side: int, rng: np.random.Generator, config: ViewConfig) -> Draw:
        """For `count` square inputs of `side` px."""
        zoom = config.zoom ** rng.uniform(-1, 1, (count, 1))
        tall = config.ratio ** rng.uniform(-0.5, 0.5, (count, 1))
        scale = SIDE / side / zoom * np.concatenate([1 / tall, tall], 1)
        # Zoomed out, the picture lies anywhere within the input; zoomed in, the input within it.
        shift = (SIDE - scale * side) * rng.uniform(0, 1, (count, 2))
        is_mirrored = rng.uniform(size=count) < config.flip
        shift[is_mirrored, 0] += scale[is_mirrored, 0] * side
        scale[is_mirrored, 0] *= -1
        colours = tuple(ColourDraw.draw(rng, config.colour) for _ in range(count))
        return cls(scale, shift, colours)


def see(pictures: Tensor, draw: Draw, side: int) -> Tensor:
    """Views (B, 3, side, side) float32 in 0..1 of stored pictures (B, SIDE, SIDE, 3) uint8."""
    x = pictures.permute(0, 3, 1, 2).float() / 255
    views = F.grid_sample(x, _grid(draw, side, 1, 1, x.device), align_corners=True)
    luma = views.new_tensor(_LUMA)[:, None, None]
    grey = (views * luma).sum(1).mean((1, 2)).tolist()
    matrices = np.stack([own.matrix(mean) for own, mean in zip(draw.colours, grey, strict=True)])
    matrix = torch.from_numpy(matrices.astype(np.float32)).to(views.device)  # (B, 3, 4)
    tinted = torch.baddbmm(matrix[:, :, 3:], matrix[:, :, :3], views.flatten(2))
    return tinted.view_as(views).clamp(0, 1)


def see_maps(maps: list[Tensor], draw: Draw, side: int, stride: int) -> tuple[Tensor, Tensor]:
    """What the teacher's maps are at the cells of a student.

    Args:
        maps: int8, of each of STRIDES (B, C, SIDE / stride, SIDE / stride).
        draw: where the views look.
        side: of the input, px.
        stride: of the student, input px a cell.

    Returns:
        (B, levels * C, h, w) float32, and (B, 1, h, w) bool, which cells lie on the picture.
    """
    seen = [
        F.grid_sample(
            kept.float() / STEPS_PER_SPREAD,
            _grid(draw, side, stride, coarse, kept.device),
            padding_mode="border",
            align_corners=True,
        )
        for kept, coarse in zip(maps, STRIDES, strict=True)
    ]
    grid = _grid(draw, side, stride, 1, seen[0].device)
    return torch.cat(seen, 1), (grid.abs() <= 1).all(3)[:, None]


def see_boxes(
    xyxy: BoxesXyxy, picture: NDArray[np.intp], draw: Draw, side: int
) -> tuple[BoxesXyxy, NDArray[np.bool_]]:
    """Boxes as corners in px of the input, cut to it, and which are still to be seen.

    Args:
        xyxy: (n, 4), px of the stored picture.
        picture: (n,) which of the batch each is on.
        draw: where the views look.
        side: of the input, px.
    """
    corners = (xyxy.reshape(-1, 2, 2) - draw.shift[picture, None]) / draw.scale[picture, None]
    whole = np.concatenate([corners.min(1), corners.max(1)], 1).astype(np.float32)
    cut = np.clip(whole, 0, np.float32(side))
    share = area(cut) / np.maximum(area(whole), 1e-6)
    return cut, (share >= LEAST_SEEN) & (cut[:, 2:] - cut[:, :2] >= 1).all(1)


def _grid(draw: Draw, side: int, stride: int, coarse: int, device: torch.device) -> Tensor:
    """Where cells lie on maps of stride `coarse`, (B, h, w, 2) in -1..1 from first to last cell.

    Cell i of any map lies on pixel stride * i, as everywhere in this program.
    """
    last = SIDE // coarse - 1
    cells = np.arange(0, side, stride)
    # (B, cells) of each axis, in cells of the map
    at = (draw.scale[:, :, None] * cells + draw.shift[:, :, None]) / coarse
    x, y = torch.from_numpy((2 * at / last - 1).astype(np.float32)).to(device).unbind(1)
    shape = (len(x), len(cells), len(cells))
    return torch.stack([x[:, None].expand(shape), y[:, :, None].expand(shape)], 3)
