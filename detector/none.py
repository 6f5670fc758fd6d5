"""The detector that finds nothing and costs nothing: plain transcoding, and a spine to measure."""

from __future__ import annotations

from collections.abc import Sequence

from detector.config import DetectorConfig
from detector.detections import Detections
from streamer.contract import HoldsNothing
from streamer.frame import Frame
from streamer.stats import StageTimes


class NoneDetector(HoldsNothing):
    """Finds nothing, at once; looks at no pixel, so that nothing is converted for it.

    Args:
        config: only `batch` matters.
    """

    def __init__(self, config: DetectorConfig) -> None:
        self.times = StageTimes()
        self._max_batch = config.fixed_batch or 1
        self._nothing = Detections.empty()

    @property
    def class_names(self) -> tuple[str, ...]:
        """None."""
        return ()

    @property
    def max_batch(self) -> int:
        """What the config says, else 1."""
        return self._max_batch

    @property
    def depth(self) -> int:
        """1: there is nothing to wait for."""
        return 1

    def submit(self, frames: Sequence[Frame]) -> object:
        """How many frames there are, as ticket."""
        return len(frames)

    def collect(self, ticket: object) -> Sequence[Detections]:
        """No box on any of them.

        Raises:
            TypeError: `ticket` is not of this detector's making.
        """
        if not isinstance(ticket, int):
            raise TypeError(f"collect: expected a ticket of submit, got {type(ticket).__name__}")
        return [self._nothing] * ticket
