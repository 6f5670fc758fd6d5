"""One connection to a network stream: RTSP, RTMP, HTTP (MJPEG, HLS, files), UDP."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from streamer.clock import Clock, MonotonicClock
from streamer.contract import Source
from streamer.errors import ChannelClosed, SourceError, SourceOpenError, SourceTimeoutError
from streamer.frame import Frame, StreamInfo
from streamer.health import Health
from streamer.redact import redact
from streamer.sources.assembly import Assembler, assembled, assembler_of
from streamer.sources.decoded import Converter, DecodedPicture, Orientation
from streamer.sources.evenly import Evenly
from streamer.sources.interrupt import Interrupt
from streamer.sources.network_config import (
    SCHEMES,
    NetworkConfig,
    is_network,
    is_unparsed,
    open_options,
    scheme_of,
)
from streamer.sources.opened import OpenedSource
from streamer.sources.reconnect import Reconnecting, ReconnectPolicy
from streamer.sources.refusal import (
    SourceRefusedError,
    describe_open_error,
    host_of,
    is_cut_short,
)
from streamer.sources.resolve import Resolver
from streamer.sources.silence import silence_ffmpeg
from streamer.sources.stall import Patience

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

# Formats that carry no times: FFmpeg would count frames at a rate of its own invention.
UNTIMED = frozenset({"mpjpeg", "mjpeg", "jpeg_pipe", "png_pipe", "h264", "hevc", "image2pipe"})
MICROSECOND = Fraction(1, 1_000_000)
HLS_PATIENCE_S = 30.0  # segments of up to 10 s come whole, and the list two reloads late
BACKSTOP_S = 60.0  # PyAV's own read time-out, behind ours
END_TOLERANCE = 1  # seconds before its announced end where a recording may stop


def network_source(
    url: str,
    *,
    stream_id: str,
    config: NetworkConfig | None = None,
    policy: ReconnectPolicy | None = None,
    health: Health | None = None,
    clock: Clock | None = None,
) -> Reconnecting:
    """The stream at an address, for as long as it takes.

    HLS comes a segment at a time and is played at its own pace.

    Raises:
        SourceRefusedError: not an address of a known kind.
    """
    if not is_network(url):
        known = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        raise SourceRefusedError(f"source '{redact(url)}': expected one of {known}")
    resolver = Resolver(clock=clock)

    def connect() -> Source:
        source = NetworkSource(
            url, stream_id=stream_id, config=config, clock=clock, resolver=resolver
        )
        return Evenly(source, clock=clock)

    return Reconnecting(connect, stream_id=stream_id, policy=policy, health=health, clock=clock)


class NetworkSource(OpenedSource):
    """Reads one network stream until it ends, breaks, falls silent or is stopped.

    Times are the stream's own; a stream without any (MJPEG over HTTP) is timed by arrival. A
    stream that says how long it is ends there; any other end is a failure. Errors never have a
    cause attached, for FFmpeg's own text names the address with its password.
    `stream` is renewed when the picture changes its size.

    Args:
        url: with one of `network_config.SCHEMES`, credentials in it if needed.
        stream_id: unique within the run.
        config: how patient to be.
        clock: stamps `captured_ns`.
        resolver: asked about the host's name; shared by the connections to one host.
    """

    def __init__(
        self,
        url: str,
        *,
        stream_id: str,
        config: NetworkConfig | None = None,
        clock: Clock | None = None,
        resolver: Resolver | None = None,
    ) -> None:
        self._url = url
        self._name = redact(url)
        super().__init__(stream_id)
        self._config = config or NetworkConfig()
        self._clock = clock or MonotonicClock()
        self._resolver = resolver or Resolver(clock=self._clock)
        self._interrupt = Interrupt()
        self._container: InputContainer | None = None
        self._packets: Iterator[Packet[VideoStream]] | None = None
        self._assembler: Assembler | None = None
        self._ready: list[av.VideoFrame] = []
        self._is_hls = False

    @property
    def comes_in_pieces(self) -> bool:
        """It is HLS: a segment at a time; known once entered."""
        return self._is_hls

    def stop(self) -> None:
        """End opening and reading at once; any thread, any time, for good."""
        self._interrupt.stop()
        self._resolver.stop()

    def __iter__(self) -> Iterator[Frame]:
        """The frames as they come, until the stream's announced end or `stop`.

        Raises:
            SourceTimeoutError: nothing came for too long.
            SourceError: the connection broke, or the peer ended a stream that has no end.
        """
        patience = self._patience()
        index = 0
        last: Frame | None = None
        ready, self._ready = self._ready, []
        while not self._interrupt.is_stopped:
            for decoded in ready:
                frame = self._frame(decoded, index, last)
                if last is not None:
                    patience.interval((frame.captured_ns - last.captured_ns) / 1e9)
                index, last = index + 1, frame
                yield frame
            more = self._decode_next(patience.seconds)
            if more is None:
                self._check_end(last)
                return
            ready = more

    def _open(self) -> None:
        """Connect and decode the first picture.

        Raises:
            SourceOpenError: no picture could be had; SourceRefusedError where the peer said no.
            ChannelClosed: stopped.
        """
        from av.codec.context import Flags2

        if not is_network(self._url):
            raise SourceRefusedError(f"source '{self._name}': expected a network address")
        self._check_name()
        container = self._connect()
        # FFmpeg then opens what had come, which a slow stream goes on from and others do not.
        is_late = self._interrupt.is_over
        if is_late and not container.streams.video:
            raise self._no_picture()
        video = self._choose_video(container)
        video.thread_type = "SLICE"  # frame threads would hold back a frame each
        if is_unparsed(self._url):
            self._assembler = assembler_of(video.codec_context.name)
            video.codec_context.flags2 |= Flags2.chunks  # a picture may come in several units
        self._packets = container.demux(video)
        first: list[av.VideoFrame] | None = []
        deadline_ns = self._clock.now_ns() + int(self._config.connect_timeout_s * 1e9)
        try:
            while not first:
                left_s = (deadline_ns - self._clock.now_ns()) / 1e9
                first = self._decode_next(left_s)
                if first is None:
                    raise SourceOpenError(
                        f"source '{self._name}': expected a video, got its end before a picture"
                    )
        except SourceError as error:
            if is_late or isinstance(error, SourceTimeoutError):
                raise self._no_picture() from None
            raise
        self._zero_ns = self._clock.now_ns()
        self._ready = first
        self._orientation = Orientation.of_frame(first[0])
        self._to_bgr, self._to_i420 = Converter("bgr24"), Converter("yuv420p")
        self._stream = self._describe(container, video, first[0])

    def _check_name(self) -> None:
        host = host_of(self._url)
        if not host and scheme_of(self._url) != "udp":
            raise SourceRefusedError(f"source '{self._name}': expected a host after '://'")
        if is_cut_short(self._url):
            raise SourceRefusedError(
                f"source '{self._name}': expected '/', '?' and '#' of a password written as "
                "%2F, %3F and %23"
            )
        timeout_s = self._config.connect_timeout_s
        if host and not self._resolver.resolves(host, timeout_s=timeout_s):
            self._raise_if_stopped()
            raise SourceOpenError(f"source '{self._name}': the name {host!r} does not resolve")

    def _connect(self) -> InputContainer:
        import av  # late: importing PyAV and OpenCV together warns on macOS, and costs start-up

        silence_ffmpeg()
        timeout_s = self._config.connect_timeout_s
        failure: SourceOpenError
        try:
            with self._interrupt.within(timeout_s):
                self._container = av.open(
                    self._url,
                    options=open_options(self._url, self._config),
                    timeout=(2 * timeout_s, BACKSTOP_S),
                    metadata_errors="replace",
                )
                return self._container
        except (av.FFmpegError, OSError, ValueError) as error:
            failure = describe_open_error(self._url, error)
        self._raise_if_stopped()
        if self._interrupt.is_over:
            failure = SourceOpenError(
                f"source '{self._name}': no answer within {timeout_s:g} s; check host and port"
            )
        raise failure

    def _no_picture(self) -> SourceOpenError:
        return SourceOpenError(
            f"source '{self._name}': connected, but no picture came within "
            f"{self._config.connect_timeout_s:g} s"
        )

    def _choose_video(self, container: InputContainer) -> VideoStream:
        """The largest picture that is offered; everything else stays unread."""
        from av.stream import Discard

        videos = container.streams.video
        if not videos:
            raise SourceRefusedError(f"source '{self._name}': expected a video, got none in it")
        video = max(videos, key=lambda v: v.codec_context.width * v.codec_context.height)
        for other in container.streams:
            if other is not video:
                other.discard = Discard.all
        return video

    def _decode_next(self, timeout_s: float) -> list[av.VideoFrame] | None:
        """Frames of the next packet that gives any, or None at the end and once stopped."""
        import av

        frames: list[av.VideoFrame] | None = None
        failure: SourceError | None = None
        try:
            with self._interrupt.within(timeout_s):
                frames = self._read()
        except (av.FFmpegError, OSError) as error:
            reason = str(getattr(error, "strerror", None) or type(error).__name__).lower()
            failure = SourceError(f"source '{self._name}': the connection broke: {reason}")
        if self._interrupt.is_stopped:
            return None
        if self._interrupt.is_over:  # whatever came: FFmpeg gives up what it held back, or "end"
            failure = SourceTimeoutError(f"source '{self._name}': no frame for {timeout_s:.1f} s")
        if failure is not None:
            raise failure
        return frames

    def _read(self) -> list[av.VideoFrame] | None:
        while self._packets is not None and not self._interrupt.is_over:
            packet = next(self._packets, None)
            if packet is None:
                return None
            if frames := self._decode(packet):
                return frames
        return None

    def _decode(self, packet: Packet[VideoStream]) -> list[av.VideoFrame]:
        import av

        frames: list[av.VideoFrame] = []
        for whole in assembled(packet, self._assembler):
            with contextlib.suppress(av.InvalidDataError):  # a hiccup; the next key frame mends it
                frames += packet.stream.codec_context.decode(whole)
        return frames

    def _check_end(self, last: Frame | None) -> None:
        """An end is one only where it was announced."""
        if self._interrupt.is_stopped:
            return
        if self._duration_s is None:
            raise SourceError(f"source '{self._name}': the peer ended the stream")
        position_s = last.time_s - self._start_s if last is not None else 0.0
        if position_s < self._duration_s - END_TOLERANCE:
            raise SourceError(
                f"source '{self._name}': it broke off after {position_s:.1f} "
                f"of {self._duration_s:.1f} s"
            )

    def _describe(
        self, container: InputContainer, video: VideoStream, first: av.VideoFrame
    ) -> StreamInfo:
        picture = self._picture(first)
        self._is_hls = container.format.name.startswith("hls")
        self._is_untimed = container.format.name in UNTIMED
        self._duration_s = container.duration / 1e6 if container.duration else None
        rate = None if self._is_untimed else video.average_rate or None
        time_base = MICROSECOND if self._is_untimed else first.time_base or video.time_base
        self._time_base = time_base or MICROSECOND
        self._start_s = float((first.pts or 0) * self._time_base)
        aspect = video.sample_aspect_ratio
        return StreamInfo(
            stream_id=self._stream_id,
            name=self._name,
            width=picture.width,
            height=picture.height,
            time_base=self._time_base,
            rate=rate,
            frame_count=round(self._duration_s * rate) if self._duration_s and rate else None,
            is_live=self._duration_s is None,
            sample_aspect=aspect if aspect and aspect != 1 else None,
        )

    def _frame(self, decoded: av.VideoFrame, index: int, last: Frame | None) -> Frame:
        captured_ns = self._clock.now_ns()
        picture = self._picture(decoded)
        if (picture.width, picture.height) != (self._stream.width, self._stream.height):
            self._stream = replace(self._stream, width=picture.width, height=picture.height)
        return Frame(
            stream=self._stream,
            index=index,
            pts=self._pts(decoded, captured_ns, last),
            time_base=self._time_base,
            captured_ns=captured_ns,
            picture=picture,
            duration=None if self._is_untimed else decoded.duration or None,
        )

    def _picture(self, decoded: av.VideoFrame) -> DecodedPicture:
        return DecodedPicture(decoded, self._orientation, self._to_bgr, self._to_i420)

    def _pts(self, decoded: av.VideoFrame, captured_ns: int, last: Frame | None) -> int:
        if self._is_untimed:
            return max(0, captured_ns - self._zero_ns) // 1000
        pts = decoded.pts if decoded.pts is not None else decoded.dts
        if pts is not None:
            return pts
        if last is None:  # RTSP before its first time report
            return 0
        rate = self._stream.rate
        return last.pts + (max(1, round(1 / (rate * self._time_base))) if rate else 1)

    def _patience(self) -> Patience:
        config = self._config
        floor_s = max(config.stall_timeout_s, HLS_PATIENCE_S if self._is_hls else 0.0)
        patience = Patience(floor_s=floor_s, intervals=config.stall_intervals)
        rate = self._stream.rate
        # Until frames have come, a stream that states no rate may be as slow as a connection.
        patience.interval(
            float(1 / rate) if rate else config.connect_timeout_s / config.stall_intervals
        )
        return patience

    def _raise_if_stopped(self) -> None:
        if self._interrupt.is_stopped:
            raise ChannelClosed(f"source '{self._name}': stopped")

    def _close(self) -> None:
        self._ready = []
        self._packets = None  # before the container, whose memory it reads
        if self._container is not None:
            self._container.close()
            self._container = None
