"""How events go to an MQTT broker; apart from who does it, for the client's library is optional."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sinks.events.delivery import DeliveryConfig


@dataclass(frozen=True, slots=True)
class MqttConfig:
    """How events are published.

    Attributes:
        ca_file: certificates, PEM, to trust instead of the well-known ones, or None.
        keepalive_s: longest silence before the broker takes us for dead, s, 1..65535.
        delivery: how they are kept and sent.
    """

    ca_file: Path | None = None
    keepalive_s: int = 30
    delivery: DeliveryConfig = field(default_factory=DeliveryConfig)

    def __post_init__(self) -> None:
        if not 1 <= self.keepalive_s <= 65535:
            raise ValueError(f"keepalive_s: expected 1..65535, got {self.keepalive_s!r}")
