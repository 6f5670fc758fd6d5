"""A byte stream on standard input or a named pipe, in any container that needs no seeking."""

from __future__ import annotations

import logging
import os
import select
import stat
import sys
import threading
from collections.abc import Iterator
from fractions import Fraction
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

from streamer.clock import Clock, MonotonicClock
from streamer.errors import SourceOpenError
from streamer.frame import Frame, StreamInfo
from streamer.sources.decoded import Converter, DecodedPicture, Orientation
from streamer.sources.opened import OpenedSource
from streamer.sources.silence import silence_ffmpeg
from streamer.sources.track import PictureTrack, first_video, sample_aspect, time_of

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.video.stream import VideoStream

logger = logging.getLogger(__name__)


class WakeablePipe:
    """Reads a file descriptor; `stop` ends a read that waits, and all that follow.

    Args:
        descriptor: a pipe, a terminal or a file; stays open.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._awaiting, self._waking = os.pipe()

    def read(self, size: int) -> bytes:
        """Up to `size` bytes, as soon as there are any; none at the end or once stopped."""
        poll = select.poll()  # takes files too, and any number, unlike epoll and select
        poll.register(self._awaiting, select.POLLIN)
        poll.register(self._descriptor, select.POLLIN)
        ready = [descriptor for descriptor, _ in poll.poll()]
        return b"" if self._awaiting in ready else os.read(self._descriptor, size)

    def stop(self) -> None:
        """End every read; any thread."""
        os.write(self._waking, b"!")

    def close(self) -> None:
        """Let go of what `stop` needs."""
        os.close(self._awaiting)
        os.close(self._waking)


class StdinSource(OpenedSource):
    """Decodes the first video stream of what is piped in, every frame of it.

    A pipe waits for its reader, so it counts as a recording and loses nothing; `Paced` or another
    policy makes it a camera.

    Args:
        stream_id: unique within the run.
        path: of a named pipe; None: standard input.
        descriptor: where the bytes come from instead; stays open.
        clock: stamps `captured_ns`.
    """

    def __init__(
        self,
        *,
        stream_id: str = "stdin",
        path: Path | None = None,
        descriptor: int | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(stream_id)
        self._path = path
        self._name = "-" if path is None else str(path)
        self._descriptor = descriptor
        self._own_descriptor: int | None = None
        self._clock = clock or MonotonicClock()
        self._pipe: WakeablePipe | None = None
        self._container: InputContainer | None = None
        self._lock = threading.Lock()  # `stop` may come while the pipe opens or closes
        self._is_stopped = False

    def stop(self) -> None:
        """End soon, also while nothing comes; any thread, for good."""
        with self._lock:
            is_first, self._is_stopped = not self._is_stopped, True
            if is_first and self._pipe is not None:
                self._pipe.stop()

    def __iter__(self) -> Iterator[Frame]:
        """Every frame, in the decoder's order, until the input ends.

        Raises:
            SourceError: the input cannot be read any further.
        """
        decoded: av.VideoFrame | None = self._first
        last_pts: int | None = None
        index = 0
        while decoded is not None and not self._is_stopped:
            frame = self._frame(decoded, index, last_pts)
            yield frame
            last_pts, index = frame.pts, index + 1
            decoded = next(self._track, None)
        damaged = self._track.damaged_packets
        if damaged:
            logger.warning("%s: skipped %d damaged packets", self._name, damaged)

    def _open(self) -> None:
        """Read until the first frame is decoded.

        Raises:
            SourceOpenError: nothing is piped in, or no video.
        """
        import av  # late: importing PyAV and OpenCV together warns on macOS, and costs start-up

        silence_ffmpeg()
        pipe = self._open_pipe()
        try:
            self._container = container = av.open(pipe, mode="r", metadata_errors="replace")
        except (av.FFmpegError, OSError) as error:
            raise SourceOpenError(self._open_message()) from error
        video = first_video(container)
        if video is None:
            raise SourceOpenError(
                f"source '{self._name}': expected a video, got a stream without pictures"
            )
        video.thread_type = "AUTO"
        self._track = PictureTrack(container, video, self._name)
        first = next(self._track, None)
        if first is None:
            raise SourceOpenError(self._open_message())
        self._first: av.VideoFrame | None = first
        self._orientation = Orientation.of_frame(first)
        self._to_bgr, self._to_i420 = Converter("bgr24"), Converter("yuv420p")
        self._stream = self._describe(video, first)

    def _open_pipe(self) -> WakeablePipe | FileIO:
        if sys.platform == "win32":  # a wait for a pipe cannot be woken there
            raise SourceOpenError(
                f"source '{self._name}': not supported on Windows; save the stream to a file"
            )
        descriptor = self._open_descriptor()
        if os.isatty(descriptor):
            raise SourceOpenError(
                f"source '{self._name}': expected a video piped in, got a terminal; "
                "pipe it: ffmpeg ... -f matroska - | python run.py --source -"
            )
        if stat.S_ISREG(os.fstat(descriptor).st_mode):  # which never keeps anybody waiting
            return FileIO(descriptor, closefd=False)
        with self._lock:
            self._pipe = WakeablePipe(descriptor)
            if self._is_stopped:
                self._pipe.stop()
            return self._pipe

    def _open_descriptor(self) -> int:
        if self._descriptor is not None:
            return self._descriptor
        if self._path is None:
            if sys.stdin is None:
                raise SourceOpenError("source '-': standard input is closed; pipe a video into it")
            return sys.stdin.fileno()
        try:
            # Opening must not wait for whoever fills the pipe: nothing could end that.
            self._own_descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError as error:
            raise SourceOpenError(
                f"source '{self._path}': cannot be read: {(error.strerror or str(error)).lower()}"
            ) from error
        return self._own_descriptor

    def _open_message(self) -> str:
        if self._is_stopped:
            return f"source '{self._name}': stopped before its first picture"
        return (
            f"source '{self._name}': expected a video, got bytes that FFmpeg cannot read, or none; "
            "in a pipe an mp4 needs its index first (faststart), or send Matroska"
        )

    def _describe(self, video: VideoStream, first: av.VideoFrame) -> StreamInfo:
        picture = self._picture(first)
        return StreamInfo(
            stream_id=self._stream_id,
            name=self._name,
            width=picture.width,
            height=picture.height,
            time_base=first.time_base or video.time_base or Fraction(1, 1000),
            rate=video.average_rate or video.base_rate,
            sample_aspect=sample_aspect(video, self._orientation),
        )

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

    def _picture(self, decoded: av.VideoFrame) -> DecodedPicture:
        return DecodedPicture(decoded, self._orientation, self._to_bgr, self._to_i420)

    def _close(self) -> None:
        self._first = None
        if self._container is not None:
            self._container.close()
            self._container = None
        with self._lock:
            if self._pipe is not None:
                self._pipe.close()
                self._pipe = None
        if self._own_descriptor is not None:
            os.close(self._own_descriptor)
            self._own_descriptor = None
