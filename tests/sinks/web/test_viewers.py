"""Viewers over real sockets: quick, slow, stopped, many, and there when the run ends."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import replace

import aiohttp
import pytest

from sinks.web.sink import OverlayPageSink, WebSink
from streamer.errors import SinkError
from streamer.picture import BgrArray, Picture
from streamer.result import Result
from tests.sinks.web.serving import (
    CONFIG,
    TOKEN,
    WAIT_S,
    base,
    client,
    noise,
    port_of,
    result,
    serving,
    snapshot,
    stream,
    unpack,
    until,
)

HANDSHAKE = (
    "GET /live?token={token} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@asynccontextmanager
async def _viewer(
    sink: WebSink, wish: dict[str, object]
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.ws_connect(f"{base(sink)}/live", max_msg_size=0) as viewer,
    ):
        await viewer.send_str(json.dumps(wish))
        yield viewer


def test_a_viewer_gets_picture_boxes_and_numbers_together() -> None:
    async def look(sink: WebSink) -> None:
        async with _viewer(sink, {"pictures": True, "width": 640}) as viewer:
            header, (jpeg,) = unpack(await viewer.receive_bytes(timeout=WAIT_S))
            assert jpeg.startswith(b"\xff\xd8")
            frame = header["frames"][0]  # type: ignore[index]
            assert [box["label"] for box in frame["boxes"]] == ["person", "car"]
            assert header["streams"][0]["state"] == "running"  # type: ignore[index]
            assert header["stats"]["fps"] == 25.0  # type: ignore[index]

    with serving() as sink:
        asyncio.run(look(sink))


def test_the_next_message_comes_once_the_last_was_taken_and_holds_the_newest() -> None:
    async def look(sink: WebSink) -> None:
        async with _viewer(sink, {"pictures": False}) as viewer:
            assert json.loads(await viewer.receive_str(timeout=WAIT_S))["frames"][0]["index"] == 0
            for index in range(1, 50):
                sink.write(result(index))
            with pytest.raises(asyncio.TimeoutError):
                await viewer.receive_str(timeout=0.2)
        async with _viewer(sink, {"pictures": False}) as viewer:
            await viewer.receive_str(timeout=WAIT_S)
            sink.write(result(50))
            sink.write(result(51))
            await viewer.send_str("ack")
            assert json.loads(await viewer.receive_str(timeout=WAIT_S))["frames"][0]["index"] == 51

    with serving() as sink:
        asyncio.run(look(sink))


def test_a_viewer_sees_the_streams_it_asked_for() -> None:
    async def look(sink: WebSink) -> None:
        async with _viewer(sink, {"streams": ["yard"]}) as viewer:
            message = json.loads(await viewer.receive_str(timeout=WAIT_S))
            assert [frame["stream"] for frame in message["frames"]] == ["yard"]
            await viewer.send_str("ack")
            await viewer.send_str(json.dumps({"streams": ["gate"]}))
            message = json.loads(await viewer.receive_str(timeout=WAIT_S))
            assert [frame["stream"] for frame in message["frames"]] == ["gate"]

    with serving() as sink:
        sink.write(result(of=stream("yard")))
        asyncio.run(look(sink))


def test_a_viewer_that_talks_nonsense_is_sent_away() -> None:
    async def look(sink: WebSink, text: str) -> int | None:
        async with _viewer(sink, {}) as viewer:
            await viewer.send_str(text)
            while (await viewer.receive(timeout=WAIT_S)).type is aiohttp.WSMsgType.TEXT:
                pass
            return viewer.close_code

    with serving() as sink:
        assert asyncio.run(look(sink, "nonsense")) == 1008
        assert asyncio.run(look(sink, "x" * 100_000)) == 1009  # larger than any wish


class _Watched:
    """A picture that tells when somebody asks for its pixels."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self.width, self.height, self.i420 = picture.width, picture.height, picture.i420
        self.asked = threading.Event()

    def bgr(self) -> BgrArray:
        self.asked.set()
        return self._picture.bgr()


def _watched(index: int) -> tuple[Result[object], _Watched]:
    plain = result(index)
    picture = _Watched(plain.frame.picture)
    return replace(plain, frame=replace(plain.frame, picture=picture)), picture


def test_no_picture_is_made_while_nobody_looks_or_boxes_suffice() -> None:
    async def look(sink: WebSink, *, pictures: bool) -> None:
        async with _viewer(sink, {"pictures": pictures}) as viewer:
            await viewer.receive(timeout=WAIT_S)

    with serving() as sink:
        news, picture = _watched(1)
        sink.write(news)  # type: ignore[arg-type]  # the same findings
        with client(sink) as http:
            http.get("/api/streams/gate")
        asyncio.run(look(sink, pictures=False))
        assert not picture.asked.is_set()
        asyncio.run(look(sink, pictures=True))
        assert picture.asked.is_set()


def _stopped_viewer(sink: WebSink, request: str, wish: bytes = b"") -> socket.socket:
    """Asks for everything, then never reads; its small buffer fills at once."""
    viewer = socket.socket()
    viewer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    viewer.connect(("127.0.0.1", port_of(sink)))
    viewer.sendall(request.encode() + wish)
    return viewer


def _masked(text: bytes) -> bytes:
    """A client's WebSocket text frame; a mask of zeros changes nothing (RFC 6455, 5.3)."""
    return bytes((0x81, 0x80 | len(text))) + bytes(4) + text


@pytest.mark.parametrize("kind", ["socket", "multipart"])
def test_a_viewer_that_stops_reading_is_dropped_and_memory_stays_flat(kind: str) -> None:
    request = HANDSHAKE.format(token=TOKEN)
    if kind == "multipart":
        request = f"GET /streams/gate.mjpeg?token={TOKEN} HTTP/1.1\r\nHost: localhost\r\n\r\n"
    wish = _masked(b'{"pictures":true,"width":1280}') if kind == "socket" else b""
    of = stream(width=960, height=720)
    frames = [noise(index, of) for index in range(4)]  # about 1 MB as JPEG
    stats = {}
    with (
        serving(replace(CONFIG, stall_s=1.0)) as sink,
        client(sink) as http,
        ExitStack() as stack,
    ):
        for _ in range(5):
            stack.enter_context(_stopped_viewer(sink, request, wish))
        until(lambda: http.get("/api/stats").json()["viewers"] == 5)
        tracemalloc.start()
        sink.write(frames[0])
        time.sleep(0.3)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        # All the while they are stuck, news keeps coming.
        for index in range(40):
            sink.write(frames[index % 4])
            time.sleep(0.01)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        # 40 pictures of 1 MB for 5 viewers: were they kept, this would be 200 MB.
        assert grown < 12e6
        for index in range(150):
            sink.write(frames[index % 4])
            time.sleep(0.02)
            stats = http.get("/api/stats").json()
            if stats["viewers_dropped"] == 5:
                break
        assert (stats["viewers"], stats["viewers_dropped"]) == (0, 5)


def test_a_viewer_that_says_it_took_what_it_never_read_is_dropped_too() -> None:
    """Believed, it got picture after picture, all of which were kept for it."""
    of = stream(width=960, height=720)
    frames = [noise(index, of) for index in range(2)]  # about 1 MB as JPEG
    wish = _masked(b'{"pictures":true,"width":1280}')
    stats = {"viewers_dropped": 0}
    with (
        serving(replace(CONFIG, stall_s=1.0)) as sink,
        client(sink) as http,
        _stopped_viewer(sink, HANDSHAKE.format(token=TOKEN), wish) as viewer,
        suppress(ConnectionError),
    ):
        for index in range(500):
            sink.write(frames[index % 2])
            stats = http.get("/api/stats").json()
            if stats["viewers_dropped"]:
                break
            viewer.sendall(_masked(b"ack"))
            time.sleep(0.02)
    assert stats["viewers_dropped"] == 1


def test_who_left_while_a_stream_is_away_makes_room() -> None:
    """They stayed until the next picture, in the way of everybody else."""
    request = f"GET /streams/gate.mjpeg?token={TOKEN} HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with serving() as sink, client(sink) as http:
        with socket.create_connection(("127.0.0.1", port_of(sink)), timeout=WAIT_S) as viewer:
            viewer.sendall(request.encode())
            taken = b""
            while b"\xff\xd9" not in taken:  # the end of the only picture there is
                taken += viewer.recv(65536)
            assert http.get("/api/stats").json()["viewers"] == 1
        until(lambda: http.get("/api/stats").json()["viewers"] == 0)


def test_a_slow_viewer_costs_a_quick_one_nothing() -> None:
    of = stream(width=960, height=720)

    async def look(sink: WebSink) -> int:
        async with _viewer(sink, {"pictures": True, "width": 1280}) as viewer:
            await viewer.receive_bytes(timeout=WAIT_S)
            for index in range(1, 20):
                sink.write(noise(index % 3, of))
                await viewer.send_str("ack")
                await viewer.receive_bytes(timeout=WAIT_S)
            return index

    with serving() as sink:
        wish = _masked(b'{"pictures":true,"width":1280}')
        with _stopped_viewer(sink, HANDSHAKE.format(token=TOKEN), wish):
            assert asyncio.run(look(sink)) == 19


def test_more_viewers_than_allowed_are_turned_away() -> None:
    async def look(sink: WebSink) -> None:
        async with _viewer(sink, {}), _viewer(sink, {}):
            with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
                async with _viewer(sink, {}):
                    pass

    with serving(replace(CONFIG, viewers=2)) as sink:
        asyncio.run(look(sink))
        with client(sink) as http:
            until(lambda: http.get("/api/stats").json()["viewers"] == 0)
            asyncio.run(look(sink))  # those who left made room


def test_fifty_viewers_see_every_stream() -> None:
    async def look(sink: WebSink) -> list[int]:
        async def one() -> int:
            async with _viewer(sink, {"pictures": True, "width": 320}) as viewer:
                seen: set[str] = set()
                for _ in range(5):
                    header, _pictures = unpack(await viewer.receive_bytes(timeout=WAIT_S))
                    seen |= {frame["stream"] for frame in header["frames"]}  # type: ignore[attr-defined]
                    await viewer.send_str("ack")
                    sink.write(result(len(seen)))
                return len(seen)

        return await asyncio.gather(*(one() for _ in range(50)))

    with serving() as sink:
        for number in range(3):
            sink.write(result(of=stream(f"s{number}")))
        assert asyncio.run(look(sink)) == [4] * 50
        with client(sink) as http:
            until(lambda: http.get("/api/stats").json()["viewers"] == 0)


@pytest.mark.parametrize("kind", [WebSink, OverlayPageSink])
def test_it_ends_at_once_with_viewers_connected_and_leaves_no_thread(kind: type[WebSink]) -> None:
    before = threading.active_count()
    sink = kind("0", (), config=CONFIG)
    with ExitStack() as stack:
        with sink:
            sink.observe(snapshot())
            sink.write(result())
            for _ in range(10):
                wish = _masked(b'{"pictures":true}')
                request = HANDSHAKE.format(token=TOKEN)
                stack.enter_context(_stopped_viewer(sink, request, wish))
                request = (
                    f"GET /streams/gate.mjpeg?token={TOKEN} HTTP/1.1\r\nHost: localhost\r\n\r\n"
                )
                stack.enter_context(_stopped_viewer(sink, request))
                stack.enter_context(socket.create_connection(("127.0.0.1", port_of(sink))))
            with client(sink) as http:
                until(lambda: http.get("/api/stats").json()["viewers"] == 20)
            started_s = time.monotonic()
        assert time.monotonic() - started_s < 2  # as promised, whoever looks
    assert threading.active_count() == before


def test_a_port_can_be_used_again_at_once() -> None:
    with serving() as sink, client(sink) as http:
        http.get("/api/stats")
        port = port_of(sink)
    with serving(port=port) as sink:
        assert port_of(sink) == port


def test_a_server_that_fails_tells_the_run_by_the_next_write() -> None:
    class Broken(_Watched):
        def bgr(self) -> BgrArray:
            self.asked.set()
            raise MemoryError("no room for this picture")

    async def look(sink: WebSink) -> None:
        async with _viewer(sink, {"pictures": True}) as viewer:
            await viewer.receive(timeout=WAIT_S)

    plain = result(1)
    broken = replace(plain, frame=replace(plain.frame, picture=Broken(plain.frame.picture)))
    with serving() as sink:
        sink.write(broken)
        asyncio.run(look(sink))

        def fails() -> bool:
            try:
                sink.write(result(2))
            except SinkError as error:
                return "the server has failed: MemoryError" in str(error)
            return False

        until(fails)


def test_news_before_and_after_serving_harm_nobody() -> None:
    sink = WebSink("0", (), config=CONFIG)
    sink.observe(snapshot())
    with sink:
        pass
    sink.observe(snapshot())
