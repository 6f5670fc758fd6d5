"""Whole coded units out of RTP payloads, as soon as they are whole.

FFmpeg's parser knows that a picture is over when the next one begins: a frame interval of delay
(40 ms at 25 Hz), on every frame. Without the parser FFmpeg hands out what each RTP packet carried,
and keeps the marker bit that says "last of a picture" to itself. So the end is told by the length.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from av.packet import Packet
    from av.stream import Stream
    from av.video.stream import VideoStream

START_CODE = b"\x00\x00\x00\x01"  # FFmpeg puts it where a NAL unit begins, and nowhere else
HEADER_SLACK = 8  # bytes by which a fragment's length depends on its place: start code, header
SMALLEST_FULL = 500  # bytes; every network carries 576 with its headers (RFC 791, 3.1)


@dataclass(frozen=True, slots=True)
class Unit:
    """Something a decoder can take.

    Attributes:
        data: in FFmpeg's form.
        pts: ticks, or None where unknown.
    """

    data: bytes
    pts: int | None


class Assembler(Protocol):
    """Puts together what belongs together; one a connection."""

    def push(self, data: bytes, pts: int | None) -> list[Unit]:
        """Take one payload; gives back what is whole now, oldest first."""
        ...

    def flush(self) -> list[Unit]:
        """What is left at the end."""
        ...


class AsTheyCome:
    """For formats of which every payload that FFmpeg hands out is a picture."""

    def push(self, data: bytes, pts: int | None) -> list[Unit]:
        """The payload."""
        return [Unit(data, pts)]

    def flush(self) -> list[Unit]:
        """Nothing."""
        return []


class AccessUnits:
    """Everything of one time, given when another time begins: always right, a frame late."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._pts: int | None = None

    def push(self, data: bytes, pts: int | None) -> list[Unit]:
        """The unit before, if this begins another."""
        done = self.flush() if pts != self._pts else []
        self._parts.append(data)
        self._pts = pts
        return done

    def flush(self) -> list[Unit]:
        """The last unit."""
        done = [Unit(b"".join(self._parts), self._pts)] if self._parts else []
        self._parts = []
        return done


class NalUnits:
    """H.264 NAL units, for a decoder that finds the end of a picture by itself.

    Senders fill fragments up to the network's limit, so a payload shorter than the longest so far
    ends its unit. A full one leaves it open: that unit is given when the next begins. A sender that
    cuts in another way betrays itself by going on with a unit that was taken for whole; from then
    on every unit waits for the next.

    Source: RFC 6184, 5.6 (single NAL unit packets) and 5.8 (fragmentation units).
    """

    def __init__(self) -> None:
        self._open: list[bytes] = []
        self._pts: int | None = None
        self._longest = SMALLEST_FULL
        self._is_careful = False

    def push(self, data: bytes, pts: int | None) -> list[Unit]:
        """Units that are whole now."""
        begins = data.startswith(START_CODE)
        done = self.flush() if begins or pts != self._pts else []
        if not begins and not self._open and pts == self._pts:
            self._is_careful = True
        self._open.append(data)
        self._pts = pts
        is_full = len(data) > self._longest - HEADER_SLACK
        self._longest = max(self._longest, len(data))
        if not is_full and not self._is_careful:
            done += self.flush()
        return done

    def flush(self) -> list[Unit]:
        """The open unit, as it is."""
        done = [Unit(b"".join(self._open), self._pts)] if self._open else []
        self._open = []
        return done


# Formats with a depacketiser in FFmpeg that gives pictures; all that are not named may come in
# parts.
_ASSEMBLERS: dict[str, type[Assembler]] = {
    "h264": NalUnits,
    "mjpeg": AsTheyCome,
    "vp8": AsTheyCome,
    "vp9": AsTheyCome,
    "av1": AsTheyCome,
}


def assembler_of(codec: str) -> Assembler:
    """What puts RTP payloads of a codec together.

    Args:
        codec: FFmpeg's name of it.
    """
    return _ASSEMBLERS.get(codec, AccessUnits)()


def assembled(
    packet: Packet[VideoStream], assembler: Assembler | None
) -> Iterator[Packet[VideoStream] | Packet[Stream] | None]:
    """What the decoder is to be given now that `packet` has come; None at the end.

    Args:
        packet: as the demuxer gives it; an empty one at the end.
        assembler: of this connection, or None where packets are whole already.
    """
    import av  # late: importing PyAV costs start-up

    if assembler is not None:
        parts = assembler.push(bytes(packet), packet.pts) if packet.size else assembler.flush()
        for unit in parts:
            whole = av.Packet(unit.data)
            whole.pts, whole.time_base = unit.pts, packet.time_base
            yield whole
    elif packet.size:
        yield packet
    if not packet.size:
        yield None
