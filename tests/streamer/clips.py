"""Small recordings, encoded on the spot, whose frames say who they are."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from numpy.typing import NDArray

STEP = 8  # grey levels between two numbers: survives lossy coding


def write_clip(
    path: Path,
    pts: Sequence[int],
    *,
    time_base: Fraction = Fraction(1, 1000),
    size_wh: tuple[int, int] = (64, 48),
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    has_sound: bool = False,
) -> None:
    """Frame k has the grey level STEP * k; its time is pts[k], which must rise."""
    with av.open(str(path), "w") as container:
        video = container.add_stream(codec, rate=25)
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = *size_wh, pix_fmt
        video.time_base = video.codec_context.time_base = time_base
        if has_sound:
            _write_sound(container, seconds=float((pts[-1] + 40) * time_base))
        for number, ticks in enumerate(pts):
            pixels = np.full((size_wh[1], size_wh[0], 3), STEP * number % 256, np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="bgr24")
            frame.pts, frame.time_base = ticks, time_base
            container.mux(video.encode(frame))
        container.mux(video.encode(None))


def number_of(pixels: NDArray[np.uint8]) -> int:
    """Which frame of `write_clip` these BGR pixels are."""
    return round(float(pixels.mean()) / STEP)


def _write_sound(container: av.container.OutputContainer, *, seconds: float) -> None:
    audio = container.add_stream("aac", rate=16000, layout="mono")
    assert isinstance(audio, AudioStream)
    count = int(seconds * 16000)
    tone = np.sin(np.arange(count) * 2 * np.pi * 440 / 16000).astype(np.float32)[None]
    frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
    frame.sample_rate, frame.pts = 16000, 0
    container.mux(audio.encode(frame))
    container.mux(audio.encode(None))
