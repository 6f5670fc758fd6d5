"""Pictures of a source at any time of it, to be drawn on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
import numpy as np
from av.stream import Disposition

from streamer.contract import Source
from streamer.errors import SourceError, SourceOpenError
from streamer.feed import Inlet
from streamer.frame import Frame, StreamInfo
from streamer.picture import BgrArray
from streamer.sources.decoded import Converter, DecodedPicture, Orientation
from streamer.sources.file import FileSource
from streamer.sources.images import ImagesSource
from streamer.sources.inlets import open_inlets
from streamer.sources.input_config import InputConfig
from streamer.sources.reconnect import ReconnectPolicy
from streamer.sources.synthetic import SyntheticSource

LONGEST_SIDE = 1920  # px of a picture that is sent; more than that only costs time to draw on
# What is not there is told at once; one picture at a time needs no GPU.
_INPUT = InputConfig(decode="cpu", reconnect=ReconnectPolicy(is_first_failure_final=True))
_JPEG_SCALE = 3  # 1 is the best that mjpeg has, 31 the worst; 3 shows no blocks


class Pictures(Protocol):
    """A source whose pictures can be asked for in any order, by one thread."""

    def at(self, time_s: float) -> BgrArray:
        """The picture shown at a time, seconds from the first; the last one where it is over.

        Raises:
            SourceError: none can be had.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """What is drawn on.

    Attributes:
        stream: what is known of it.
        duration_s: until its last picture, or None where it cannot be wound.
        pictures: of it.
    """

    stream: StreamInfo
    duration_s: float | None
    pictures: Pictures


def open_subject(spec: str, stream_id: str | None) -> Subject:
    """The stream that a person means; its first picture has been seen.

    Args:
        spec: as for `--source` of a run.
        stream_id: which of several streams, or what the only one is called in the run; None for
            the only one, by the name that a run gives it.

    Raises:
        SourceError: there is no such stream, or no picture of it.
    """

    def make() -> Source:
        return _chosen(open_inlets([spec], _INPUT), stream_id).source

    with make() as source:
        stream = source.stream
        if next(iter(source), None) is None:
            raise SourceError(f"source '{stream.stream_id}': expected a picture, got none")
    rate, count = stream.rate, stream.frame_count
    if isinstance(source, FileSource) and rate and count:
        return Subject(stream, float((count - 1) / rate), Recording(Path(stream.name)))
    again = Again(make)
    if isinstance(source, ImagesSource | SyntheticSource) and count:
        return Subject(stream, float((count - 1) / (rate or 1)), again)
    return Subject(stream, None, again)


def _chosen(inlets: Sequence[Inlet], stream_id: str | None) -> Inlet:
    if len(inlets) == 1:
        return inlets[0]
    by_id = {inlet.source.stream_id: inlet for inlet in inlets}
    if stream_id in by_id:
        return by_id[stream_id]
    known = ", ".join(map(repr, by_id))
    got = f"{len(inlets)} streams" if stream_id is None else repr(stream_id)
    raise SourceOpenError(f"expected one stream of {known}, got {got}; choose one with --stream")


class Again:
    """Opens a source anew for each picture: for cameras, and for what is drawn or short.

    Args:
        make: a fresh source.
    """

    def __init__(self, make: Callable[[], Source]) -> None:
        self._make = make

    def at(self, time_s: float) -> BgrArray:
        """As `Pictures` says; of a live source, a picture of now."""
        first: Frame | None = None
        shown: Frame | None = None
        with self._make() as source:
            for frame in source:
                first = first or frame
                if shown is not None and frame.time_s - first.time_s > time_s + 1e-6:  # rounding
                    break
                shown = frame
                if source.stream.is_live:
                    break
        if shown is None:
            raise SourceError(f"source '{source.stream_id}': expected a picture, got none")
        return shown.bgr()


class Recording:
    """Winds a file; it is opened for each picture, so that damage at one place stays there.

    Args:
        path: of a file that FileSource can open.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._to_bgr, self._to_i420 = Converter("bgr24"), Converter("yuv420p")

    def at(self, time_s: float) -> BgrArray:
        """As `Pictures` says."""
        try:
            found = self._find(time_s, winds=True)
            # Some formats have no index and wind to nowhere: then from the beginning.
            found = found or self._find(time_s, winds=False)
        except (av.FFmpegError, OSError) as error:
            raise SourceError(f"source '{self._path}': reading failed: {error.strerror}") from error
        if found is None:
            raise SourceError(f"source '{self._path}': expected a picture there, got none")
        orientation = Orientation.of_frame(found)
        return DecodedPicture(found, orientation, self._to_bgr, self._to_i420).bgr()

    def _find(self, time_s: float, *, winds: bool) -> av.VideoFrame | None:
        """The frame shown at a time, or None where winding went past it."""
        with av.open(str(self._path), metadata_errors="replace") as container:
            videos = container.streams.video  # as FileSource chooses: a cover picture is none
            video = next(v for v in videos if not v.disposition & Disposition.attached_pic)
            # Frame threads decode ahead for nothing, and closing among them was seen to hang.
            video.thread_type = "SLICE"
            base = video.time_base or Fraction(1, 1000)
            target = (video.start_time or 0) + round(time_s / base)
            if winds:
                try:
                    container.seek(target, stream=video)
                except av.FFmpegError:
                    return None
            shown: av.VideoFrame | None = None
            for packet in container.demux(video):
                try:
                    frames = packet.decode()
                except av.InvalidDataError:
                    continue
                for frame in frames:
                    if frame.pts is not None and frame.pts > target:
                        return shown or (None if winds else frame)
                    shown = frame
            return shown


def jpeg(pixels: BgrArray) -> bytes:
    """The picture as a JPEG file, its longer side LONGEST_SIDE px at most.

    Args:
        pixels: (H, W, 3) uint8 BGR.
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, LONGEST_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="bgr24")
    frame = frame.reformat(*size, format="yuvj444p")  # whole chroma: odd sizes need no thought
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height = size
    encoder.pix_fmt, encoder.time_base = "yuvj444p", Fraction(1, 25)
    encoder.options = {"qmin": str(_JPEG_SCALE), "qmax": str(_JPEG_SCALE)}
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])
