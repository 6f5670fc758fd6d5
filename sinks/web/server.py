"""A server in a thread of its own, from the moment it listens to the last viewer's end."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from aiohttp import web

from analytics.web.serving import SPARE, served
from sinks.web.config import WebConfig
from sinks.web.frames import Previews
from sinks.web.messages import FrameJson
from sinks.web.state import Board
from sinks.web.viewers import Rounds


class Server:
    """Serves until stopped; a viewer that is still there then is cut off.

    Args:
        name: of the thread.
        board: of the run.
        frame_json: makes frames JSON.
        previews: makes frames pictures.
        config: rate, size, share and patience.
        build: makes the site around the rounds.
    """

    def __init__(
        self,
        name: str,
        board: Board,
        frame_json: FrameJson,
        previews: Previews,
        config: WebConfig,
        build: Callable[[Rounds], web.Application],
    ) -> None:
        self._name = name
        self._board = board
        self._frame_json = frame_json
        self._previews = previews
        self._config = config
        self._build = build
        self._ready: Future[Callable[[], None]] = Future()  # what stops it
        self._ended: Future[None] = Future()
        self._thread: threading.Thread | None = None

    def start(self, listening: socket.socket) -> None:
        """Serve what comes in at `listening`, which is taken over."""
        self._thread = threading.Thread(target=self._run, args=(listening,), name=self._name)
        self._thread.start()
        try:
            self._ready.result()
        except BaseException:
            self._thread.join()
            raise

    def stop(self) -> None:
        """End within about a second; returns when the thread has ended."""
        if self._thread is None:
            return
        if not self._ended.done():
            self._ready.result()()
        self._thread.join()

    @property
    def failure(self) -> BaseException | None:
        """What ended it without being asked to, or None."""
        return self._ended.exception() if self._ended.done() else None

    def _run(self, listening: socket.socket) -> None:
        """The thread's body; its failure is kept for the sink, which raises it."""
        try:
            asyncio.run(self._serve(listening))
        except BaseException as error:  # noqa: BLE001 - a thread's end; `failure` tells it
            if not self._ready.done():
                self._ready.set_exception(error)
            self._ended.set_exception(error)
        else:
            self._ended.set_result(None)
        finally:
            listening.close()

    async def _serve(self, listening: socket.socket) -> None:
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        with ThreadPoolExecutor(1, thread_name_prefix=f"{self._name}:encoder") as encoder:
            rounds = Rounds(self._board, self._frame_json, self._previews, encoder, self._config)
            site, most = self._build(rounds), self._config.viewers + SPARE
            async with served(site, listening, most=most):
                working = [asyncio.create_task(rounds.run()), asyncio.create_task(rounds.sweep())]
                try:
                    self._ready.set_result(lambda: _call(loop, stopped.set))
                    waiting = asyncio.create_task(stopped.wait())
                    await asyncio.wait((waiting, *working), return_when=asyncio.FIRST_COMPLETED)
                finally:
                    self._board.call_once(None)
                    for task in working:
                        task.cancel()
                    rounds.close()
            ended = await asyncio.gather(*working, return_exceptions=True)
            for end in ended:
                if not isinstance(end, asyncio.CancelledError) and end is not None:
                    raise end


def _call(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    try:
        loop.call_soon_threadsafe(callback)
    except RuntimeError:  # the loop has just closed by itself, which is what was wanted
        return
