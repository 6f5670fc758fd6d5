"""Pictures with alpha, as VP9 in webm or ProRes 4444 in mov, at the source's times."""

from __future__ import annotations

import contextlib
import logging
import math
from collections import deque
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from sinks.canvas import YuvaCanvas
from sinks.partial import partial_path, unwritable
from sinks.planes import plane_views
from sinks.rewrite import rewrite
from sinks.timeline import Timeline, movie_timescale
from streamer.frame import Frame
from streamer.picture import PlaneArray

logger = logging.getLogger(__name__)

_LIMITED_RANGE = 1  # FFmpeg's AVCOL_RANGE_MPEG
_UNKNOWN_RATE = Fraction(30)  # only spaces the encoder's own counter
_MILLISECOND = Fraction(1, 1000)
_CLEAR = (16, 128, 128, 0)  # black, and nothing of it to be seen


@dataclass(frozen=True, slots=True)
class OverlayConfig:
    """How overlay files are written.

    Attributes:
        lossless: webm keeps colours and edges to the last bit, in 23 ms of processor time a 1080p
            picture with ten boxes instead of 17; lossy leaves traces of up to 5 of 255 in the alpha
            around what is drawn, and saves no room. ProRes always takes 140 ms.
        threads: of the encoder, or 0 for one a core.
        keyframe_s: longest time between keyframes, s; also what a killed process may lose.
        overwrite: replace files that exist.
    """

    lossless: bool = True
    threads: int = 0
    keyframe_s: float = 2.0
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.threads < 0:
            raise ValueError(f"threads: expected at least 0, got {self.threads!r}")
        if not self.keyframe_s > 0:
            raise ValueError(f"keyframe_s: expected more than 0, got {self.keyframe_s!r}")


@dataclass(frozen=True, slots=True)
class _Format:
    """A file that can hold alpha.

    Attributes:
        muxer: FFmpeg's name of it.
        encoder: likewise.
        pixels: what the encoder takes.
        chroma_step: luma samples a chroma sample, across and down.
        bits: of a sample.
        time_base: seconds a tick of the file, or None for the source's own.
        profile: options of the encoder.
    """

    muxer: str
    encoder: str
    pixels: str
    chroma_step: int
    bits: int
    time_base: Fraction | None
    profile: Mapping[str, str]


FORMATS: Mapping[str, _Format] = {
    ".webm": _Format(
        muxer="webm",
        encoder="libvpx-vp9",
        pixels="yuva420p",
        chroma_step=2,
        bits=8,
        time_base=_MILLISECOND,  # the format knows no other
        profile={
            "deadline": "realtime",
            "cpu-used": "8",
            "row-mt": "1",
            "lag-in-frames": "0",  # pictures leave in the order they came
            "auto-alt-ref": "0",  # the encoder refuses alpha otherwise
        },
    ),
    ".mov": _Format(
        muxer="mov",
        encoder="prores_ks",
        pixels="yuva444p10le",
        chroma_step=1,
        bits=10,
        time_base=None,
        profile={"profile": "4444", "alpha_bits": "8"},  # drawn or not: 8 bits hold both
    ),
}


class AlphaWriter:
    """Writes pictures with alpha beside `target`, and under that name only when finished.

    Args:
        target: the final path; its suffix is one of FORMATS.
        first: the first frame, for size, colour, rate and times; not written.
        config: how.

    Raises:
        SinkError: the file cannot be made.
    """

    def __init__(self, target: Path, first: Frame, config: OverlayConfig) -> None:
        self._target = target
        self._partial = partial_path(target)
        self._format = FORMATS[target.suffix.lower()]
        time_base = self._format.time_base or first.time_base
        is_moved = first.stream.is_live or first.pts < 0
        origin = round(first.pts * first.time_base / time_base) if is_moved else 0
        if first.pts < 0:
            logger.warning("%s: starts before 0; all times moved to start at 0", target.name)
        self._timeline = Timeline(time_base, origin=origin)
        self._queue: deque[tuple[int, int]] = deque()  # (placed pts, duration) not yet encoded
        self._keyframe_ticks = math.ceil(Fraction(config.keyframe_s) / time_base)
        self._next_keyframe = 0
        rate = (first.stream.rate or _UNKNOWN_RATE).limit_denominator(100_000)
        self._counter_base = 1 / rate
        self._tick_guess = max(1, round(self._counter_base / time_base))
        self._last_pts: int | None = None
        with ExitStack() as opened:
            try:
                self._open(first, config, rate, opened)
            except (av.FFmpegError, OSError, ValueError) as error:
                raise unwritable(self._target, error) from error
            self._opened = opened.pop_all()

    def _open(self, first: Frame, config: OverlayConfig, rate: Fraction, opened: ExitStack) -> None:
        kind, time_base = self._format, self._timeline.time_base
        self._container = av.open(
            f"file:{self._partial}", "w", format=kind.muxer, options=_muxer_options(kind, time_base)
        )
        opened.callback(self._container.close)
        added = self._container.add_stream(
            kind.encoder, rate=rate, options=_encoder_options(kind, config)
        )
        self._stream = cast("VideoStream", added)  # both encoders are
        self._stream.time_base = time_base
        picture = first.i420()
        height, width = picture.y.shape
        encoder = self._stream.codec_context
        encoder.time_base = self._counter_base
        encoder.height, encoder.width = height, width
        encoder.pix_fmt = kind.pixels
        encoder.gop_size = 600  # keyframes are asked for by time, see write()
        encoder.thread_count = config.threads
        encoder.colorspace = picture.colour.matrix
        encoder.color_primaries = picture.colour.primaries
        encoder.color_trc = picture.colour.transfer
        encoder.color_range = _LIMITED_RANGE
        self._colour = picture.colour
        self._planes = _drawing_planes(height, width, kind.chroma_step)
        self._frame = VideoFrame(width, height, kind.pixels)
        self._container.start_encoding()  # a folder that cannot be written shows now

    def blank(self) -> YuvaCanvas:
        """A canvas without anything on it; what is drawn there is what `write` encodes next."""
        for plane, value in zip(self._planes, _CLEAR, strict=True):
            plane.fill(value)
        y, u, v, alpha = self._planes
        return YuvaCanvas(y, u, v, alpha, self._colour)

    def write(self, frame: Frame) -> None:
        """Encode what is on the canvas, at the time of `frame`.

        Raises:
            SinkError: the file cannot be written; what is there stays under the partial name.
        """
        self._hand_over()
        self._frame.pts = self._timeline.count
        self._frame.time_base = self._counter_base
        pts, duration = self._times(frame)
        placed = self._timeline.place(pts)
        self._queue.append((placed, duration))
        is_due = placed >= self._next_keyframe
        self._frame.pict_type = PictureType.I if is_due else PictureType.NONE
        if is_due:
            self._next_keyframe = placed + self._keyframe_ticks
        self._mux(self._frame)

    def finish(self) -> None:
        """Flush, close, correct times that were placeholders where possible, take the final name.

        Raises:
            SinkError: the file cannot be finished; what is there stays under the partial name.
        """
        with self._opened:
            self._mux(None)
            try:
                self._container.close()
            except (av.FFmpegError, OSError, ValueError) as error:
                raise unwritable(self._target, error) from error
        try:
            if not self._timeline.is_exact:
                self._correct_times()
            self._partial.replace(self._target)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise unwritable(self._target, error) from error

    def abandon(self) -> None:
        """Release everything after a failure; the partial file stays as far as it got."""
        with contextlib.suppress(av.FFmpegError, OSError, ValueError):
            self._opened.close()

    def _correct_times(self) -> None:
        if self._format.muxer == "mov":
            rewrite(self._partial, self._timeline)
        else:
            logger.warning(
                "%s: times do not grow by a millisecond from picture to picture, which %s cannot "
                "hold; kept growing instead", self._target.name, self._target.suffix,
            )  # fmt: skip

    def _times(self, frame: Frame) -> tuple[int, int]:
        """Pts and duration in ticks of the file."""
        scale = frame.time_base / self._timeline.time_base
        pts = round(frame.pts * scale)
        if self._last_pts is not None and pts > self._last_pts:
            self._tick_guess = pts - self._last_pts
        self._last_pts = pts
        return pts, round(frame.duration * scale) if frame.duration else self._tick_guess

    def _hand_over(self) -> None:
        """Copy the drawing into the encoder's memory, widened to its samples."""
        self._frame.make_writable()
        more = self._format.bits - 8
        samples = plane_views(self._frame, bits=self._format.bits)
        for drawn, plane in zip(self._planes, samples, strict=True):
            if more:
                np.left_shift(drawn, more, out=plane, dtype=plane.dtype)
            else:
                np.copyto(plane, drawn)
        if more:  # opaque is all ones, whatever the depth
            np.bitwise_or(samples[3], samples[3] >> 8, out=samples[3])

    def _mux(self, frame: VideoFrame | None) -> None:
        try:
            for packet in self._stream.encode(frame):
                pts, packet.duration = self._queue.popleft()
                packet.pts = packet.dts = pts
                packet.time_base = self._timeline.time_base
                self._container.mux(packet)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise unwritable(self._target, error) from error


def _muxer_options(kind: _Format, time_base: Fraction) -> dict[str, str]:
    options = {"flush_packets": "1"}  # what is complete is on the disk
    if kind.muxer == "mov":
        options["movflags"] = "hybrid_fragmented+delay_moov"  # plays while it grows
        options["movie_timescale"] = str(movie_timescale(time_base, None))
    else:
        options["cluster_time_limit"] = "1000"  # ms until pictures reach the disk
    return options


def _encoder_options(kind: _Format, config: OverlayConfig) -> dict[str, str]:
    if kind.muxer == "mov":
        return dict(kind.profile)
    quality = {"lossless": "1"} if config.lossless else {"crf": "15", "b": "0"}
    return {**kind.profile, **quality}


def _drawing_planes(height: int, width: int, chroma_step: int) -> tuple[PlaneArray, ...]:
    chroma = (height // chroma_step, width // chroma_step)
    shapes = ((height, width), chroma, chroma, (height, width))
    return tuple(np.empty(shape, np.uint8) for shape in shapes)
