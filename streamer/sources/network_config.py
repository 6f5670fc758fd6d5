"""How network streams are opened: what a person may choose, and what FFmpeg is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

RtspTransport = Literal["tcp", "udp", "udp_multicast", "http", "https"]

SCHEMES = ("rtsp", "rtsps", "rtmp", "rtmps", "http", "https", "udp", "srt")


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """How patient to be with a network stream.

    Attributes:
        rtsp_transport: "tcp" loses nothing and passes routers; "udp" may be quicker on a quiet net.
        connect_timeout_s: for the name, the connection and its handshake, and again for the
            first picture (cameras send the next key frame only when it is due).
        stall_timeout_s: without a frame, before the connection is given up; never less than
            `stall_intervals` of the stream's own frame intervals.
        stall_intervals: frames.
    """

    rtsp_transport: RtspTransport = "tcp"
    connect_timeout_s: float = 10.0
    stall_timeout_s: float = 5.0
    stall_intervals: int = 5

    def __post_init__(self) -> None:
        if self.rtsp_transport not in get_args(RtspTransport):
            known = ", ".join(get_args(RtspTransport))
            raise ValueError(
                f"rtsp_transport: expected one of {known}; got {self.rtsp_transport!r}"
            )
        for name in ("connect_timeout_s", "stall_timeout_s", "stall_intervals"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}: expected more than 0, got {getattr(self, name)!r}")


def scheme_of(url: str) -> str:
    """The protocol, lower case; empty where `url` is none.

    >>> scheme_of("RTSP://door/1"), scheme_of("C:/clip.mp4")
    ('rtsp', '')
    """
    scheme, mark, _ = url.partition("://")
    return scheme.lower() if mark else ""


def is_network(url: str) -> bool:
    """The address is one that `NetworkSource` takes."""
    return scheme_of(url) in SCHEMES


def is_unparsed(url: str) -> bool:
    """FFmpeg is told to hand out what the packets of this address carry, as it comes."""
    return "noparse" in _OPTIONS[scheme_of(url)].get("fflags", "")


def open_options(url: str, config: NetworkConfig) -> dict[str, str]:
    """FFmpeg's options for one address.

    None asks for `fflags=nobuffer`: it throws away what was read while the stream was examined,
    the key frame with it, and then waits for the next (RTSP, key frame a second: first picture
    after 1.1 s instead of 0.1 s) without making a later frame any quicker.
    """
    options = {"fpsprobesize": "0"}  # do not sit through frames to count them
    options.update(_OPTIONS[scheme_of(url)])
    if scheme_of(url) in ("rtsp", "rtsps"):
        options["rtsp_transport"] = config.rtsp_transport
    return options


# probesize 32 is the least: SDP has said it all, so the first packet ends the examination (H.264
# at 25 Hz: 0.11 s to the first picture instead of 0.39 s; at 1 Hz: 2 s instead of 7 s).
_RTSP = {
    "probesize": "32",
    "allowed_media_types": "video",
    "max_delay": "200000",
    "fflags": "noparse+nofillin",  # see `assembly`; frames 1.5 ms old instead of 41 (25 Hz)
}
_RTMP = {"analyzeduration": "100000"}
_HTTP = {
    "analyzeduration": "100000",
    "reconnect": "1",  # of files only: goes on at the byte where a download broke off
    "reconnect_delay_max": "4",
    "live_start_index": "-3",  # RFC 8216 6.3.3: no nearer than three segments to a playlist's end
}
_UDP = {"analyzeduration": "500000", "fifo_size": "50000", "overrun_nonfatal": "1"}
_SRT = {"analyzeduration": "500000", "linger": "0"}

_OPTIONS = {
    "rtsp": _RTSP,
    "rtsps": _RTSP,
    "rtmp": _RTMP,
    "rtmps": _RTMP,
    "http": _HTTP,
    "https": _HTTP,
    "udp": _UDP,
    "srt": _SRT,
}
