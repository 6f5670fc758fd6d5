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
        realtime: play a recording at its own pace, as if it were a camera.
        network: how network streams are opened.
        reconnect: how lost streams are tried again.
        camera: what a webcam is asked for.
    """

    mode: Mode = "auto"
    max_staleness_s: float | None = None
    loop: bool = False
    decode: Decode = "auto"
    realtime: bool = False
    network: NetworkConfig = field(default_factory=NetworkConfig)
    reconnect: ReconnectPolicy = field(default_factory=ReconnectPolicy)
    camera: CameraFormat = field(default_factory=CameraFormat)

    def __post_init__(self) -> None:
        if self.max_staleness_s is not None and not self.max_staleness_s > 0:
            raise ValueError(f"max_staleness_s: expected more than 0, got {self.max_staleness_s!r}")
