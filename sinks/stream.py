"""The stream sink: annotated H.264 pushed to an rtsp, rtmp, srt or udp address as it happens."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from types import TracebackType
from typing import Self
from urllib.parse import quote

import numpy as np
from av.video.frame import VideoFrame

from detector.detections import Detections
from sinks.annotate import Annotator, Style
from sinks.canvas import I420Canvas
from sinks.connection import Connection, ConnectionLost, ProtocolUnknown
from sinks.mp4 import Preset
from sinks.planes import plane_views
from streamer.clock import MonotonicClock
from streamer.errors import SinkError
from streamer.frame import Frame
from streamer.redact import redact
from streamer.result import Result

logger = logging.getLogger(__name__)

# What carries the pictures for each kind of address: FFmpeg's name of the format.
MUXERS: Mapping[str, str] = {
    "rtmp": "flv",
    "rtmps": "flv",
    "rtsp": "rtsp",
    "rtsps": "rtsp",
    "srt": "mpegts",
    "tcp": "mpegts",
    "udp": "mpegts",
}

_LONGEST_WAIT_S = 1.0  # for a recording's next picture: a gap of hours is not sat out


@dataclass(frozen=True, slots=True)
class StreamConfig:
    """How a stream is sent.

    Attributes:
        preset: x264's, always tuned for no delay.
        crf: x264's constant rate factor in 0..51; lower is better and needs more bandwidth.
        max_kbps: most kilobits a second, or None for what the picture needs.
        keyframe_s: longest time between keyframes, s; a viewer waits that long for a picture.
        timeout_s: a peer that takes nothing for so long is given up, s; also bounds the end.
        retry_s: the first wait before connecting again, s; it doubles up to `retry_most_s`.
        retry_most_s: the longest wait, s.
    """

    preset: Preset = "ultrafast"
    crf: int = 23
    max_kbps: int | None = None
    keyframe_s: float = 1.0
    timeout_s: float = 5.0
    retry_s: float = 0.5
    retry_most_s: float = 15.0

    def __post_init__(self) -> None:
        if not 0 <= self.crf <= 51:
            raise ValueError(f"crf: expected 0..51, got {self.crf!r}")
        if self.max_kbps is not None and self.max_kbps < 1:
            raise ValueError(f"max_kbps: expected at least 1, got {self.max_kbps!r}")
        for name in ("keyframe_s", "timeout_s", "retry_s", "retry_most_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}: expected more than 0, got {getattr(self, name)!r}")


class StreamSink:
    """Sends one stream to one address.

    A peer that is away or too slow costs only what it does not get: it is tried again after a
    while, and meanwhile pictures are lost and counted. A recording is sent at its own pace.

    Args:
        url: where to; the scheme is one of MUXERS.
        class_names: of the detector.
        config: how.
        style: how results look.

    Raises:
        SinkError: the address will not do.
    """

    def __init__(
        self,
        url: str,
        class_names: Sequence[str],
        config: StreamConfig | None = None,
        style: Style | None = None,
    ) -> None:
        scheme = re.match(r"([a-z]+)://[^/\s]", url)
        if scheme is None or scheme[1] not in MUXERS:
            raise SinkError(
                f"sink stream: expected an address with {', '.join(MUXERS)}, got {redact(url)!r}"
            )
        self._url = url
        self._muxer = MUXERS[scheme[1]]
        self._config = config or StreamConfig()
        self._annotator = Annotator(class_names, style)
        self._clock = MonotonicClock()
        self._stopping = threading.Event()
        self._connection: Connection | None = None
        self._retry_at_ns = 0
        self._wait_s = self._config.retry_s
        self._start_ns: int | None = None  # of the recording's time 0 on our clock
        self.sent = 0
        self.lost = 0
        self.connections = 0

    @property
    def name(self) -> str:
        """The address, without secrets."""
        return f"stream {redact(self._url)}"

    def __enter__(self) -> Self:
        """Nothing yet: the first picture says what is to be sent."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Say goodbye within the time-out, whatever ended the run."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        if self.lost:
            logger.warning("%s: %d of %d pictures lost", self.name, self.lost, self._count)

    @property
    def _count(self) -> int:
        return self.sent + self.lost

    def stop(self) -> None:
        """The run is to end: wait for nothing any more; any thread, any time."""
        self._stopping.set()
        connection = self._connection
        if connection is not None:
            connection.hurry()

    def write(self, result: Result[Detections]) -> None:
        """Draw and send one frame, or lose it.

        Raises:
            SinkError: this FFmpeg cannot speak the protocol at all.
        """
        frame = result.frame
        self._keep_pace(frame)
        connection = self._connected(frame)
        if connection is None:
            self.lost += 1
            return
        picture = self._drawn(result)
        try:
            connection.send(picture, frame.pts * frame.time_base)
        except ConnectionLost as error:
            self._disconnect(str(error))
            self.lost += 1
        except ProtocolUnknown as error:
            raise SinkError(f"{self.name}: {error}; use another kind of address") from error
        else:
            self.sent += 1
            if connection.is_steady:
                self._wait_s = self._config.retry_s

    def _connected(self, frame: Frame) -> Connection | None:
        """The connection, a new one if it is time for that; None while waiting."""
        size = (frame.width + frame.width % 2, frame.height + frame.height % 2)
        if self._connection is not None and self._connection.size != size:
            self._connection.close()  # the format cannot change its size on the way
            self._connection = None
        is_due = self._clock.now_ns() >= self._retry_at_ns and not self._stopping.is_set()
        if self._connection is None and is_due:
            self.connections += 1
            self._connection = Connection(
                self._url, self._muxer, size, self._encoder_options(),
                rate=frame.stream.rate or Fraction(30), keyframe_s=self._config.keyframe_s,
                timeout_s=self._config.timeout_s, colour=frame.i420().colour,
            )  # fmt: skip
        return self._connection

    def _disconnect(self, reason: str) -> None:
        is_first = self._wait_s == self._config.retry_s and not self._stopping.is_set()
        log = logger.warning if is_first else logger.info
        log("%s: %s; trying again in %g s", self.name, redact(reason), self._wait_s)
        if self._connection is not None:
            self._connection.kill()
        self._connection = None
        self._retry_at_ns = self._clock.now_ns() + round(self._wait_s * 1e9)
        self._wait_s = min(2 * self._wait_s, self._config.retry_most_s)

    def _keep_pace(self, frame: Frame) -> None:
        """Wait until a recording's picture is due; the world keeps the pace of live ones."""
        if frame.stream.is_live:
            return
        at_ns = round(frame.pts * frame.time_base * 1_000_000_000)
        now_ns = self._clock.now_ns()
        if self._start_ns is None:
            self._start_ns = now_ns - at_ns
        early_s = (self._start_ns + at_ns - now_ns) / 1e9
        if not -_LONGEST_WAIT_S < early_s < _LONGEST_WAIT_S:
            self._start_ns = now_ns - at_ns  # a gap, or we were held up: go on from here
        elif early_s > 0:
            self._stopping.wait(early_s)

    def _drawn(self, result: Result[Detections]) -> VideoFrame:
        picture = result.frame.i420()
        height, width = picture.y.shape
        encoded = VideoFrame(width, height, "yuv420p")
        y, u, v = plane_views(encoded)
        for plane, samples in zip((y, u, v), (picture.y, picture.u, picture.v), strict=True):
            np.copyto(plane, samples)
        canvas = I420Canvas(y, u, v, picture.colour)
        self._annotator.draw_result(canvas, result)
        return encoded

    def _encoder_options(self) -> dict[str, str]:
        config = self._config
        options = {"preset": config.preset, "tune": "zerolatency", "crf": str(config.crf)}
        options["forced-idr"] = "1"
        if config.max_kbps is not None:
            options["maxrate"] = f"{config.max_kbps}k"
            options["bufsize"] = f"{config.max_kbps}k"  # one second of it
        return options


def stream_addresses(template: str, stream_ids: Sequence[str]) -> Mapping[str, str]:
    """Stream id -> address; `{stream}` in the template stands for the id, as addresses write it.

    >>> stream_addresses("rtmp://host/live/{stream}", ["door", "back yard"])["back yard"]
    'rtmp://host/live/back%20yard'

    Raises:
        SinkError: several streams would go to one address.
    """
    if len(stream_ids) > 1 and "{stream}" not in template:
        raise SinkError(
            f"sink stream: expected an address with {{stream}} for {len(stream_ids)} streams, got "
            f"{redact(template)!r}; put {{stream}} where their names belong"
        )
    return {
        stream_id: template.replace("{stream}", quote(stream_id, safe=""))
        for stream_id in stream_ids
    }
