"""A receiver of webhooks on loopback that fails by a script, and events for it."""

from __future__ import annotations

import json
import queue
import socket
import ssl
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import numpy as np

from analytics.analysis import Analysis
from detector.detections import Detections
from sinks.events.delivery import DeliveryConfig
from sinks.events.sending import SendingSink
from streamer.frame import Frame, StreamInfo
from streamer.picture import BgrPicture
from streamer.result import Result
from tests.sinks.events.test_record import EVENT

PATIENCE_S = 60  # of a machine under load; a hang is what is meant
STREAM = StreamInfo("door", "door.mp4", 400, 300, Fraction(1, 25))
_PICTURE = BgrPicture(np.zeros((300, 400, 3), np.uint8))


def result_with(*numbers: int) -> Result[Detections]:
    """A frame on which events with these numbers became certain."""
    events = tuple(replace(EVENT, event_id=f"door:{number}") for number in numbers)
    frame = Frame(STREAM, 81, 81, STREAM.time_base, 0, _PICTURE)
    analysis = Analysis("door", frame.time_s, (400, 300), events=events)
    return Result(frame, Detections.empty(), 0, 0, notes=(analysis,))


def quick(spool: Path, **changes: Any) -> DeliveryConfig:  # any of its fields
    """Tries again at once."""
    given = DeliveryConfig(spool=spool, retry_s=0.01, retry_most_s=0.05, end_s=PATIENCE_S)
    return replace(given, **changes)


def wait_for_trouble(sending: SendingSink) -> str:
    """Until an attempt has failed; why."""
    while sending.trouble is None:
        time.sleep(0.01)
    return sending.trouble


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert isinstance(port, int)
        return port


@dataclass
class Request:
    headers: dict[str, str]
    path: str
    body: dict[str, object]

    @property
    def key(self) -> str:
        return self.headers["Idempotency-Key"]

    @property
    def event_id(self) -> object:
        return self.body["event_id"]


@dataclass
class Hold:
    """An answer that comes when it is let go."""

    status: int = 204

    def __post_init__(self) -> None:
        self.reached = threading.Event()
        self.released = threading.Event()


class Drip:
    """An answer whose header never ends; a byte comes as often as the reader's patience allows."""


class Receiver:
    """Answers the first requests by `script`, the rest with 204; None closes without an answer.

    `accepted` has what was answered with 2xx, in order; `requests` all there were.
    """

    def __init__(
        self,
        script: Iterable[int | Hold | Drip | None] = (),
        *,
        port: int = 0,
        certificate: Path | None = None,
    ) -> None:
        self.script = list(script)
        self.requests: list[Request] = []
        self.accepted: list[Request] = []
        self.dripping = threading.Event()
        self._arrived: queue.Queue[Request] = queue.Queue()
        self._ending = threading.Event()
        self._connections: list[socket.socket] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._server.daemon_threads = False
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ending.set()
        self._server.shutdown()
        for connection in self._connections:
            with suppress(OSError):  # its peer has closed it
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
        self._server.server_close()
        self._thread.join()

    @property
    def events(self) -> list[object]:
        return [request.event_id for request in self.accepted]

    def wait_for(self, count: int) -> None:
        """Until so many more have been accepted."""
        for _ in range(count):
            self._arrived.get(timeout=PATIENCE_S)

    def welcome(self, connection: socket.socket) -> None:
        self._connections.append(connection)

    def answer(self, handler: BaseHTTPRequestHandler, request: Request) -> None:
        self.requests.append(request)
        given = self.script.pop(0) if self.script else 204
        if given is None:
            handler.close_connection = True
            return
        if isinstance(given, Drip):
            self._drip(handler)
            return
        if isinstance(given, Hold):
            given.reached.set()
            given.released.wait(PATIENCE_S)
            given = given.status
        if 200 <= given < 300:
            self.accepted.append(request)
        handler.send_response(given)
        if given != 204:
            handler.send_header("Content-Length", "0")
        handler.end_headers()
        if 200 <= given < 300:
            self._arrived.put(request)

    def _drip(self, handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        with suppress(OSError):  # its reader has left
            handler.wfile.write(b"HTTP/1.1 ")
            self.dripping.set()
            while not self._ending.wait(0.02):
                handler.wfile.write(b"2")


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout: ClassVar[float] = PATIENCE_S

        def setup(self) -> None:
            super().setup()
            receiver.welcome(self.connection)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.answer(self, Request(dict(self.headers), self.path, json.loads(body)))

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
