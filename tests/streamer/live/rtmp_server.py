"""An RTMP server that plays pictures to whoever asks, for PyAV cannot listen for players.

Source: Adobe's RTMP specification 1.0, sections 5.2 (handshake), 5.3.1 (chunks), 7.2 (commands);
no more of it than FFmpeg's client needs.
"""

from __future__ import annotations

import io
import re
import socket
import struct
from fractions import Fraction

import av
import numpy as np
from av.video.stream import VideoStream

from tests.streamer.live.servers import Peer

CHUNK_BYTES = 1 << 20  # announced: every message in one chunk
SET_CHUNK_SIZE, COMMAND = 1, 20  # message types


class RtmpServer(Peer):
    """Plays 25 grey pictures a second to each client."""

    def url(self) -> str:
        return f"rtmp://127.0.0.1:{self.port}/live/cam"

    def talk(self, connection: socket.socket) -> None:
        stream = connection.makefile("rb")
        hello = stream.read(1 + 1536)
        connection.sendall(b"\x03" + bytes(1536) + hello[1:])  # S0, S1, S2
        stream.read(1536)
        connection.sendall(_message(SET_CHUNK_SIZE, struct.pack(">I", CHUNK_BYTES)))
        heard = b""
        while b"\x04play" not in heard:
            before = len(heard)
            heard += connection.recv(4096)
            if len(heard) == before:
                return
            for number in re.findall(
                rb"\x00(?:\x07connect|\x0ccreateStream)\x00(.{8})", heard, re.S
            ):
                connection.sendall(_message(COMMAND, _result(number)))
            heard = heard[-16:] if b"\x04play" not in heard else heard
        connection.sendall(_message(COMMAND, _status("NetStream.Play.Start"), stream_id=1))
        self._play(connection)

    def _play(self, connection: socket.socket) -> None:
        sent = io.BytesIO()
        with av.open(sent, "w", format="flv") as output:
            video = output.add_stream("libx264", rate=25, options={"tune": "zerolatency"})
            assert isinstance(video, VideoStream)
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
            number = 0
            while not self.stopped.wait(0.04):
                frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="bgr24")
                frame.pts, frame.time_base = number, Fraction(1, 25)
                output.mux(video.encode(frame))
                number += 1
                connection.sendall(b"".join(_flv_messages(sent)))


def _flv_messages(written: io.BytesIO) -> list[bytes]:
    """The tags written so far, as messages; FLV and RTMP hold the same things."""
    data = written.getvalue()
    written.seek(0)
    written.truncate()
    start = 13 if data.startswith(b"FLV") else 0
    messages = []
    while start < len(data):
        kind = data[start]
        size = int.from_bytes(data[start + 1 : start + 4], "big")
        time_ms = int.from_bytes(data[start + 4 : start + 7], "big")
        body = data[start + 11 : start + 11 + size]
        messages.append(_message(kind, body, time_ms=time_ms, stream_id=1))
        start += 11 + size + 4
    return messages


def _message(kind: int, body: bytes, *, time_ms: int = 0, stream_id: int = 0) -> bytes:
    head = b"\x03" + time_ms.to_bytes(3, "big") + len(body).to_bytes(3, "big") + bytes([kind])
    return head + struct.pack("<I", stream_id) + body


def _result(number: bytes) -> bytes:
    """Yes to a command; the stream it may have asked for is number 1."""
    return _text("_result") + b"\x00" + number + b"\x05" + b"\x00" + struct.pack(">d", 1)


def _status(code: str) -> bytes:
    fields = b"".join(
        struct.pack(">H", len(key)) + key.encode() + _text(value)
        for key, value in (("level", "status"), ("code", code))
    )
    head = _text("onStatus") + b"\x00" + bytes(8) + b"\x05"
    return head + b"\x03" + fields + b"\x00\x00\x09"


def _text(value: str) -> bytes:
    return b"\x02" + struct.pack(">H", len(value)) + value.encode()
