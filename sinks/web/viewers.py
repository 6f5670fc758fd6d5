"""Who looks, and the rounds in which all are served: newest only, one message each at a time."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from functools import partial

from aiohttp import web

from sinks.web.config import WebConfig
from sinks.web.frames import Kind, Preview, Previews, Wanted, width_step
from sinks.web.messages import FrameJson, Wish, pack
from sinks.web.pace import IdleMeter, Pace, processors
from sinks.web.state import Board, Json, Newest, stats_json, streams_json

Seen = dict[str, int]  # stream id -> version of the result a viewer has


class Viewer:
    """One page that looks, over a WebSocket; it gets its next message once it took the last.

    Args:
        socket: prepared.
        transport: below it.
    """

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.Transport) -> None:
        self._wish: Wish | None = None
        self.seen: Seen = {}
        self.seen_standing = 0
        self.busy_since_s: float | None = None
        self._socket = socket
        self._transport = transport
        self._sending: asyncio.Task[None] | None = None

    @property
    def wish(self) -> Wish | None:
        """What it wants, or None before it has said so."""
        return self._wish

    @wish.setter
    def wish(self, wish: Wish) -> None:
        old, self._wish = self._wish, wish
        if old is not None and (wish.width > old.width or wish.pictures != old.pictures):
            self.seen.clear()  # what it has is not what it wants now

    @property
    def is_ready(self) -> bool:
        """It waits for news."""
        return self._wish is not None and self.busy_since_s is None

    def send(self, message: bytes | str, now_s: float) -> None:
        """Start sending; not ready until `acknowledge`."""
        self.busy_since_s = now_s
        self._sending = asyncio.create_task(self._send(message))

    def acknowledge(self) -> None:
        """It says that it has taken the last message; who has not read it yet is not believed.

        Else what it is sent would pile up here for as long as it says so.
        """
        if self._sending is None or self._sending.done():
            self.busy_since_s = None

    def drop(self) -> None:
        """Cut it off, with all that waits for it."""
        if self._sending is not None:
            self._sending.cancel()
        self._transport.abort()

    async def _send(self, message: bytes | str) -> None:
        with suppress(ConnectionError):  # it has left; its reading end knows that too
            if isinstance(message, bytes):
                await self._socket.send_bytes(message)
            else:
                await self._socket.send_str(message)


class PlainViewer:
    """A program that takes drawn pictures of one stream, as multipart JPEG.

    Args:
        stream_id: of the stream.
    """

    def __init__(self, stream_id: str) -> None:
        self.stream_id = stream_id
        self.seen = 0
        self._waiting: asyncio.Future[bytes] | None = None

    @property
    def is_ready(self) -> bool:
        """It waits for a picture."""
        return self._waiting is not None and not self._waiting.done()

    def next(self) -> asyncio.Future[bytes]:
        """The newest picture that it has not had, as soon as there is one."""
        self._waiting = asyncio.get_running_loop().create_future()
        return self._waiting

    def cancel(self) -> None:
        """End its waiting without a picture."""
        if self._waiting is not None:
            self._waiting.cancel()

    def give(self, preview: Preview) -> None:
        """End its waiting."""
        if self._waiting is not None and not self._waiting.done():
            self.seen = preview.version
            self._waiting.set_result(preview.jpeg)


class Rounds:
    """Serves all viewers from the board, round by round, within a share of the machine.

    Everything but encoding happens in the event loop's thread.

    Args:
        board: of the run.
        frame_json: makes frames JSON.
        previews: makes frames pictures, in `encoder`.
        encoder: a single thread.
        config: rate, size and share.
    """

    def __init__(
        self,
        board: Board,
        frame_json: FrameJson,
        previews: Previews,
        encoder: Executor,
        config: WebConfig,
    ) -> None:
        self.viewers: set[Viewer] = set()
        self.plain: set[PlainViewer] = set()
        self.dropped = 0
        self._board = board
        self._frame_json = frame_json
        self._previews = previews
        self._encoder = encoder
        self._config = config
        self._news = asyncio.Event()
        self._pace = Pace(config.fps, config.share, processors=processors(), idle=IdleMeter())

    @property
    def count(self) -> int:
        """Viewers of all kinds."""
        return len(self.viewers) + len(self.plain)

    def wake(self) -> None:
        """A viewer is ready, or has changed its mind."""
        self._news.set()

    async def run(self) -> None:
        """Serve until cancelled; without a viewer nothing happens at all."""
        loop = asyncio.get_running_loop()
        before_ns = time.thread_time_ns()
        while True:
            await self._news.wait()
            self._news.clear()
            if not self.count:
                self._previews.forget()
                continue
            # Asked for before looking, so that news in between is not lost.
            self._board.call_once(partial(_ring, loop, self._news))
            start_s, start_ns = loop.time(), time.thread_time_ns()
            # What the last round sent went out after it, so the loop's time is that of a period.
            took_ns = start_ns - before_ns + await self._serve(loop)
            before_ns = start_ns
            await asyncio.sleep(start_s + self._pace.pause_s(took_ns) - loop.time())

    async def sweep(self) -> None:
        """Drop who takes nothing, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._config.stall_s / 4)
            latest_s = loop.time() - self._config.stall_s
            for viewer in list(self.viewers):
                if viewer.busy_since_s is not None and viewer.busy_since_s < latest_s:
                    self.drop(viewer)

    def drop(self, viewer: Viewer) -> None:
        """Cut a viewer off and count it."""
        self.viewers.discard(viewer)
        self.dropped += 1
        viewer.drop()

    def close(self) -> None:
        """Cut everybody off: the run ends."""
        for viewer in list(self.viewers):
            viewer.drop()
        for plain in self.plain:
            plain.cancel()

    async def _serve(self, loop: asyncio.AbstractEventLoop) -> int:
        """One round; returns nanoseconds of processor time the encoder took."""
        newest = self._board.newest
        ready = [viewer for viewer in self.viewers if viewer.is_ready]
        waiting = [
            viewer
            for viewer in self.plain
            if viewer.is_ready and _version(newest, viewer.stream_id) > viewer.seen
        ]
        wanted = self._wanted(newest, ready, waiting)
        took_ns = 0
        if wanted:
            took_ns = await loop.run_in_executor(
                self._encoder, self._previews.encode, newest, wanted
            )
        messages = _Messages(newest, self._board, self._frame_json, self._previews)
        now_s = loop.time()
        for viewer in ready:
            message = messages.for_viewer(viewer)
            if message is not None and viewer in self.viewers:
                viewer.send(message, now_s)
        for plain in waiting:
            preview = self._previews.newest(plain.stream_id, "drawn")
            if preview is not None:
                plain.give(preview)
        return took_ns

    def _wanted(
        self,
        newest: Mapping[str, Newest],
        ready: Sequence[Viewer],
        waiting: Sequence[PlainViewer],
    ) -> list[Wanted]:
        """The pictures to make: one a stream and kind, as large as the largest screen needs."""
        widths: dict[tuple[str, Kind], int] = {}
        largest = self._config.width
        for plain in waiting:
            widths[plain.stream_id, "drawn"] = largest
        for viewer in ready:
            if viewer.wish is None or not viewer.wish.pictures:
                continue
            width = width_step(viewer.wish.width, largest)
            for stream_id in unseen(viewer, newest):
                key: tuple[str, Kind] = (stream_id, "plain")
                widths[key] = max(width, widths.get(key, 0))
        return [Wanted(stream_id, kind, width) for (stream_id, kind), width in widths.items()]


class _Messages:
    """The messages of one round: who lacks the same gets the same bytes."""

    def __init__(
        self,
        newest: Mapping[str, Newest],
        board: Board,
        frame_json: FrameJson,
        previews: Previews,
    ) -> None:
        self._newest = newest
        self._board = board
        self._standing = board.standing
        self._frame_json = frame_json
        self._previews = previews
        self._frames: dict[str, Json] = {}
        self._made: dict[object, bytes | str] = {}

    def for_viewer(self, viewer: Viewer) -> bytes | str | None:
        """What it lacks, marked as seen; None where it lacks nothing."""
        wish = viewer.wish
        if wish is None:
            return None
        stream_ids = unseen(viewer, self._newest)
        version = 0 if self._standing is None else self._standing.version
        has_news = version > viewer.seen_standing
        if not stream_ids and not has_news:
            return None
        for stream_id in stream_ids:
            viewer.seen[stream_id] = self._newest[stream_id].version
        viewer.seen_standing = version
        key = (stream_ids, has_news, wish.pictures)
        if key not in self._made:
            self._made[key] = self._make(stream_ids, has_news=has_news, pictures=wish.pictures)
        return self._made[key]

    def _make(self, stream_ids: tuple[str, ...], *, has_news: bool, pictures: bool) -> bytes | str:
        news: Json = {}
        if has_news:
            news = {"streams": streams_json(self._board), "stats": stats_json(self._board)}
        frames = [self._frame(stream_id) for stream_id in stream_ids]
        if not pictures:
            return json.dumps({"frames": frames, **news}, separators=(",", ":"), allow_nan=False)
        previews = [self._previews.newest(stream_id, "plain") for stream_id in stream_ids]
        jpegs = [b"" if preview is None else preview.jpeg for preview in previews]
        sized = [{**frame, "bytes": len(jpeg)} for frame, jpeg in zip(frames, jpegs, strict=True)]
        return pack({"frames": sized, **news}, jpegs)

    def _frame(self, stream_id: str) -> Json:
        if stream_id not in self._frames:
            self._frames[stream_id] = self._frame_json(self._newest[stream_id])
        return self._frames[stream_id]


def unseen(viewer: Viewer, newest: Mapping[str, Newest]) -> tuple[str, ...]:
    """The streams that have something for the viewer."""
    wish = viewer.wish
    return tuple(
        stream_id
        for stream_id, entry in newest.items()
        if wish is not None
        and wish.wants(stream_id)
        and entry.version > viewer.seen.get(stream_id, 0)
    )


def _version(newest: Mapping[str, Newest], stream_id: str) -> int:
    entry = newest.get(stream_id)
    return 0 if entry is None else entry.version


def _ring(loop: asyncio.AbstractEventLoop, news: asyncio.Event) -> None:
    loop.call_soon_threadsafe(news.set)
