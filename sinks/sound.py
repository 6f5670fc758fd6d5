"""The sound of a recorded file, brought over beside its annotated pictures."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.bitstream import BitStreamFilterContext
from av.container import InputContainer, OutputContainer
from av.packet import Packet

logger = logging.getLogger(__name__)

# What players understand inside mp4; anything else becomes AAC.
_COPIED_CODECS = frozenset({"aac", "ac3", "alac", "eac3", "flac", "mp2", "mp3", "opus"})

_LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 8: "7.1"}


class Sound:
    """Reads a file's best sound and gives it as packets of an mp4 track, at the source's times.

    Damaged sound ends early with a warning; it never costs the pictures.

    Args:
        path: the recorded file.
        origin_s: seconds of the source's clock that become 0.
    """

    def __init__(self, path: Path, *, origin_s: Fraction) -> None:
        self._path = path
        self._origin_s = origin_s
        self._newest_picture_s: Fraction | None = None
        self._waiting: Packet[AudioStream] | None = None
        self._container: InputContainer | None = None
        self._packets: Iterator[Packet[AudioStream]] = iter(())

    def __enter__(self) -> Self:
        try:
            self._container = av.open(f"file:{self._path}", metadata_errors="replace")
        except (av.FFmpegError, OSError) as error:
            self._give_up(error)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._container is not None:
            self._container.close()

    @property
    def rate(self) -> int | None:
        """Samples a second, or None where there is no sound."""
        stream = self._best()
        return stream.sample_rate or None if stream is not None else None

    def join(self, output: OutputContainer) -> None:
        """Add a track to `output`; before anything is written to it."""
        source = self._best()
        if source is None:
            return
        try:
            if _can_copy(source):
                track = output.add_stream_from_template(source)
                packets = self._copied(source)
                if source.codec_context.name == "aac" and not source.codec_context.extradata:
                    packets = _framed(packets, source, track)
            else:
                with av.open(io.BytesIO(), "w", format="mp4") as trial:
                    _add_aac(trial, source).codec_context.open()
                track = _add_aac(output, source)
                packets = self._encoded(source, track)
        except (av.FFmpegError, OSError, ValueError) as error:
            self._give_up(error)
            return
        self._packets = self._in_order(packets, track)

    def until(self, time_s: Fraction) -> Iterator[Packet[AudioStream]]:
        """The packets due by `time_s` of the file's clock that have not been given yet."""
        while (packet := self._take()) is not None:
            if _start_s(packet) > time_s:
                self._waiting = packet
                return
            yield packet

    def rest(self, last_s: Fraction, end_s: Fraction) -> Iterator[Packet[AudioStream]]:
        """What is left: all of it, or up to `end_s` where pictures of the file were not written.

        Args:
            last_s: the file's clock when the last written picture begins.
            end_s: and at which it ends.
        """
        next_s = (last_s + end_s) / 2  # times are rounded; a later picture begins beyond this
        late: list[Packet[AudioStream]] = []
        while (packet := self._take()) is not None:
            if _start_s(packet) < end_s:
                yield packet
                continue
            if self._newest_picture_s is not None and self._newest_picture_s > next_s:
                return
            late.append(packet)
        if self._newest_picture_s is None or self._newest_picture_s <= next_s:
            yield from late

    def _best(self) -> AudioStream | None:
        if self._container is None:
            return None
        best = self._container.streams.best("audio")
        return best if isinstance(best, AudioStream) else None

    def _take(self) -> Packet[AudioStream] | None:
        packet, self._waiting = self._waiting, None
        if packet is not None:
            return packet
        try:
            return next(self._packets, None)
        except (av.FFmpegError, OSError, ValueError) as error:
            self._give_up(error)
            return None

    def _give_up(self, error: Exception) -> None:
        self._packets = iter(())
        logger.warning("sound of %s: %s; going on without it", self._path.name, error)

    def _demuxed(self, source: AudioStream) -> Iterator[Packet[AudioStream]]:
        """Packets of the sound; pictures passed on the way are only noted."""
        assert self._container is not None  # join() has found a stream in it
        pictures = self._container.streams.best("video")
        wanted = [source] if pictures is None else [source, pictures]
        for packet in self._container.demux(wanted):
            if packet.stream_index == source.index:
                yield cast("Packet[AudioStream]", packet)  # the index says so
                continue
            ticks = packet.dts if packet.pts is None else packet.pts
            if ticks is not None:
                time_s = ticks * packet.time_base - self._origin_s
                if self._newest_picture_s is None or time_s > self._newest_picture_s:
                    self._newest_picture_s = time_s

    def _copied(self, source: AudioStream) -> Iterator[Packet[AudioStream]]:
        assert source.time_base is not None  # a demuxed stream has one
        shift = round(self._origin_s / source.time_base)
        for packet in self._demuxed(source):
            if packet.size and packet.dts is not None:
                packet.pts = (packet.dts if packet.pts is None else packet.pts) - shift
                packet.dts -= shift
                yield packet

    def _encoded(self, source: AudioStream, track: AudioStream) -> Iterator[Packet[AudioStream]]:
        encoder = track.codec_context
        resampler = av.AudioResampler(
            encoder.format, encoder.layout, encoder.rate, frame_size=encoder.frame_size
        )
        for frame in self._decoded(source):
            for piece in resampler.resample(frame):
                yield from track.encode(piece)
        for piece in resampler.resample(None):
            yield from track.encode(piece)
        yield from track.encode(None)

    def _decoded(self, source: AudioStream) -> Iterator[AudioFrame]:
        for packet in self._demuxed(source):
            try:
                frames = packet.decode()
            except av.InvalidDataError:
                continue  # a damaged piece is a gap; what follows may be sound again
            for frame in frames:
                if isinstance(frame, AudioFrame):
                    if frame.pts is not None and frame.time_base is not None:
                        frame.pts -= round(self._origin_s / frame.time_base)
                    yield frame

    def _in_order(
        self, packets: Iterator[Packet[AudioStream]], track: AudioStream
    ) -> Iterator[Packet[AudioStream]]:
        """Packets of `track`, without those whose time does not grow: mp4 cannot hold them."""
        last: int | None = None
        skipped = 0
        for packet in packets:
            if (
                packet.dts is None
                or packet.pts is None
                or (last is not None and packet.dts <= last)
            ):
                skipped += 1
                continue
            last = packet.dts
            packet.pts = max(packet.pts, packet.dts)
            packet.stream = track
            yield packet
        if skipped:
            logger.warning(
                "sound of %s: %d packets out of order left out", self._path.name, skipped
            )


def _start_s(packet: Packet[AudioStream]) -> Fraction:
    assert packet.dts is not None  # _in_order let it pass
    return packet.dts * packet.time_base


def _framed(
    packets: Iterator[Packet[AudioStream]], source: AudioStream, track: AudioStream
) -> Iterator[Packet[AudioStream]]:
    """AAC without the header before each packet that broadcast has; the track says it instead.

    FFmpeg's muxer does so by itself, but not where a file grows in fragments. The first packet is
    read now, because the track must know before anything is written.
    """
    unframe = BitStreamFilterContext("aac_adtstoasc", source)
    unframed = (plain for packet in packets for plain in unframe.filter(packet))
    first = next(unframed, None)
    if first is None:
        return unframed
    (setup,) = [data for data in first.iter_sidedata() if data.data_type == "new_extradata"]
    track.codec_context.extradata = bytes(setup)
    return chain([first], unframed)


def _can_copy(source: AudioStream) -> bool:
    if source.codec_context.codec.canonical_name not in _COPIED_CODECS:
        return False
    try:
        with av.open(io.BytesIO(), "w", format="mp4") as trial:
            trial.add_stream_from_template(source)
            trial.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    return True


def _add_aac(output: OutputContainer, source: AudioStream) -> AudioStream:
    track = output.add_stream("aac", rate=_aac_rate(source.sample_rate))
    # raw sound often says how many channels it has and not which
    track.layout = _LAYOUTS.get(source.codec_context.layout.nb_channels, "stereo")
    return track


def _aac_rate(rate: int) -> int:
    """The lowest rate of the encoder that keeps all of `rate`."""
    rates = sorted(av.Codec("aac", "w").audio_rates or [])
    return next((known for known in rates if known >= rate), rates[-1] if rates else rate)
