"""Sinks that serve, news for them, and clients that behave in ways of their own."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction

import httpx
import numpy as np

from detector.detections import Detections
from sinks.web.config import WebConfig
from sinks.web.sink import WebSink
from streamer.frame import Frame, StreamInfo
from streamer.picture import BgrPicture
from streamer.result import Result
from streamer.snapshot import RunSnapshot, StreamSnapshot, StreamState
from streamer.stats import StageTime
from tests.sinks.results import boxes, picture

WAIT_S = 10
TOKEN = "a-token-of-the-tests"
CLASSES = ("person", "car")
CONFIG = WebConfig(token=TOKEN, share=1.0)  # tests measure behaviour, so nothing holds them back


def stream(stream_id: str = "gate", *, width: int = 64, height: int = 48) -> StreamInfo:
    """A live stream of small pictures."""
    return StreamInfo(stream_id, f"/home/me/{stream_id}.mp4", width, height, Fraction(1, 25))


def result(
    index: int = 0, *, of: StreamInfo | None = None, detections: Detections | None = None
) -> Result[Detections]:
    """A frame with two boxes, a person and a car, unless told otherwise."""
    of = of or stream()
    frame = Frame(of, index, index, of.time_base, 0, picture(index, of.width, of.height))
    found = boxes((4, 8, 20, 40), (30, 10, 60, 30)) if detections is None else detections
    return Result(frame, found, 0, 0)


def snapshot(
    states: Mapping[str, StreamState] | None = None,
    *,
    done: int = 100,
    elapsed_s: float = 4.0,
    error: str | None = None,
) -> RunSnapshot:
    """A run in which every stream has come equally far."""
    states = {"gate": "running"} if states is None else states
    streams = tuple(
        StreamSnapshot(
            stream_id=stream_id,
            state=state,
            info=stream(stream_id),
            frames_in=done + 2,
            frames_done=done,
            dropped=2,
            latency_p50_ns=41_000_000,
            latency_p95_ns=63_000_000,
            error=error if state == "failed" else None,
        )
        for stream_id, state in states.items()
    )
    times = {"decode": StageTime(200_000_000, 100), "file /home/me/out/gate.mp4": StageTime(1, 1)}
    return RunSnapshot(int(elapsed_s * 1e9), streams, times)


@contextmanager
def serving(
    config: WebConfig = CONFIG, *, port: int = 0, kind: type[WebSink] = WebSink
) -> Iterator[WebSink]:
    """A sink that serves one running stream with one frame."""
    with kind(str(port), CLASSES, config=config) as sink:
        sink.observe(snapshot())
        sink.write(result())
        yield sink


@contextmanager
def client(sink: WebSink, token: str | None = TOKEN) -> Iterator[httpx.Client]:
    """A well-behaved client that knows the token, or some other, or none."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=base(sink), headers=headers, timeout=10) as http:
        yield http


def base(sink: WebSink) -> str:
    """The address without the token."""
    return sink.url.partition("/?")[0]


def port_of(sink: WebSink) -> int:
    """The port it listens on."""
    return int(base(sink).rpartition(":")[2])


def raw(sink: WebSink, request: bytes) -> bytes:
    """Exactly these bytes to the server, and all it says until it closes."""
    with socket.create_connection(("127.0.0.1", port_of(sink)), timeout=5) as connection:
        connection.sendall(request)
        answer = b""
        try:
            while piece := connection.recv(65536):
                answer += piece
        except ConnectionResetError:
            pass  # it closed without reading on, which is the point of a limit
        return answer


def unpack(message: bytes) -> tuple[dict[str, object], list[bytes]]:
    """The header of a binary message and its pictures, each checked to be whole."""
    length = int.from_bytes(message[:4], "big")
    header = json.loads(message[4 : 4 + length])
    pictures, start = [], 4 + length
    for frame in header["frames"]:
        pictures.append(message[start : start + frame["bytes"]])
        start += frame["bytes"]
    assert start == len(message)
    return header, pictures


def noise(index: int, of: StreamInfo) -> Result[Detections]:
    """A frame that hardly compresses, so that it fills buffers."""
    pixels = np.random.default_rng(index).integers(0, 256, (of.height, of.width, 3), np.uint8)
    plain = result(index, of=of)
    return replace(plain, frame=replace(plain.frame, picture=BgrPicture(pixels)))


def until(condition: Callable[[], bool], within_s: float = WAIT_S) -> None:
    """Wait for it, bounded."""
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s, "it never happened"
        time.sleep(0.02)
