"""What the pipeline itself costs: a detector that returns at once, pictures that are ready."""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks.machine import peak_memory_mib
from benchmarks.pool import PoolSource
from detector.config import DetectorConfig
from detector.none import NoneDetector
from sinks.null import NullSink
from streamer.frame import Frame
from streamer.outlet import Outlet
from streamer.pipeline import Pipeline

FRAMES = 10_000
WARM_UP = 1_000
BUDGET_MS = 0.2


class WatchedSource(PoolSource):
    """Notes the memory after warm-up and at the end, MiB."""

    def __init__(self) -> None:
        super().__init__("ready", count=FRAMES)
        self.memory_mib: list[float] = []

    def __iter__(self) -> Iterator[Frame]:
        """The pool's frames."""
        for frame in super().__iter__():
            if frame.index == WARM_UP:
                self.memory_mib.append(peak_memory_mib())
            yield frame
        self.memory_mib.append(peak_memory_mib())


def measure() -> dict[str, float]:
    """Milliseconds a frame that the pipeline adds, and memory growth over 9,000 frames."""
    bare = WatchedSource()
    start_s = time.perf_counter()
    for _ in bare:
        pass
    bare_s = time.perf_counter() - start_s

    source = WatchedSource()
    start_s = time.perf_counter()
    Pipeline([source], NoneDetector(DetectorConfig()), [Outlet(NullSink())]).run()
    piped_s = time.perf_counter() - start_s
    return {
        "frames": FRAMES,
        "added_ms_per_frame": (piped_s - bare_s) / FRAMES * 1e3,
        "budget_ms": BUDGET_MS,
        "memory_growth_mib": source.memory_mib[1] - source.memory_mib[0],
    }
