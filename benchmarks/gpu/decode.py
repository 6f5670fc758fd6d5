"""How fast recordings are decoded: on the CPU and on NVDEC, one and several at once.

NVDEC's pictures come down to the host or stay in the GPU's memory. Decoding alone does not show
what that is worth, so each way is measured once more from the file to the boxes.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np
import torch

from benchmarks.gpu.pipeline import MeterSink
from detector.config import DetectorConfig
from detector.device import Compute
from detector.executor import home_of
from detector.geometry import Stretch
from detector.hardnet_detector import CenterNetDetector
from detector.network import PointNetwork
from detector.recipe import Recipe
from streamer.outlet import Outlet
from streamer.pipeline import Pipeline
from streamer.samples import DlDevice
from streamer.sources.file import FileSource
from streamer.sources.hardware import HardwareChoice
from streamer.sources.loop import Looped

_FRAMES = 120
_RATE = 30

Make = Callable[[Path], HardwareChoice]


class _ComingDown(HardwareChoice):
    """On a GPU that brings every picture down, wherever the detector is."""

    def stay_on(self, device: DlDevice) -> None:
        """Not this time."""


WAYS: Mapping[str, Make] = MappingProxyType(
    {
        "cpu": lambda clip: HardwareChoice(clip, "cpu"),
        "nvdec": lambda clip: _ComingDown(clip, "nvdec"),
        "nvdec staying": lambda clip: HardwareChoice(clip, "nvdec"),
    }
)


@dataclass(frozen=True, slots=True)
class Detection:
    """What looks at the pictures.

    Attributes:
        make: a network, with its weights.
        recipe: what it needs.
        place: where it runs.
        side: of its square input, px.
        batch: pictures at most.
        passes: times that each clip is played.
    """

    make: Callable[[], PointNetwork]
    recipe: Recipe
    place: torch.device
    side: int
    batch: int
    passes: int

    @property
    def compute(self) -> Compute:
        """Half precision where there is a GPU."""
        half = torch.float16 if self.place.type == "cuda" else torch.float32
        return Compute(self.place, half)


def measure(
    detection: Detection,
    *,
    sessions: Sequence[int],
    size: tuple[int, int],
    deadline_s: float,
    save: Callable[[dict[str, object]], None],
) -> dict[str, object]:
    """Frames a second in all, by decoder and number of recordings at once.

    Args:
        detection: for what ends with boxes.
        sessions: numbers of recordings; boxes are looked for with the fewest and the most.
        size: of their pictures, px.
        deadline_s: on `time.monotonic`.
        save: called after every measurement.

    Raises:
        ImportError: PyAV is not installed.
    """
    found: dict[str, object] = {"frame_size": size}
    home = home_of(detection.compute)
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        _write(clip, size)
        ways = dict(WAYS)
        for name, make in WAYS.items():
            if (trouble := _trouble(name, make(clip), home)) is not None:
                found[name] = trouble
                del ways[name]
        jobs = [
            (f"{name} x {count}", partial(_rate, clip, make, count, home))
            for name, make in ways.items()
            for count in sessions
        ] + [
            (f"to boxes, {name} x {count}", partial(_rate_to_boxes, clip, make, count, detection))
            for count in sorted({sessions[-1], sessions[0]}, reverse=True)
            for name, make in ways.items()
        ]
        for title, job in jobs:
            if time.monotonic() > deadline_s:
                break
            found[title] = job()
            save(found)
    return found


def _trouble(name: str, choice: HardwareChoice, home: DlDevice | None) -> str | None:
    """Why a way cannot be measured here, or None."""
    if home is not None:
        choice.stay_on(home)
    way = choice.way()
    if name != "cpu" and not way.on_gpu:
        return "does not work here, or gives other pictures"
    if name == "nvdec staying" and way.stays_on is None:
        return "pictures cannot stay here"
    return None


def _rate(clip: Path, make: Make, count: int, home: DlDevice | None) -> float:
    choices = [make(clip) for _ in range(count)]
    for choice in choices:
        if home is not None:
            choice.stay_on(home)
        choice.way()  # tried here, not while the clock runs
    start_s = time.perf_counter()
    with ThreadPoolExecutor(count) as pool:
        frames = sum(pool.map(lambda choice: _read(clip, choice), choices))
    return frames / (time.perf_counter() - start_s)


def _read(clip: Path, choice: HardwareChoice) -> int:
    with FileSource(clip, stream_id="decode", hardware=choice) as source:
        return sum(1 for _ in source)


def _rate_to_boxes(clip: Path, make: Make, count: int, detection: Detection) -> float:
    def opened(number: int, choice: HardwareChoice) -> Looped:
        return Looped(lambda: FileSource(clip, stream_id=f"clip-{number}", hardware=choice))

    config = DetectorConfig(batch=detection.batch, runtime="torch")
    geometry = Stretch(detection.side, detection.side)
    detector = CenterNetDetector(
        detection.make(), detection.recipe, geometry, detection.compute, config
    )
    sources = [opened(number, make(clip)) for number in range(count)]
    sink = MeterSink()
    Pipeline(sources, detector, [Outlet(sink)], limit=_FRAMES * detection.passes).run()
    return sink.rate()


def _write(path: Path, size: tuple[int, int]) -> None:
    """Structure that moves, in H.264: neither nothing nor noise."""
    import av

    width, height = size
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (height, width + 2 * _FRAMES, 3)).astype(np.uint8)
    wide = cv2.GaussianBlur(noise, (0, 0), 8)
    wide = cv2.normalize(wide, None, 0, 255, cv2.NORM_MINMAX)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=_RATE, options={"preset": "veryfast"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.time_base = Fraction(1, _RATE)
        for number in range(_FRAMES):
            pixels = np.ascontiguousarray(wide[:, 2 * number : 2 * number + width])
            container.mux(video.encode(av.VideoFrame.from_ndarray(pixels, format="bgr24")))
        container.mux(video.encode(None))
