"""H.264 in mp4: a file that plays while it grows, with exactly the source's times at the end."""

from __future__ import annotations

import contextlib
import logging
import math
from collections import deque
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import cv2
import numpy as np
from av.audio.stream import AudioStream
from av.packet import Packet
from av.video.frame import PictureType, VideoFrame

from sinks.partial import partial_path, unwritable
from sinks.planes import plane_views
from sinks.rewrite import rewrite
from sinks.sound import Sound
from sinks.timeline import Timeline, movie_timescale
from streamer.frame import Frame
from streamer.picture import I420, PlaneArray

logger = logging.getLogger(__name__)

Preset = Literal[
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"
]

_LIMITED_RANGE = 1  # FFmpeg's AVCOL_RANGE_MPEG
_MOST_PX = 16384  # of x264, which only says "generic error"
_UNKNOWN_RATE = Fraction(30)  # only spaces the encoder's own counter


@dataclass(frozen=True, slots=True)
class FileConfig:
    """How annotated video is written.

    Attributes:
        preset: x264's; slower makes smaller files: ultrafast takes 0.7 ms a 768x432 frame,
            superfast 1.6, veryfast 2.0, of one core.
        qp: x264's quantiser in 0..51, the same for every picture; lower is better and larger.
        crf: x264's constant rate factor in 0..51 instead of `qp`: busy pictures get fewer bits. It
            measures each picture for that, a quarter more time for the same size and likeness.
        threads: of the encoder; 1 costs the least in all, the detector has use for the others.
        keyframe_s: longest time between keyframes, s; also what a killed process may lose.
        sound: bring the source's sound over.
        overwrite: replace files that exist.
    """

    preset: Preset = "ultrafast"
    qp: int = 22  # four clips took 7.5 MB at 42 to 47 dB; by crf 23 it was 7.6 MB, 39 to 48 dB
    crf: int | None = None
    threads: int = 1
    keyframe_s: float = 2.0
    sound: bool = True
    overwrite: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.qp <= 51:
            raise ValueError(f"qp: expected 0..51, got {self.qp!r}")
        if self.crf is not None and not 0 <= self.crf <= 51:
            raise ValueError(f"crf: expected 0..51, got {self.crf!r}")
        if self.threads < 1:
            raise ValueError(f"threads: expected at least 1, got {self.threads!r}")
        if not self.keyframe_s > 0:
            raise ValueError(f"keyframe_s: expected more than 0, got {self.keyframe_s!r}")


class Mp4Writer:
    """Writes one stream's pictures beside `target`, and under that name only when finished.

    The file grows in fragments, so what a kill leaves plays up to the last keyframe.

    Args:
        target: the final path.
        first: the first frame, for size, colour, rate, times and sound; not written.
        config: how.

    Raises:
        SinkError: the file cannot be made.
    """

    def __init__(self, target: Path, first: Frame, config: FileConfig) -> None:
        self._target = target
        self._partial = partial_path(target)
        self._config = config
        origin = first.pts if first.stream.is_live or first.pts < 0 else 0
        if first.pts < 0:
            logger.warning("%s: starts before 0; all times moved to start at 0", target.name)
        self._timeline = Timeline(first.time_base, origin=origin)
        self._queue: deque[tuple[int, int]] = deque()  # (placed pts, duration) not yet encoded
        self._keyframe_ticks = math.ceil(Fraction(config.keyframe_s) / first.time_base)
        self._next_keyframe = 0
        self._last = self._end = 0  # ticks from the origin to the latest picture and its end
        self._tick_guess = _ticks_a_frame(first)
        self._last_pts = first.pts
        self._is_rescaled = False
        with ExitStack() as opened:
            self._sound = self._open_sound(first, opened)
            try:
                self._open_video(first, opened)
            except (av.FFmpegError, OSError, ValueError) as error:
                raise unwritable(self._target, error) from error
            self._opened = opened.pop_all()

    def _open_sound(self, first: Frame, opened: ExitStack) -> Sound | None:
        path = first.stream.sound_path
        if path is None or not self._config.sound:
            return None
        origin_s = self._timeline.origin * self._timeline.time_base
        return opened.enter_context(Sound(path, origin_s=origin_s))

    def _open_video(self, first: Frame, opened: ExitStack) -> None:
        picture = first.i420()
        height, width = picture.y.shape
        if max(width, height) > _MOST_PX:
            raise ValueError(f"H.264 holds {_MOST_PX} px a side, the picture has {width}x{height}")
        time_base = self._timeline.time_base
        sound_rate = self._sound.rate if self._sound is not None else None
        options = {
            "movflags": "hybrid_fragmented+delay_moov",
            "movie_timescale": str(
                movie_timescale(time_base, sound_rate)
            ),  # else a start is rounded
            "flush_packets": "1",  # a fragment is on the disk as soon as it is complete
        }
        self._container = av.open(f"file:{self._partial}", "w", format="mp4", options=options)
        opened.callback(self._container.close)
        rate = (first.stream.rate or _UNKNOWN_RATE).limit_denominator(100_000)
        qp, crf = self._config.qp, self._config.crf
        x264 = {
            "preset": self._config.preset,
            **({"qp": str(qp)} if crf is None else {"crf": str(crf)}),
            "bf": "0",  # pictures leave in the order they came, so times may do anything
            "forced-idr": "1",
        }
        self._stream = self._container.add_stream("libx264", rate=rate, options=x264)
        self._stream.time_base = time_base
        encoder = self._stream.codec_context
        encoder.time_base = self._counter_base = 1 / rate
        encoder.height, encoder.width = height, width
        encoder.pix_fmt = "yuv420p"
        encoder.gop_size = 600  # keyframes are asked for by time, see write()
        encoder.thread_count = self._config.threads
        encoder.colorspace = picture.colour.matrix
        encoder.color_primaries = picture.colour.primaries
        encoder.color_trc = picture.colour.transfer
        encoder.color_range = _LIMITED_RANGE
        if first.stream.sample_aspect is not None:
            encoder.sample_aspect_ratio = first.stream.sample_aspect
        self._frame = VideoFrame(encoder.width, encoder.height, "yuv420p")
        y, u, v = plane_views(self._frame)
        self._planes = (y, u, v)
        if self._sound is not None:
            self._sound.join(self._container)
        self._container.start_encoding()  # a folder that cannot be written shows now

    @property
    def target(self) -> Path:
        """The final path."""
        return self._target

    def canvas_planes(self, picture: I420) -> tuple[PlaneArray, PlaneArray, PlaneArray]:
        """A writable copy of `picture`, inside the encoder's own memory if the size is right."""
        source = (picture.y, picture.u, picture.v)
        if picture.y.shape != self._planes[0].shape:
            return picture.y.copy(), picture.u.copy(), picture.v.copy()
        for plane, pixels in zip(self._planes, source, strict=True):
            np.copyto(plane, pixels)
        return self._planes

    def write(self, frame: Frame, planes: tuple[PlaneArray, PlaneArray, PlaneArray]) -> None:
        """Encode `planes`, from `canvas_planes`, as the picture of `frame`.

        Raises:
            SinkError: the file cannot be written; what is there stays under the partial name.
        """
        if planes is not self._planes:
            self._rescale(frame, planes)
        index = self._timeline.count
        pts, duration = self._times(frame)
        placed = self._timeline.place(pts)
        self._queue.append((placed, duration))
        self._frame.pts = index
        self._frame.time_base = self._counter_base
        is_due = placed >= self._next_keyframe
        self._frame.pict_type = PictureType.I if is_due else PictureType.NONE
        if is_due:
            self._next_keyframe = placed + self._keyframe_ticks
        self._mux(self._frame)

    def _times(self, frame: Frame) -> tuple[int, int]:
        """Pts and duration in ticks of the file."""
        scale = frame.time_base / self._timeline.time_base
        pts = frame.pts if scale == 1 else round(frame.pts * scale)
        if pts > self._last_pts:
            self._tick_guess = pts - self._last_pts
        self._last_pts = pts
        duration = round(frame.duration * scale) if frame.duration else self._tick_guess
        shown = pts - self._timeline.origin
        self._last = max(self._last, shown)
        self._end = max(self._end, shown + duration)
        return pts, duration

    def _rescale(self, frame: Frame, planes: Iterable[PlaneArray]) -> None:
        log = logger.debug if self._is_rescaled else logger.warning  # said once
        self._is_rescaled = True
        log(
            "frame %d of %r: expected %dx%d, got %dx%d; scaled to fit the file",
            frame.index, frame.stream_id, self._frame.width, self._frame.height,
            frame.width, frame.height,
        )  # fmt: skip
        for plane, pixels in zip(self._planes, planes, strict=True):
            height, width = plane.shape
            np.copyto(plane, cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA))

    def _mux(self, frame: VideoFrame | None) -> None:
        try:
            for packet in self._stream.encode(frame):
                pts, packet.duration = self._queue.popleft()
                packet.pts = packet.dts = pts
                packet.time_base = self._timeline.time_base
                if self._sound is not None:
                    self._mux_all(self._sound.until(pts * packet.time_base))
                self._container.mux(packet)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise unwritable(self._target, error) from error

    def _mux_all(self, packets: Iterable[Packet[AudioStream]]) -> None:
        for packet in packets:
            self._container.mux(packet)

    def finish(self) -> None:
        """Flush, close, correct the times that were placeholders, and take the final name.

        Raises:
            SinkError: the file cannot be finished; what is there stays under the partial name.
        """
        with self._opened:
            self._mux(None)
            try:
                if self._sound is not None:
                    tick_s = self._timeline.time_base
                    self._mux_all(self._sound.rest(self._last * tick_s, self._end * tick_s))
                self._container.close()
            except (av.FFmpegError, OSError, ValueError) as error:
                raise unwritable(self._target, error) from error
        try:
            if not self._timeline.is_exact:
                rewrite(self._partial, self._timeline)
            self._partial.replace(self._target)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise unwritable(self._target, error) from error

    def abandon(self) -> None:
        """Release everything after a failure; the partial file stays as far as it got."""
        with contextlib.suppress(av.FFmpegError, OSError, ValueError):
            self._opened.close()


def _ticks_a_frame(first: Frame) -> int:
    rate = first.stream.rate or _UNKNOWN_RATE
    return max(1, round(1 / (rate * first.time_base)))
