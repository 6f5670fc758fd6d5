"""With the file sink on: does the detector wait for the encoder only where that is the slowest?"""

from __future__ import annotations

import os
import tempfile
from itertools import islice
from pathlib import Path
from statistics import median
from time import perf_counter

from benchmarks import loops
from benchmarks.fake_device import FakeDevice, Service, usage_of
from benchmarks.meter import Metered
from benchmarks.pool import PoolSource
from benchmarks.rows import Row
from detector.detections import Detections
from sinks.file import FileSink
from sinks.load import load_of
from sinks.mp4 import FileConfig
from sinks.null import NullSink
from streamer.contract import Sink
from streamer.outlet import Outlet
from streamer.picture import BgrPicture, Picture
from streamer.pipeline import Pipeline
from streamer.result import Result
from streamer.sources.synthetic import SyntheticConfig, SyntheticSource

AIM = 0.95
_PICTURES = 16  # drawn ahead
CASES = (  # picture size, ms a frame of the device
    (640, 360, 12.0),
    (1280, 720, 3.0),
)


def rows(*, seconds: float, rounds: int) -> list[Row]:
    """The slower of device and encoder / pipeline, and what the summary says."""
    found = []
    for width, height, service_ms in CASES:
        pictures = drawn(width, height)
        count = max(30, round(seconds * 1e3 / service_ms))
        ratios, shares, verdicts, encoder_fps = [], [], [], []
        for _ in range(rounds):
            alone = FakeDevice(Service(service_ms))
            loops.alone(alone, count)
            with tempfile.TemporaryDirectory() as folder:
                encoder_fps.append(_encoder_alone(pictures, count, Path(folder) / "alone.mp4"))
                file_sink = FileSink(Path(folder) / "piped.mp4", (), FileConfig())
                rate, verdict = piped(pictures, count, service_ms, file_sink)
                verdicts.append(verdict.replace(f"{folder}{os.sep}", ""))
            bare, _ = piped(pictures, count, service_ms, NullSink())
            slower = min(usage_of(alone.spans).rate, encoder_fps[-1])
            ratios.append(rate / slower)
            shares.append(rate / bare)
        says = (
            f"{median(shares):.2f} of the rate without it; device {1e3 / service_ms:.0f}, "
            f"encoder alone {median(encoder_fps):.0f} fps; "
            f"summary: {max(set(verdicts), key=verdicts.count)}"
        )
        name = f"{width}x{height}, device {service_ms:g} ms"
        found.append(
            Row.of("file sink on: pipeline / slower of device, encoder", name, ratios, says, AIM)
        )
    return found


def drawn(width: int, height: int) -> list[Picture]:
    """A few of a street."""
    config = SyntheticConfig(width=width, height=height, frames=_PICTURES)
    with SyntheticSource(config) as source:
        return [BgrPicture(frame.bgr().copy()) for frame in source]


def _encoder_alone(pictures: list[Picture], count: int, target: Path) -> float:
    """Frames a second of a loop that only draws and writes."""
    sink, nothing = FileSink(target, (), FileConfig()), Detections.empty()
    with sink:
        start_s = perf_counter()
        for frame in islice(PoolSource("alone", pictures=pictures), count):
            sink.write(Result(frame, nothing, 0, 0))
    return count / (perf_counter() - start_s)


def piped(
    pictures: list[Picture], count: int, service_ms: float, sink: Sink[Detections]
) -> tuple[float, str]:
    """Frames a second, and what the summary calls the bottleneck."""
    metered = Metered(sink)
    source = PoolSource("pool", count=count, pictures=pictures)
    device = FakeDevice(Service(service_ms))
    load = load_of(Pipeline([source], device, [Outlet(metered)]).run(), [sink.name])
    return metered.rate(), "" if load is None else load.verdict
