"""What is served under which path."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from aiohttp import WSMsgType, web

from analytics.web.access import Gate, Handler, refusal
from analytics.web.pages import load_pages
from sinks.web.config import WebConfig
from sinks.web.messages import ACK, FrameJson, WishError, parse_wish
from sinks.web.metrics import CONTENT_TYPE, Metrics
from sinks.web.state import Board, Json, stats_json, streams_json
from sinks.web.viewers import PlainViewer, Rounds, Viewer

MAX_MESSAGE = 64 * 1024  # bytes from a viewer: a wish with a thousand names
HEARTBEAT_S = 20.0  # an idle viewer's network may die without a word
_BOUNDARY = "frame"


def build_site(
    board: Board,
    rounds: Rounds,
    gate: Gate,
    frame_json: FrameJson,
    pages: Mapping[str, tuple[str, str]],
    config: WebConfig,
) -> web.Application:
    """Everything that one server answers, behind the gate.

    Args:
        board: of the run.
        rounds: serve the viewers.
        gate: asked before every handler.
        frame_json: makes frames JSON.
        pages: path -> (file, type).
        config: how many viewers, and how patient.
    """

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        return await gate(request, handler)

    numbers = _Numbers(board, rounds, frame_json)
    live = _Live(board, rounds, config)
    site = web.Application(middlewares=[guard], client_max_size=1)
    handlers: Mapping[str, Handler] = {
        **load_pages("sinks.web", pages),
        "/healthz": numbers.health,
        "/metrics": numbers.metrics,
        "/api/stats": numbers.stats,
        "/api/streams": numbers.streams,
        "/api/streams/{stream}": numbers.stream,
        "/live": live.socket,
        "/streams/{stream}.mjpeg": live.multipart,
    }
    for path, handler in handlers.items():
        site.router.add_get(path, handler)
    return site


class _Numbers:
    """How the run stands, for machines."""

    def __init__(self, board: Board, rounds: Rounds, frame_json: FrameJson) -> None:
        self._board = board
        self._rounds = rounds
        self._frame_json = frame_json
        self._metrics = Metrics(board, lambda: (rounds.count, rounds.dropped))

    async def health(self, _request: web.Request) -> web.StreamResponse:
        if self._board.is_healthy:
            return web.Response(text="ok\n")
        return web.Response(status=503, text="unavailable\n")

    async def metrics(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(body=self._metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    async def stats(self, _request: web.Request) -> web.StreamResponse:
        viewers: Json = {
            "viewers": self._rounds.count,
            "viewers_dropped": self._rounds.dropped,
        }
        return web.json_response({**stats_json(self._board), **viewers})

    async def streams(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response({"streams": streams_json(self._board)})

    async def stream(self, request: web.Request) -> web.StreamResponse:
        stream_id = request.match_info["stream"]
        for stream in streams_json(self._board):
            if stream["stream_id"] == stream_id:
                entry = self._board.newest.get(stream_id)
                frame = None if entry is None else self._frame_json(entry)
                return web.json_response({**stream, "frame": frame})
        return refusal(404, "no such stream")


class _Live:
    """Frames as they come: over a WebSocket for the pages, as multipart JPEG for programs."""

    def __init__(self, board: Board, rounds: Rounds, config: WebConfig) -> None:
        self._board = board
        self._rounds = rounds
        self._config = config

    async def socket(self, request: web.Request) -> web.StreamResponse:
        if self._rounds.count >= self._config.viewers:
            return refusal(503, "too many viewers")
        socket = web.WebSocketResponse(
            heartbeat=HEARTBEAT_S, max_msg_size=MAX_MESSAGE, compress=False, timeout=1.0
        )
        if not socket.can_prepare(request).ok:
            return refusal(400, "expected a WebSocket")
        await socket.prepare(request)
        transport = request.transport
        if transport is None:  # it has left already
            return socket
        viewer = Viewer(socket, transport)
        self._rounds.viewers.add(viewer)
        try:
            await self._listen(socket, viewer)
        finally:
            self._rounds.viewers.discard(viewer)
            self._rounds.wake()
        return socket

    async def _listen(self, socket: web.WebSocketResponse, viewer: Viewer) -> None:
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                return
            if message.data == ACK:
                viewer.acknowledge()
            else:
                try:
                    viewer.wish = parse_wish(message.data)
                except WishError as error:
                    await socket.close(code=1008, message=str(error).encode())
                    return
            self._rounds.wake()

    async def multipart(self, request: web.Request) -> web.StreamResponse:
        stream_id = request.match_info["stream"]
        if self._rounds.count >= self._config.viewers:
            return refusal(503, "too many viewers")
        if all(stream["stream_id"] != stream_id for stream in streams_json(self._board)):
            return refusal(404, "no such stream")
        response = web.StreamResponse(
            headers={"Content-Type": f"multipart/x-mixed-replace; boundary={_BOUNDARY}"}
        )
        await response.prepare(request)
        if request.method == "HEAD":
            return response
        viewer = PlainViewer(stream_id)
        self._rounds.plain.add(viewer)
        with suppress(ConnectionError):
            try:
                while True:
                    await self._send_part(request, response, viewer)
            finally:
                self._rounds.plain.discard(viewer)
                self._rounds.wake()
        return response

    async def _send_part(
        self, request: web.Request, response: web.StreamResponse, viewer: PlainViewer
    ) -> None:
        """Wait for a picture and send it; who does not take it in time is cut off.

        Raises:
            ConnectionError: the viewer has left, or was cut off.
        """
        picture = viewer.next()
        self._rounds.wake()
        jpeg = await picture
        head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
        try:
            async with asyncio.timeout(self._config.stall_s):
                await response.write(b"".join((head.encode(), jpeg, b"\r\n")))
        except TimeoutError as error:
            self._rounds.dropped += 1
            if request.transport is not None:
                request.transport.abort()
            raise ConnectionError("cut off") from error
