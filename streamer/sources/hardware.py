"""Decoding recordings on an NVIDIA GPU, where that is the faster and gives the same pictures.

Pictures stay in the GPU's memory where the detector takes them from there, else they come down to
the host's as NV12. A GPU is tried for a moment beside the CPU and has to prove itself, for much can
be wrong with one: no driver for video, a codec it does not know, all of its decoders in use, side
data that is lost on the way.
"""

from __future__ import annotations

import ctypes
import logging
import os
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from streamer.picture import BgrArray, Picture
from streamer.samples import DL_CUDA, DlDevice
from streamer.sources.cuda_context import primary_context
from streamer.sources.decoded import (
    Converter,
    DecodedPicture,
    Orientation,
    staying_picture,
    stored_format,
)
from streamer.sources.silence import silence_ffmpeg

if TYPE_CHECKING:
    import av
    from av.codec.hwaccel import HWAccel
    from av.container import InputContainer
    from av.video.stream import VideoStream

logger = logging.getLogger(__name__)

Decode = Literal["auto", "cpu", "nvdec"]

_DRIVER = "libnvcuvid.so.1"  # NVIDIA's decoder; there only with the driver's video part
_FRAMES = 48  # decoded by both; fewer are not worth a decoder's start
_COMPARED = 3  # pictures


@dataclass(frozen=True, slots=True)
class Way:
    """How a recording is decoded.

    Attributes:
        on_gpu: else on the CPU.
        stays_on: number of the CUDA device in whose memory pictures stay; None: they come down.
    """

    on_gpu: bool = False
    stays_on: int | None = None

    def open(self, path: Path) -> InputContainer:
        """The recording, to be decoded so.

        Raises:
            av.FFmpegError: it cannot be opened so.
            OSError: neither, or there is no such device.
        """
        import av

        silence_ffmpeg()
        number = self.stays_on
        with nullcontext() if number is None else primary_context(number):
            # The prefix, or `12:30.mp4` would be an address.
            accelerator = self._accelerator()
            return av.open(f"file:{path}", metadata_errors="replace", hwaccel=accelerator)

    def set_threads(self, video: VideoStream) -> None:
        """Half the cores, for detector and encoder have use for the others."""
        # On two cores that is 2 to 6 % more frames a second end to end. Frame threads delay, which
        # does not matter to a recording.
        threads = 1 if self.on_gpu else max(1, (os.cpu_count() or 1) // 2)
        video.codec_context.thread_count = threads
        video.thread_type = "AUTO"

    def _accelerator(self) -> HWAccel | None:
        from av.codec.hwaccel import HWAccel

        # With the fallback, or a sound track would be refused for want of a GPU's decoder.
        if not self.on_gpu:
            return None
        if self.stays_on is None:
            return HWAccel("cuda", allow_software_fallback=True)
        return HWAccel(
            "cuda",
            device=str(self.stays_on),
            allow_software_fallback=True,
            options={"primary_ctx": "0", "current_ctx": "1"},
            is_hw_owned=True,
        )


ON_CPU = Way()


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """What decoding the beginning of a recording gave.

    Attributes:
        rate: frames a second, the first one's time not counted.
        pix_fmt: of the frames, wherever they lie; "nv12" comes from a GPU only.
        pictures: the first ones, upright.
        pts: their times, ticks.
    """

    rate: float
    pix_fmt: str
    pictures: tuple[BgrArray, ...]
    pts: tuple[int | None, ...]


class Trial:
    """Decodes the beginning of recordings with what this machine has."""

    def has_gpu(self) -> bool:
        """There may be one that decodes."""
        try:
            ctypes.CDLL(_DRIVER)
        except OSError:
            return False
        return True

    def sample(self, path: Path, way: Way) -> Sample:
        """The beginning of a recording.

        Raises:
            av.FFmpegError: it cannot be opened or decoded so.
            OSError: neither, or there is no such device.
            ValueError: it is too short to tell.
        """
        with way.open(path) as container:
            video = container.streams.video[0]
            way.set_threads(video)
            frames = container.decode(video)
            first = [frame for _, frame in zip(range(_COMPARED), frames, strict=False)]
            start_s = time.perf_counter()
            count = sum(1 for _ in zip(range(_FRAMES), frames, strict=False))
            elapsed_s = time.perf_counter() - start_s
            if count < _FRAMES:
                raise ValueError(f"expected more than {_FRAMES} frames, got {count + len(first)}")
            return Sample(
                rate=count / elapsed_s,
                pix_fmt=stored_format(first[0]),
                pictures=tuple(_upright(frame) for frame in first),
                pts=tuple(frame.pts for frame in first),
            )


class HardwareChoice:
    """How one recording is decoded; found out once.

    Args:
        path: of the recording.
        wish: "auto" takes the faster of the two, "nvdec" a GPU that works, however slow.
        trial: what decodes; None for this machine.
    """

    def __init__(self, path: Path, wish: Decode, trial: Trial | None = None) -> None:
        self._path = path
        self._wish = wish
        self._trial = trial or Trial()
        self._stays_on: int | None = None
        self._way: Way | None = None

    def stay_on(self, device: DlDevice) -> None:
        """Pictures may stay there if it is a CUDA device; said before `way` is asked for."""
        kind, number = device
        self._stays_on = number if kind == DL_CUDA else None

    def way(self) -> Way:
        """How to decode it; blocks for a moment at the first call."""
        if self._way is None:
            self._way = self._found()
        return self._way

    def refuse(self, reason: object) -> None:
        """It did not work after all: the CPU from now on."""
        self._way = ON_CPU
        logger.warning("%s: decoding on the GPU failed (%s); using the CPU", self._path, reason)

    def _found(self) -> Way:
        if self._wish == "cpu" or (self._wish == "auto" and not self._trial.has_gpu()):
            return ON_CPU
        import av

        try:
            software = self._trial.sample(self._path, ON_CPU)
        except (av.FFmpegError, OSError, ValueError) as error:  # opening it will say more
            logger.info("%s: decoding on the CPU: %s", self._path, error)
            return ON_CPU
        # Coming down is the same decoding with a copy more, so staying is tried first.
        staying = [] if self._stays_on is None else [Way(on_gpu=True, stays_on=self._stays_on)]
        trouble: object = None
        for way in (*staying, Way(on_gpu=True)):
            try:
                hardware = self._trial.sample(self._path, way)
            except Exception as error:  # noqa: BLE001 - whatever a driver does, there is the CPU
                trouble = error
            else:
                difference = what_differs(software, hardware)
                if difference is None:
                    return self._judged(way, software.rate, hardware.rate, trouble)
                trouble = difference
        self.refuse(trouble)
        return ON_CPU

    def _judged(self, way: Way, on_cpu: float, on_gpu: float, trouble: object) -> Way:
        """The faster, for a GPU that works; the GPU if it was wished for."""
        if on_gpu <= on_cpu and self._wish != "nvdec":
            rates = f"{on_cpu:.0f} frames a second there, {on_gpu:.0f} on the GPU"
            logger.info("%s: decoding on the CPU: %s", self._path, rates)
            return ON_CPU
        if trouble is not None:
            logger.warning(
                "%s: pictures cannot stay on the GPU (%s); they are copied to the host",
                self._path,
                trouble,
            )
        logger.info("%s: decoding on the GPU", self._path)
        return way


def what_differs(software: Sample, hardware: Sample) -> str | None:
    """What a GPU that decodes gets wrong, or None.

    Args:
        software: what the CPU gave.
        hardware: what the GPU gave of the same recording.
    """
    if hardware.pix_fmt != "nv12":
        return f"it gives no nv12 but {hardware.pix_fmt}"
    if hardware.pts != software.pts:
        return "it gives the frames other times"
    pairs = zip(hardware.pictures, software.pictures, strict=True)
    if not all(np.array_equal(ours, theirs) for ours, theirs in pairs):
        return "it gives other pictures"
    return None


def picture_of(
    frame: av.VideoFrame, orientation: Orientation, to_bgr: Converter, to_i420: Converter
) -> Picture:
    """The picture of a frame, where its decoder left it.

    Args:
        frame: kept alive; its planes must not be written.
        orientation: how to set it upright.
        to_bgr: a converter to bgr24.
        to_i420: a converter to yuv420p.
    """
    make = staying_picture if frame.format.name == "cuda" else DecodedPicture
    return make(frame, orientation, to_bgr, to_i420)


def _upright(frame: av.VideoFrame) -> BgrArray:
    orientation = Orientation.of_frame(frame)
    return picture_of(frame, orientation, Converter("bgr24"), Converter("yuv420p")).bgr()
