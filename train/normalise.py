"""Bytes of a picture to what a network takes, on the device that has them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class Normalise:
    """(B, H, W, 3) uint8 to (B, 3, H, W) float32, channels last: (value / 255 - mean) / std.

    Args:
        mean: of each channel in 0..1, in the order of the picture's.
        std: likewise.
        device: of the pictures.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], device: torch.device) -> None:
        spread = torch.tensor(std, dtype=torch.float64) * 255
        self._gain = (1 / spread).float().to(device)
        self._shift = (-torch.tensor(mean, dtype=torch.float64) * 255 / spread).float().to(device)

    def __call__(self, pictures: Tensor) -> Tensor:
        """Of one batch."""
        scaled = torch.addcmul(self._shift, pictures.float(), self._gain)  # (B, H, W, 3)
        return scaled.permute(0, 3, 1, 2)  # channels last without moving a byte
