"""One connection to a streaming server: an encoder here, the network in a process of its own."""

from __future__ import annotations

import contextlib
import math
import os
import socket
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
from av.video.frame import PictureType, VideoFrame

from sinks import pusher
from streamer.picture import Colour

_MILLISECOND = Fraction(1, 1000)  # what FLV counts in
_HURRY_S = 1.0  # instead of the time-out, once the run is to end
_STEADY_AFTER = 60  # pictures sent: more than the buffers on the way swallow without a peer


class ConnectionLost(Exception):
    """The peer is away, has left or takes nothing; the message says which."""


class ProtocolUnknown(Exception):
    """No try will ever succeed."""


class _Pipe:
    """What FFmpeg writes to: every write takes or fails within the socket's time-out."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._since_s: float | None = None  # when the write at hand began

    def write(self, data: bytes) -> int:
        self._since_s = time.monotonic()
        self._end.sendall(data)
        self._since_s = None
        return len(data)

    def hurry(self) -> None:
        """Later writes wait less, and one that already waits fails at once; any thread."""
        self._end.settimeout(_HURRY_S)
        since_s = self._since_s
        if since_s is not None and time.monotonic() - since_s > _HURRY_S / 2:
            self._end.shutdown(socket.SHUT_RDWR)


class Connection:
    """Encodes pictures and hands them to a process that sends them.

    Args:
        url: where to.
        muxer: FFmpeg's name of the format there.
        size: width and height, px, even.
        options: of the encoder.
        rate: frames a second, about.
        keyframe_s: longest time between keyframes, s.
        timeout_s: for every write, and for the end.
        colour: of the samples.
    """

    def __init__(
        self,
        url: str,
        muxer: str,
        size: tuple[int, int],
        options: dict[str, str],
        *,
        rate: Fraction,
        keyframe_s: float,
        timeout_s: float,
        colour: Colour,
    ) -> None:
        self.size = size
        self._timeout_s = timeout_s
        self._keyframe_ms = math.ceil(keyframe_s * 1000)
        self._sent = 0
        self._is_open = False
        self._last_ms = -1
        self._next_keyframe_ms = 0
        self._origin_s: Fraction | None = None
        self._end, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(Path(pusher.__file__))],
                stdin=theirs.fileno(),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
            )
        assert self._process.stdout is not None  # asked for above
        os.set_blocking(self._process.stdout.fileno(), False)
        self._end.settimeout(timeout_s)
        self._end.sendall(f"{url}\n{muxer}\n".encode())
        self._pipe = _Pipe(self._end)
        self._container = av.open(
            self._pipe, "w", format="flv",
            options={"flush_packets": "1", "flvflags": "no_duration_filesize"},
        )  # fmt: skip
        self._stream = self._container.add_stream(
            "libx264", rate=rate.limit_denominator(100_000), options=options
        )
        encoder = self._stream.codec_context
        encoder.time_base = self._stream.time_base = _MILLISECOND
        encoder.width, encoder.height = size
        encoder.pix_fmt = "yuv420p"
        encoder.gop_size = 600  # keyframes are asked for by time
        encoder.thread_count = 1
        encoder.colorspace = colour.matrix
        encoder.color_primaries = colour.primaries
        encoder.color_trc = colour.transfer

    @property
    def is_steady(self) -> bool:
        """The peer has agreed, and so much has been sent that it must be reading."""
        stdout = self._process.stdout
        if self._sent >= _STEADY_AFTER and not self._is_open and stdout is not None:
            self._is_open = stdout.read(1) == pusher.READY
        return self._is_open

    def send(self, picture: VideoFrame, time_s: Fraction) -> None:
        """Send one picture.

        Raises:
            ConnectionLost: try again later, with another connection.
            ProtocolUnknown: do not.
        """
        if self._process.poll() is not None:
            raise self._failure()
        if self._origin_s is None:
            self._origin_s = time_s
        at_ms = max(round((time_s - self._origin_s) * 1000), self._last_ms + 1)
        self._last_ms = at_ms
        is_due = at_ms >= self._next_keyframe_ms
        picture.pict_type = PictureType.I if is_due else PictureType.NONE
        if is_due:
            self._next_keyframe_ms = at_ms + self._keyframe_ms
        picture.pts, picture.time_base = at_ms, _MILLISECOND
        try:
            self._container.mux(self._stream.encode(picture))
        except TimeoutError as error:
            raise ConnectionLost(f"takes nothing for {self._timeout_s:g} s") from error
        except (av.FFmpegError, OSError, ValueError) as error:
            raise self._failure() from error
        self._sent += 1

    def hurry(self) -> None:
        """The run is to end: a peer that takes nothing is waited for no longer; any thread."""
        self._timeout_s = min(self._timeout_s, _HURRY_S)
        with contextlib.suppress(OSError):  # it has ended by itself
            self._pipe.hurry()

    def close(self) -> None:
        """Send what is left and end, within the time-out; a peer that lets us wait is left."""
        with contextlib.suppress(av.FFmpegError, OSError, ValueError):
            self._container.mux(self._stream.encode(None))
            self._container.close()
        self._end.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(self._timeout_s)
        self.kill()

    def kill(self) -> None:
        """End at once."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        with contextlib.suppress(av.FFmpegError, OSError, ValueError):
            self._container.close()  # its last words go to a process that is gone
        self._end.close()

    def _failure(self) -> ConnectionLost | ProtocolUnknown:
        """Why the process has ended, or is about to."""
        try:
            code = self._process.wait(self._timeout_s)
        except subprocess.TimeoutExpired:
            return ConnectionLost("does not answer")
        assert self._process.stderr is not None  # asked for above
        reason = self._process.stderr.read().decode(errors="replace").strip().splitlines()
        text = reason[-1] if reason else "the connection was lost"
        return ProtocolUnknown(text) if code == pusher.GIVES_UP else ConnectionLost(text)
