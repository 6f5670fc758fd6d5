"""Real peers on loopback, good and bad, that end with the block they are made for."""

from __future__ import annotations

import base64
import contextlib
import functools
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

import cv2
import numpy as np
import pytest

SYSTEM_PYTHON = "/usr/bin/python3"
RTSP_SERVER = Path(__file__).with_name("rtsp_server.py")
WAIT_S = 20


@functools.cache
def _has_gstreamer() -> bool:
    if shutil.which(SYSTEM_PYTHON) is None:
        return False
    ask = (
        "import gi; gi.require_version('GstRtspServer', '1.0');"
        "from gi.repository import Gst, GstRtspServer; Gst.init(None);"
        "assert all(map(Gst.ElementFactory.find, ('x264enc', 'jpegenc', 'rtph264pay')))"
    )
    asked = subprocess.run([SYSTEM_PYTHON, "-c", ask], check=False, capture_output=True)
    return asked.returncode == 0


needs_rtsp_server = pytest.mark.skipif(
    not _has_gstreamer(),
    reason="needs Debian's gir1.2-gst-rtsp-server-1.0, python3-gi and "
    "gstreamer1.0-plugins-{base,good,ugly}",
)


class RtspServer:
    """GStreamer's RTSP server, on a port that outlives it."""

    def __init__(self, *options: str) -> None:
        self._options = options
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    def url(self, credentials: str = "", *, port: int | None = None) -> str:
        return f"rtsp://{credentials}127.0.0.1:{port or self.port}/cam"

    def start(self, *options: str) -> None:
        command = [SYSTEM_PYTHON, str(RTSP_SERVER), "--port", str(self.port)]
        self._process = subprocess.Popen(
            [*command, *(options or self._options)], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()


class Peer:
    """Listens on a free port; every connection is served by `talk` in a thread of its own."""

    def __init__(self, *, port: int = 0) -> None:
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        self.stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()

    def talk(self, connection: socket.socket) -> None:
        raise NotImplementedError

    def keep(self, connection: socket.socket) -> socket.socket:
        """Close it with the others."""
        with self._lock:
            self._sockets.append(connection)
        return connection

    def cut(self) -> None:
        """Break every connection there is."""
        with self._lock:
            sockets, self._sockets = self._sockets, []
        for connection in sockets:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def __enter__(self) -> Self:
        self._spawn(self._accept)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stopped.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(WAIT_S)
        self.cut()

    def _spawn(self, body: Callable[[], None]) -> None:
        thread = threading.Thread(target=body, name="test-peer")
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while not self.stopped.is_set():
                connection = self.keep(self._listener.accept()[0])
                self._spawn(functools.partial(self._serve, connection))

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            self.talk(connection)


class SilentPeer(Peer):
    """Accepts, and never says a word."""

    def talk(self, connection: socket.socket) -> None:
        while connection.recv(4096):
            pass


class DrippingPeer(Peer):
    """Sends a byte now and then, so that no wait for a single byte is ever long."""

    def talk(self, connection: socket.socket) -> None:
        while not self.stopped.wait(0.3):
            connection.sendall(b"R")


class BabblingPeer(Peer):
    """Answers anything with noise, and closes."""

    def talk(self, connection: socket.socket) -> None:
        noise = np.random.default_rng(1).integers(0, 256, 20_000, np.uint8)
        connection.recv(4096)
        connection.sendall(noise.tobytes())
        connection.close()


class EndlessPicturePeer(Peer):
    """Sends an MJPEG picture that is never over."""

    def talk(self, connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=f\r\n\r\n"
            b"--f\r\nContent-Type: image/jpeg\r\nContent-Length: 2000000000\r\n\r\n\xff\xd8"
        )
        while not self.stopped.wait(0.01):
            connection.sendall(bytes(1000))


class Proxy(Peer):
    """Passes bytes on to another port, until it is cut, frozen or made to spoil them."""

    def __init__(self, target: int) -> None:
        super().__init__()
        self._target = target
        self.is_frozen = False
        self.noise = b""  # sent once to each client, in the middle of what it gets

    def talk(self, connection: socket.socket) -> None:
        try:
            upstream = self.keep(socket.create_connection(("127.0.0.1", self._target)))
        except OSError:
            connection.close()
            return
        self._spawn(functools.partial(self._pump, connection, upstream))
        self._pump(upstream, connection, may_spoil=True)

    def _pump(
        self, source: socket.socket, target: socket.socket, *, may_spoil: bool = False
    ) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                while self.is_frozen and not self.stopped.wait(0.02):
                    pass
                if may_spoil and self.noise:
                    data, self.noise = self.noise + data[len(data) // 2 :], b""
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def black_hole() -> Iterator[int]:
    """A port whose connections are never completed: its queue of new ones is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


class WebServer:
    """Serves files of a folder, and `/mjpeg`: pictures for ever, whose grey level counts.

    `/moved?to=PATH` redirects.

    Where `password` is set, everything asks for `admin` and it.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        rate_hz: float = 25,
        size_wh: tuple[int, int] = (64, 48),
        password: str | None = None,
        port: int = 0,
    ) -> None:
        self.folder, self.rate_hz, self.size_wh, self.password = folder, rate_hz, size_wh, password
        self.stopped = threading.Event()
        self.connections = 0
        self._server = _Server(("127.0.0.1", port), type("_Bound", (_Web,), {"web": self}))
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="test-web"
        )

    def url(self, path: str = "mjpeg", credentials: str = "") -> str:
        return f"http://{credentials}127.0.0.1:{self.port}/{path}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(WAIT_S)


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # joined by server_close

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # clients of these tests leave in the middle


class _Web(BaseHTTPRequestHandler):
    web: ClassVar[WebServer]

    def do_GET(self) -> None:
        self.web.connections += 1
        path = self.path.lstrip("/").split("?")[0]
        if not self._is_allowed():
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="test"')
            self.end_headers()
        elif path == "mjpeg":
            self._send_pictures()
        elif path == "moved":
            self.send_response(302)
            self.send_header("Location", self.path.partition("to=")[2])
            self.end_headers()
        elif self.web.folder is not None and (self.web.folder / path).is_file():
            self._send_file((self.web.folder / path).read_bytes())
        else:
            self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _is_allowed(self) -> bool:
        if self.web.password is None:
            return True
        expected = base64.b64encode(f"admin:{self.web.password}".encode()).decode()
        return self.headers.get("Authorization") == f"Basic {expected}"

    def _send_file(self, data: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _send_pictures(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        number = 0
        while True:
            width, height = self.web.size_wh
            pixels = np.full((height, width, 3), number * 8 % 256, np.uint8)
            jpeg = cv2.imencode(".jpg", pixels)[1].tobytes()
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            self.wfile.write(head.encode() + jpeg + b"\r\n")
            number += 1
            if self.web.stopped.wait(1 / self.web.rate_hz):
                return


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port nobody listens on right now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
