"""A picture that stays where a device has decoded it, until somebody asks for its pixels."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol, runtime_checkable

from streamer.picture import I420, BgrArray, Picture
from streamer.samples import DlDevice, Samples, samples_of


@runtime_checkable
class OnDevice(Protocol):
    """A picture that may lie in a device's memory."""

    def samples_on(self, device: DlDevice) -> Samples | None:
        """What lies in that device's memory, or None where nothing does, or no longer."""
        ...


class DevicePicture:
    """Hands out what lies on the device; comes down, once, when somebody asks for pixels.

    From then on the device's memory is let go: a sink that keeps pictures keeps none of it.

    Args:
        samples: upright; all planes are `DevicePlane`s.
        device: where they are.
        bring_down: the same picture in the host's memory; called once at most, by any thread.
    """

    def __init__(
        self, samples: Samples, device: DlDevice, bring_down: Callable[[], Picture]
    ) -> None:
        self.width = samples.width
        self.height = samples.height
        self._device = device
        self._lock = threading.Lock()
        self._above: tuple[Samples, Callable[[], Picture]] | None = (samples, bring_down)
        self._below: Picture | None = None

    def samples_on(self, device: DlDevice) -> Samples | None:
        """What lies there; None for another device, and once the picture has come down."""
        with self._lock:
            return self._above[0] if self._above is not None and device == self._device else None

    def bgr(self) -> BgrArray:
        """(H, W, 3) uint8, read-only."""
        return self._on_host().bgr()

    def i420(self) -> I420:
        """4:2:0 planes of limited range, read-only."""
        return self._on_host().i420()

    def samples(self) -> Samples:
        """What is stored, in the host's memory."""
        return samples_of(self._on_host())

    def _on_host(self) -> Picture:
        with self._lock:
            if self._above is not None:
                self._below = self._above[1]()
                self._above = None
            assert self._below is not None
            return self._below
