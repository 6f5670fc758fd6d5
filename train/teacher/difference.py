"""How much two pictures of one stream differ, and a source that leaves out what was seen."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.contract import Source
from streamer.frame import Frame
from streamer.picture import BgrArray
from streamer.sources.wrapped import Wrapped

GRID = (64, 48)  # cells across and down
LEVELS = 12  # of 255: compression and noise, averaged over a cell, stay below

Print = NDArray[np.int16]  # (48, 64)


@dataclass(frozen=True, slots=True)
class DifferenceConfig:
    """When a frame is worth a label of its own.

    Attributes:
        least: in 0..1, of `difference` to every frame kept lately. Measured a second apart: 14 of
            29 frames of a fixed camera over a road differ by 0.02 (18 by 0.005, 8 by 0.1), all
            frames of crowds and of moving cameras; neighbouring frames without movement by 0.000.
        min_gap_s: seconds of the recording between two kept frames of a stream, at least.
        memory: kept frames that a new one is compared with. 30: what comes back after them, by day
            and by night, is worth another label.
    """

    least: float = 0.02
    min_gap_s: float = 1.0
    memory: int = 30

    def __post_init__(self) -> None:
        if not 0 <= self.least <= 1:
            raise ValueError(f"difference: expected 0..1, got {self.least!r}")
        if not 0 <= self.min_gap_s < float("inf"):
            raise ValueError(f"min_gap: expected seconds, at least 0, got {self.min_gap_s!r}")
        if self.memory < 1:
            raise ValueError(f"memory: expected at least 1, got {self.memory!r}")


def fingerprint(pixels: BgrArray) -> Print:
    """The picture as a small grey one whose median is 0, so that exposure does not matter.

    Args:
        pixels: (H, W, 3) uint8 BGR, any size.
    """
    grey = cv2.cvtColor(cv2.resize(pixels, GRID, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    return np.asarray(grey, np.int16) - np.int16(np.median(grey))


def difference(one: Print, other: Print) -> float:
    """The share of cells that changed, in 0..1.

    A share of the area says what moved, where a mean over all pixels says how bright it was.
    """
    return float((np.abs(one - other) > LEVELS).mean())


class Differing(Wrapped):
    """Another source's frames without those that show what was there already; fits Source.

    The first frame is always given. Pictures of a folder have no time: only the difference counts.

    Args:
        source: of all frames.
        config: what counts as new.
    """

    def __init__(self, source: Source, config: DifferenceConfig) -> None:
        super().__init__(source)
        self._config = config

    def __iter__(self) -> Iterator[Frame]:
        """The frames that differ, in order, with the index they had."""
        kept: deque[Print] = deque(maxlen=self._config.memory)
        last_s: float | None = None
        for frame in self._source:
            has_time = frame.stream.kind != "images"
            if has_time and last_s is not None and self._is_close(frame.time_s, last_s):
                continue  # before the pixels: most frames end here, unconverted
            seen = fingerprint(frame.bgr())
            if all(difference(seen, other) >= self._config.least for other in kept):
                kept.append(seen)
                last_s = frame.time_s
                yield frame

    def _is_close(self, time_s: float, last_s: float) -> bool:
        """Damaged files jump backwards: far enough is far enough either way."""
        return abs(time_s - last_s) < self._config.min_gap_s
