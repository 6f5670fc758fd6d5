"""A real HTTP server of one file, with ranges, and with faults that a test has scripted."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one request.

    Attributes:
        status: answer with this instead of the file.
        cut_after: close the connection after so many bytes of the body.
        stall: send the head and then nothing until the server ends.
        location: redirect there.
        shift: bytes by which a range begins too late.
        page: answer with this web page instead of the file.
    """

    status: int | None = None
    cut_after: int | None = None
    stall: bool = False
    location: str | None = None
    shift: int = 0
    page: bytes | None = None


@dataclass
class FileServer:
    """Serves `content` at every path; requests meet `faults` in turn, then none.

    Attributes:
        content: the file, may be changed between requests.
        etag: sent where not None, and compared with If-Range.
        last_modified: likewise.
        ranges: False ignores Range.
        requests: the headers of every request, in order.
    """

    content: bytes
    etag: str | None = '"v1"'
    last_modified: str | None = None
    ranges: bool = True
    faults: deque[Fault] = field(default_factory=deque)
    requests: list[Mapping[str, str]] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._over = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(
            target=self._http.serve_forever, args=(0.01,), name="file server"
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._http.server_port}"

    @property
    def url(self) -> str:
        """Of the file."""
        return f"http://{self.address}/model.pth"

    def wait_until_over(self) -> None:
        """Until `__exit__`."""
        self._over.wait()


def _handler(server: FileServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.requests.append(dict(self.headers.items()))
            fault = server.faults.popleft() if server.faults else Fault()
            if fault.status is not None:
                self.send_response(fault.status)
                self.end_headers()
            elif fault.location is not None:
                self.send_response(302)
                self.send_header("Location", fault.location)
                self.end_headers()
            elif fault.page is not None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(fault.page)))
                self.end_headers()
                self.wfile.write(fault.page)
            else:
                self._send_file(fault)

        def _send_file(self, fault: Fault) -> None:
            start = self._start()
            if start > len(server.content):
                self.send_response(416)
                self.end_headers()
                return
            body = server.content[start:]
            self.send_response(206 if start else 200)
            if start:
                first, last = start + fault.shift, len(server.content) - 1
                self.send_header("Content-Range", f"bytes {first}-{last}/{len(server.content)}")
            for name, value in (("ETag", server.etag), ("Last-Modified", server.last_modified)):
                if value is not None:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.flush()
            if fault.stall:
                server.wait_until_over()
            else:
                self.wfile.write(body[: fault.cut_after])

        def _start(self) -> int:
            asked = self.headers.get("Range")
            current = {server.etag, server.last_modified} - {None}
            if not server.ranges or asked is None or self.headers.get("If-Range") not in current:
                return 0
            return int(asked.removeprefix("bytes=").rstrip("-"))

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
