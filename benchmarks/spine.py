"""What the pipeline itself costs: a detector that returns at once, pictures that are ready."""

from __future__ import annotations

import time
from collections.abc import Iterator
from fractions import Fraction
from types import TracebackType
from typing import Self

import numpy as np

from benchmarks.machine import peak_memory_mib
from detector.config import DetectorConfig
from detector.none import NoneDetector
from sinks.null import NullSink
from streamer.frame import Frame, StreamInfo
from streamer.outlet import Outlet
from streamer.picture import BgrPicture
from streamer.pipeline import Pipeline

FRAMES = 10_000
WARM_UP = 1_000
BUDGET_MS = 0.2


class ReadySource:
    """Hands out one ready picture again and again, with `on_frame` called at each."""

    def __init__(self, count: int) -> None:
        self.stream = StreamInfo("ready", "ready", 640, 360, Fraction(1, 25), frame_count=count)
        self._picture = BgrPicture(np.zeros((360, 640, 3), np.uint8))
        self.memory_mib: list[float] = []

    @property
    def stream_id(self) -> str:
        """Always "ready"."""
        return self.stream.stream_id

    def __enter__(self) -> Self:
        """Nothing to acquire."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Nothing to release."""

    def __iter__(self) -> Iterator[Frame]:
        """The same picture with rising times; notes the memory after warm-up and at the end."""
        for index in range(self.stream.frame_count or 0):
            if index == WARM_UP:
                self.memory_mib.append(peak_memory_mib())
            yield Frame(
                self.stream, index, index, Fraction(1, 25), time.monotonic_ns(), self._picture
            )
        self.memory_mib.append(peak_memory_mib())


def measure() -> dict[str, float]:
    """Milliseconds a frame that the pipeline adds, and memory growth over 9,000 frames."""
    bare = ReadySource(FRAMES)
    start_s = time.perf_counter()
    for _ in bare:
        pass
    bare_s = time.perf_counter() - start_s

    source = ReadySource(FRAMES)
    start_s = time.perf_counter()
    Pipeline([source], NoneDetector(DetectorConfig()), [Outlet(NullSink())]).run()
    piped_s = time.perf_counter() - start_s
    return {
        "frames": FRAMES,
        "added_ms_per_frame": (piped_s - bare_s) / FRAMES * 1e3,
        "budget_ms": BUDGET_MS,
        "memory_growth_mib": source.memory_mib[1] - source.memory_mib[0],
    }
