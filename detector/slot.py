"""The memory of one batch in flight, allocated once and used over and over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detector.lanes import Device, Lane, M, Work
from detector.staging import Layout

_SIZES = 4  # of input that are worth a recorded program each; pictures of any size come beyond
_SPARE = 1.25  # of bytes: the next picture is a little larger

Compute = Callable[[Tensor, Tensor], None]  # (B, C, H, W) pictures into (B, K, 6) rows


class Slot(Generic[M]):
    """Buffers on both sides, marks, and the programs recorded on these very buffers.

    Args:
        device: where.
        limit: pictures at most.
        top_k: rows a picture.
        dtype: of the network's input.
        channels: of the network's input; those beyond three are zeros.
    """

    def __init__(
        self, device: Device[M], limit: int, top_k: int, dtype: torch.dtype, channels: int
    ) -> None:
        self._device = device
        self._dtype = dtype
        self._limit = limit
        self._channels = channels
        self._programs: dict[tuple[int, int, int], Work] = {}
        self._input = torch.empty(0)
        self.staging = self.staged = torch.empty(0, dtype=torch.uint8)
        self.rows = device.memory(limit, top_k, 6, dtype=torch.float32)
        self.rows_back = device.staging_memory(limit, top_k, 6, dtype=torch.float32)
        self.decoded, self.copied, self.prepared, self.started, self.computed, self.returned = (
            device.mark() for _ in range(6)
        )

    def reserve(self, layout: Layout, height: int, width: int) -> None:
        """Make room for samples and for inputs of `height` x `width` px.

        Nothing may be in flight here.

        Raises:
            torch.OutOfMemoryError: there is not so much.
        """
        if layout.host_size > len(self.staging):
            self.staging = torch.empty(0, dtype=torch.uint8)  # first give back
            roomy = int(layout.host_size * _SPARE)
            self.staging = self._device.staging_memory(roomy, dtype=torch.uint8)
        if layout.size > len(self.staged):
            self.staged = torch.empty(0, dtype=torch.uint8)
            self.staged = self._device.memory(int(layout.size * _SPARE), dtype=torch.uint8)
        values = self._limit * height * width * self._channels
        if values > len(self._input):
            self._programs.clear()  # they know the old memory
            self._input = torch.empty(0)
            self._input = self._device.memory(values, dtype=self._dtype)

    def settle(self) -> None:
        """Block until nothing that was queued for this memory is still to be done."""
        for mark in (self.copied, self.prepared, self.computed, self.returned):
            mark.wait()

    def bytes_of_staging(self) -> NDArray[np.uint8]:
        """The host's side, (n,), to be written."""
        staging: NDArray[np.uint8] = self.staging.numpy()
        return staging

    def pictures(self, count: int, height: int, width: int) -> Tensor:
        """The network's input, (count, channels, height, width) in channels-last memory."""
        values = self._input[: count * height * width * self._channels]
        return values.view(count, height, width, self._channels).permute(0, 3, 1, 2)

    def program(self, count: int, height: int, width: int, compute: Compute, lane: Lane[M]) -> Work:
        """What computes `rows` from `pictures`; recorded at the first call for a size.

        Raises:
            torch.OutOfMemoryError: there is no memory for what it computes on the way.
        """
        key = (count, height, width)
        if key not in self._programs:
            pictures, rows = self.pictures(*key), self.rows[:count]

            def work() -> None:
                compute(pictures, rows)

            sizes = {(h, w) for _, h, w in self._programs}
            if (height, width) not in sizes and len(sizes) >= _SIZES:
                return work
            self._programs[key] = lane.recorded(work)
        return self._programs[key]
