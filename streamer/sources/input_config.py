"""How sources are read: what a person may choose for all of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from streamer.sources.camera_devices import CameraFormat
from streamer.sources.hardware import Decode
from streamer.sources.network_config import NetworkConfig
from streamer.sources.reconnect import ReconnectPolicy

Mode = Literal["auto", "every-frame", "latest"]


@dataclass(frozen=True, slots=True)
class InputConfig:
    """How sources are read.

    Attributes:
        mode: "every-frame" loses nothing and lets a live stream fall behind; "latest" lets the
            newest frame win; "auto" is the latter for live streams, the former for all others.
        max_staleness_s: under "latest", a frame that has waited longer is dropped; None for ever.
        loop: begin a recording again when it ends, without end.
        decode: what decodes recordings: "cpu", "nvdec", or "auto" for the faster of those there.
        at_once: recordings that are read at the same time; the others wait for their turn. Each has
            a decoder and its outputs open, 0.1 GB of memory or more at 1080p. Not with loop, which
            has no end, nor with realtime, where each stands for a camera.
        realtime: play a recording at its own pace, as if it were a camera.
        network: how network streams are opened.
        reconnect: how lost streams are tried again.
        camera: what a webcam is asked for.
    """

    mode: Mode = "auto"
    max_staleness_s: float | None = None
    loop: bool = False
    decode: Decode = "auto"
    at_once: int = 8
    realtime: bool = False
    network: NetworkConfig = field(default_factory=NetworkConfig)
    reconnect: ReconnectPolicy = field(default_factory=ReconnectPolicy)
    camera: CameraFormat = field(default_factory=CameraFormat)

    def __post_init__(self) -> None:
        if self.max_staleness_s is not None and not self.max_staleness_s > 0:
            raise ValueError(f"max_staleness_s: expected more than 0, got {self.max_staleness_s!r}")
        if self.at_once < 1:
            raise ValueError(f"at_once: expected at least 1, got {self.at_once!r}")
