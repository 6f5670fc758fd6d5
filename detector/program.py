"""What is computed on every batch, wherever it runs, and what an executor of it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detector.device import Compute
from detector.geometry import Placement
from detector.network import Heads, PointNetwork
from detector.peaks import decode, decode_logits, mirrored_maps, plain_maps
from streamer.frame import Frame


class Pending(Protocol):
    """Boxes that are being computed, or are there already."""

    def wait(self) -> NDArray[np.float32]:
        """(B, K, 6) as `peaks.decode` gives them; blocks until they are there."""
        ...


class Executor(Protocol):
    """Runs batches one after the other, in the order of `submit`."""

    @property
    def depth(self) -> int:
        """Batches worth having in flight."""
        ...

    def submit(self, frames: Sequence[Frame], placements: Sequence[Placement]) -> Pending:
        """Start on frames whose placements are of one input size.

        Raises:
            DeviceError: the device cannot.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """What is computed, wherever.

    Attributes:
        network: in evaluation mode.
        lookup: (1, 256, 3) float32, the network's input for every value of blue, green and red.
        flip_test: average with the mirrored picture.
        top_k: boxes a picture.
        min_score: boxes below it may be left out.
    """

    network: PointNetwork
    lookup: NDArray[np.float32]
    flip_test: bool
    top_k: int
    min_score: float = 0.0

    def heads(self, pictures: Tensor, dtype: torch.dtype) -> Heads:
        """Of (B, H, W, 3) float32 on the network's device; 2 B pictures with `flip_test`."""
        x = pictures.permute(0, 3, 1, 2).to(dtype)  # (B, 3, H, W) in channels-last memory
        return self._look(x)

    def rows(self, x: Tensor, *, is_exact: bool) -> Tensor:
        """All at once: (B, K, 6) float32 of the network's input (B, 3, H, W), without a look back.

        Args:
            x: in the network's number format, on its device.
            is_exact: peaks in the published order, saturated ones too; see `decode_logits`.
        """
        heads = self._look(x)
        if is_exact or self.flip_test:
            return self.peaks(heads)
        return decode_logits(heads, top_k=self.top_k)

    def peaks(self, heads: Heads) -> Tensor:
        """(B, K, 6) float32."""
        maps = mirrored_maps(heads) if self.flip_test else plain_maps(heads)
        return decode(maps, top_k=self.top_k)

    def _look(self, x: Tensor) -> Heads:
        heads: Heads = self.network(torch.cat([x, x.flip(3)]) if self.flip_test else x)
        return heads


def write_pictures(
    frames: Sequence[Frame],
    placements: Sequence[Placement],
    lookup: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Frames as the network's input, on the host: warped and normalised into `out` (B, H, W, 3)."""
    for target, frame, place in zip(out, frames, placements, strict=True):
        cv2.LUT(place.warp(frame.bgr()), lookup, dst=target)


def place_network(network: PointNetwork, compute: Compute) -> None:
    """Moves a network to its device and precision, in place, channels last."""
    network.to(compute.device, compute.dtype)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in the stub
