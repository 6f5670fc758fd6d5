"""What a detector is: a stage that returns Detections and knows its class names."""

from __future__ import annotations

from typing import Protocol

from detector.detections import Detections
from streamer.contract import Stage


class Detector(Stage[Detections], Protocol):
    """A stage whose findings are boxes in pixels of the frame."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """The name of every class id."""
        ...
