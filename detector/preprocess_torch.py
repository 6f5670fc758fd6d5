"""Staged pictures to the network's input in plain torch: the reference, and the fallback."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detector.colour import FRACTION_BITS
from detector.staging import ALIGNMENT, Table


def preprocess(table: Table, staged: Tensor, lookup: Tensor, out: Tensor) -> None:
    """Colours, bilinear samples, normalisation, number format and layout of a batch.

    Queues a hundred small operations a picture on `staged`'s device and reads nothing back.

    Args:
        table: (B,) on the host.
        staged: (n,) uint8, a buffer that `staging.stage` has filled.
        lookup: (256, 3) float32, the network's input for every value of blue, green and red.
        out: (B', C, H, W) of any floating type and layout, B' >= B, C >= 3; of the first B pictures
            the first three channels are written.
    """
    for row, target in zip(table, out, strict=False):
        target[:3].copy_(_picture(row, staged, lookup, target.shape[1], target.shape[2]))


def _picture(row: np.void, staged: Tensor, lookup: Tensor, height: int, width: int) -> Tensor:
    """(3, height, width) of the type of `lookup`."""
    device = staged.device
    x, x_share = _taps(width, row["scale"][0], row["shift"][0], device)
    y, y_share = _taps(height, row["scale"][1], row["shift"][1], device)
    pixels = _pixels(row, staged, x, y)  # (3, 2 height, 2 width)
    upper, lower = pixels[:, :height], pixels[:, height:]
    share_x, share_y = x_share[None, None, :], y_share[None, :, None]
    above = torch.lerp(upper[..., :width], upper[..., width:], share_x)
    below = torch.lerp(lower[..., :width], lower[..., width:], share_x)
    level = torch.lerp(above, below, share_y).round_().long()  # (3, height, width)
    level[:, :, int(row["covered"][0]) :] = int(row["fill"])
    level[:, int(row["covered"][1]) :] = int(row["fill"])
    return torch.stack([lookup[:, k][level[k]] for k in range(3)])


def _taps(
    count: int, scale: np.float32, shift: np.float32, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Where each input pixel lies between two source pixels.

    Returns:
        All the left (or upper) pixels, then all the right ones, (2 count,); and the share that the
        right one has, (count,).
    """
    position = torch.arange(count, device=device, dtype=torch.float32) * float(scale) + float(shift)
    left = position.floor()
    return torch.cat([left, left + 1]).long(), position - left


def _pixels(row: np.void, staged: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Blue, green and red at columns `x` of rows `y`, (3, len(y), len(x)) float32, 0..255."""
    width, height = (int(side) for side in row["size"])
    inner_x, inner_y = x.clamp(0, width - 1), y.clamp(0, height - 1)
    parts = [_component(row, k, staged, inner_x, inner_y) for k in range(3)]
    weights: NDArray[np.int32] = row["weights"]
    colours = [
        sum((int(weights[3 * k + j]) * parts[j] >> FRACTION_BITS) for j in range(3))
        for k in range(3)
    ]
    pixels = torch.stack([torch.as_tensor(each) for each in colours]).clamp_(0, 255).float()
    if row["is_clamped"]:
        return pixels
    return pixels * ((inner_y == y)[:, None] & (inner_x == x)[None, :])


def _component(row: np.void, k: int, staged: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Component `k` less its zero, (len(y), len(x)) int32."""
    halving = int(row["halving"][k])
    begin = int(row["base"]) * ALIGNMENT + int(row["start"][k])
    rows = begin + (y >> halving) * int(row["stride"][k])
    columns = (x >> halving) * int(row["step"][k])
    return staged[rows[:, None] + columns[None, :]].int() - int(row["zeros"][k])
