"""A recorded file: every frame, with the times that its decoder gives."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from streamer.clock import Clock, MonotonicClock
from streamer.errors import SourceError, SourceOpenError
from streamer.frame import Frame, StreamInfo
from streamer.picture import Picture
from streamer.samples import DlDevice
from streamer.sources.decoded import Converter, Orientation
from streamer.sources.hardware import ON_CPU, HardwareChoice, Way, picture_of
from streamer.sources.opened import OpenedSource
from streamer.sources.track import PictureTrack, first_video, sample_aspect, time_of

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.video.stream import VideoStream

logger = logging.getLogger(__name__)


class FileSource(OpenedSource):
    """Decodes the first video stream of a file with PyAV; a cover picture is none.

    Times are the decoder's own, also where they start late or go backwards. Damaged packets are
    skipped and counted in one warning at the end.

    Args:
        path: the file.
        stream_id: unique within the run.
        clock: stamps `captured_ns`.
        hardware: whether a GPU decodes; None for the CPU.
    """

    def __init__(
        self,
        path: Path,
        *,
        stream_id: str,
        clock: Clock | None = None,
        hardware: HardwareChoice | None = None,
    ) -> None:
        self._path = path
        self._hardware = hardware
        super().__init__(stream_id)
        self._clock = clock or MonotonicClock()
        self._way = ON_CPU
        self._container: InputContainer | None = None

    def stay_on(self, device: DlDevice) -> None:
        """Pictures may stay in that device's memory; said before the source is entered."""
        if self._hardware is not None:
            self._hardware.stay_on(device)

    def __iter__(self) -> Iterator[Frame]:
        """Every frame, in the decoder's order.

        Raises:
            SourceError: the file cannot be read any further.
        """
        decoded: av.VideoFrame | None = self._first
        last_pts: int | None = None
        index = 0
        while decoded is not None:
            frame = self._frame(decoded, index, last_pts)
            yield frame
            last_pts, index = frame.pts, index + 1
            decoded = self._next(index)
        damaged = self._track.damaged_packets
        if damaged:
            logger.warning("%s: skipped %d damaged packets", self._stream.name, damaged)

    def _open(self) -> None:
        """Decode the first frame, on the GPU where that was chosen; if it fails there, on the CPU.

        Raises:
            SourceOpenError: missing, not a video, or without a frame that can be decoded.
        """
        way = ON_CPU if self._hardware is None else self._hardware.way()
        if way.on_gpu:
            try:
                self._open_so(way)
            except SourceError as error:
                self._leave_gpu(error)
            else:
                return
        self._open_so(ON_CPU)

    def _next(self, index: int) -> av.VideoFrame | None:
        """Frame `index`, from 1; where the GPU fails on the way, the CPU begins again."""
        try:
            return next(self._track, None)
        except SourceError as error:
            if not self._way.on_gpu:
                raise
            self._leave_gpu(error)
        self._open_so(ON_CPU)
        return next(islice(self._track, index - 1, None), None)  # opening has taken the first

    def _leave_gpu(self, error: SourceError) -> None:
        self._close()
        if self._hardware is not None:
            self._hardware.refuse(error)

    def _open_so(self, way: Way) -> None:
        import av  # late: importing PyAV and OpenCV together warns on macOS, and costs start-up

        self._way = way
        try:
            self._container = way.open(self._path)
        except (av.FFmpegError, OSError) as error:
            raise SourceOpenError(self._open_message(error)) from error
        video = first_video(self._container)
        if video is None:
            raise SourceOpenError(
                f"source '{self._path}': expected a video, got a file without pictures"
            )
        way.set_threads(video)
        self._track = PictureTrack(self._container, video, str(self._path))
        first = next(self._track, None)
        if first is None:
            raise SourceOpenError(
                f"source '{self._path}': expected a video, got no frame that can be decoded "
                f"({self._track.damaged_packets} damaged packets)"
            )
        self._first: av.VideoFrame | None = first
        self._orientation = Orientation.of_frame(first)
        self._to_bgr, self._to_i420 = Converter("bgr24"), Converter("yuv420p")
        self._stream = self._describe(video, first)

    def _open_message(self, error: Exception) -> str:
        if not self._path.exists():
            return f"source '{self._path}': no such file; check the path"
        if isinstance(error, PermissionError):
            return f"source '{self._path}': not allowed to read it; check its permissions"
        return (
            f"source '{self._path}': expected a video or picture, got something FFmpeg cannot read"
        )

    def _describe(self, video: VideoStream, first: av.VideoFrame) -> StreamInfo:
        picture = self._picture(first)
        rate = video.average_rate or video.base_rate
        container = video.container
        return StreamInfo(
            stream_id=self._stream_id,
            name=str(self._path),
            width=picture.width,
            height=picture.height,
            time_base=first.time_base or video.time_base or Fraction(1, 1000),
            rate=rate,
            frame_count=video.frames or _estimate_count(video, rate),
            sound_path=self._path if container.streams.audio else None,
            sample_aspect=sample_aspect(video, self._orientation),
        )

    def _picture(self, decoded: av.VideoFrame) -> Picture:
        return picture_of(decoded, self._orientation, self._to_bgr, self._to_i420)

    def _frame(self, decoded: av.VideoFrame, index: int, last_pts: int | None) -> Frame:
        time_base = decoded.time_base or self._stream.time_base
        return Frame(
            stream=self._stream,
            index=index,
            pts=time_of(decoded, last_pts, time_base, self._stream.rate),
            time_base=time_base,
            captured_ns=self._clock.now_ns(),
            picture=self._picture(decoded),
            duration=decoded.duration or None,
        )

    def _close(self) -> None:
        self._first = None
        if self._container is not None:
            self._container.close()
            self._container = None


def _estimate_count(video: VideoStream, rate: Fraction | None) -> int | None:
    """Frames to expect from duration and rate, where the container keeps no count."""
    if rate is None:
        return None
    if video.duration and video.time_base:
        return round(video.duration * video.time_base * rate)
    duration_us = video.container.duration  # type: ignore[attr-defined]  # input containers have it
    return round(Fraction(duration_us, 1_000_000) * rate) if duration_us else None
