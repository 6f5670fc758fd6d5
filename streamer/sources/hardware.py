"""Decoding recordings on an NVIDIA GPU, where that is the faster and gives the same pictures.

Pictures come down to host memory as NV12. A GPU is tried for a moment beside the CPU and has to
prove itself, for much can be wrong with one: no driver for video, a codec it does not know, all of
its decoders in use, side data that is lost on the way.
"""

from __future__ import annotations

import ctypes
import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from streamer.picture import BgrArray
from streamer.sources.decoded import Converter, DecodedPicture, Orientation

if TYPE_CHECKING:
    import av
    from av.codec.hwaccel import HWAccel
    from av.video.stream import VideoStream

logger = logging.getLogger(__name__)

Decode = Literal["auto", "cpu", "nvdec"]

_DRIVER = "libnvcuvid.so.1"  # NVIDIA's decoder; there only with the driver's video part
_FRAMES = 48  # decoded by both; fewer are not worth a decoder's start
_COMPARED = 3  # pictures


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """What decoding the beginning of a recording gave.

    Attributes:
        rate: frames a second, the first one's time not counted.
        pix_fmt: of the frames; "nv12" comes from a GPU only.
        pictures: the first ones, upright.
        pts: their times, ticks.
    """

    rate: float
    pix_fmt: str
    pictures: tuple[BgrArray, ...]
    pts: tuple[int | None, ...]


class HardwareChoice:
    """Whether one recording is decoded on a GPU; found out once.

    Args:
        path: of the recording.
        wish: "auto" takes the faster of the two, "nvdec" a GPU that works, however slow.
    """

    def __init__(self, path: Path, wish: Decode) -> None:
        self._path = path
        self._wish = wish
        self._is_taken: bool | None = None

    def accelerator(self) -> HWAccel | None:
        """For `av.open`, or None for the CPU; blocks for a moment at the first call."""
        if self._is_taken is None:
            self._is_taken = self._try()
        return _nvdec() if self._is_taken else None

    def refuse(self, reason: object) -> None:
        """It did not work after all: the CPU from now on."""
        self._is_taken = False
        logger.warning("%s: decoding on the GPU failed (%s); using the CPU", self._path, reason)

    def _try(self) -> bool:
        if self._wish == "cpu" or (self._wish == "auto" and not _has_driver()):
            return False
        try:
            hardware = sample(self._path, on_gpu=True)
        except ValueError as error:
            logger.info("%s: decoding on the CPU: %s", self._path, error)
            return False
        except Exception as error:  # noqa: BLE001 - whatever a driver does, there is the CPU
            self.refuse(error)
            return False
        software = sample(self._path, on_gpu=False)
        reason = why_not(software, hardware, is_wished=self._wish == "nvdec")
        told = "decoding on the GPU" if reason is None else f"decoding on the CPU: {reason}"
        logger.info("%s: %s", self._path, told)
        return reason is None


def why_not(software: Sample, hardware: Sample, *, is_wished: bool) -> str | None:
    """What speaks against the GPU, or None.

    Args:
        software: what the CPU gave.
        hardware: what the GPU gave of the same recording.
        is_wished: it need not be the faster.
    """
    if hardware.pix_fmt != "nv12":
        return f"the GPU does not decode it to nv12 but {hardware.pix_fmt}"
    if hardware.pts != software.pts:
        return "the GPU gives its frames other times"
    pairs = zip(hardware.pictures, software.pictures, strict=True)
    if not all(np.array_equal(ours, theirs) for ours, theirs in pairs):
        return "the GPU gives other pictures"
    if hardware.rate <= software.rate and not is_wished:
        return f"{software.rate:.0f} frames a second there, {hardware.rate:.0f} on the GPU"
    return None


def sample(path: Path, *, on_gpu: bool) -> Sample:
    """Decode the beginning of a recording.

    Raises:
        av.FFmpegError: it cannot be opened or decoded so.
        ValueError: it is too short to tell.
    """
    import av

    av.logging.set_level(av.logging.FATAL)  # what fails is said once, by us
    with av.open(
        str(path), metadata_errors="replace", hwaccel=_nvdec() if on_gpu else None
    ) as container:
        video = container.streams.video[0]
        set_threads(video, on_gpu=on_gpu)
        frames = container.decode(video)
        first = [frame for _, frame in zip(range(_COMPARED), frames, strict=False)]
        start_s = time.perf_counter()
        count = sum(1 for _ in zip(range(_FRAMES), frames, strict=False))
        elapsed_s = time.perf_counter() - start_s
        if count < _FRAMES:
            raise ValueError(f"expected more than {_FRAMES} frames, got {count + len(first)}")
        return Sample(
            rate=count / elapsed_s,
            pix_fmt=first[0].format.name,
            pictures=tuple(_upright(frame) for frame in first),
            pts=tuple(frame.pts for frame in first),
        )


def set_threads(video: VideoStream, *, on_gpu: bool) -> None:
    """Half the cores, for detector and encoder have use for the others."""
    # On two cores that is 2 to 6 % more frames a second end to end. Frame threads delay, which does
    # not matter to a recording.
    video.codec_context.thread_count = 1 if on_gpu else max(1, (os.cpu_count() or 1) // 2)
    video.thread_type = "AUTO"


def _upright(frame: av.VideoFrame) -> BgrArray:
    orientation = Orientation.of_frame(frame)
    return DecodedPicture(frame, orientation, Converter("bgr24"), Converter("yuv420p")).bgr()


def _nvdec() -> HWAccel:
    from av.codec.hwaccel import HWAccel

    # With the fallback, or a sound track would be refused for want of a GPU's decoder.
    return HWAccel("cuda", allow_software_fallback=True)


def _has_driver() -> bool:
    try:
        ctypes.CDLL(_DRIVER)
    except OSError:
        return False
    return True
