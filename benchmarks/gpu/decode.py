"""How fast recordings are decoded: on the CPU and on NVDEC, one and several at once."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from streamer.sources.file import FileSource
from streamer.sources.hardware import Decode, HardwareChoice

_FRAMES = 120
_RATE = 30


def measure(
    *,
    sessions: Sequence[int],
    size: tuple[int, int],
    deadline_s: float,
    save: Callable[[dict[str, object]], None],
) -> dict[str, object]:
    """Frames a second in all, by decoder and number of recordings at once.

    Args:
        sessions: numbers of recordings.
        size: of their pictures, px.
        deadline_s: on `time.monotonic`.
        save: called after every measurement.

    Raises:
        ImportError: PyAV is not installed.
    """
    found: dict[str, object] = {"frame_size": size}
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        _write(clip, size)
        ways: list[Decode] = ["cpu"]
        if HardwareChoice(clip, "nvdec").accelerator() is not None:
            ways.append("nvdec")
        else:
            found["nvdec"] = "does not work here, or gives other pictures"
        for way in ways:
            for count in sessions:
                if time.monotonic() > deadline_s:
                    return found
                found[f"{way} x {count}"] = _rate(clip, way, count)
                save(found)
    return found


def _rate(clip: Path, way: Decode, count: int) -> float:
    choices = [HardwareChoice(clip, way) for _ in range(count)]
    for choice in choices:
        choice.accelerator()  # tried here, not while the clock runs
    start_s = time.perf_counter()
    with ThreadPoolExecutor(count) as pool:
        frames = sum(pool.map(lambda choice: _read(clip, choice), choices))
    return frames / (time.perf_counter() - start_s)


def _read(clip: Path, choice: HardwareChoice) -> int:
    with FileSource(clip, stream_id="decode", hardware=choice) as source:
        return sum(1 for _ in source)


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
