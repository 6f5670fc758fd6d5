"""Results to browsers: `web:ADDRESS` and `overlay:PORT`."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from aiohttp import web

from analytics.web.access import new_token
from detector.detections import Detections
from sinks.annotate import Style
from sinks.web.access import viewer_gate
from sinks.web.address import Address, bracketed, parse_address
from sinks.web.config import WebConfig
from sinks.web.frames import Previews
from sinks.web.messages import FrameJson
from sinks.web.pages import OVERLAY_PAGES, WEB_PAGES
from sinks.web.server import Server
from sinks.web.site import build_site
from sinks.web.state import Board
from sinks.web.viewers import Rounds
from streamer.errors import SinkError
from streamer.result import Result
from streamer.snapshot import RunSnapshot


class WebSink:
    """Serves every stream live, with boxes and numbers, on a page.

    Writing costs next to nothing, whoever looks: the newest result of each stream is kept, and
    the server's own threads make pictures of it while somebody watches.

    Args:
        address: PORT (loopback) or HOST:PORT; port 0 lets the system choose.
        class_names: of the detector.
        style: how results look.
        config: how they are served.

    Raises:
        SinkError: no address, or one that others can reach without a token of one's own.
    """

    kind = "web"
    _pages: Mapping[str, tuple[str, str]] = WEB_PAGES

    def __init__(
        self,
        address: str,
        class_names: Sequence[str],
        style: Style | None = None,
        config: WebConfig | None = None,
    ) -> None:
        self._config = config or WebConfig()
        self._address = self._checked(address)
        self._name = f"{self.kind} {self._address}"
        self._class_names = tuple(class_names)
        self._style = style or Style()
        self._token = self._config.token or new_token()
        self._board = Board()
        self._listening: socket.socket | None = None
        self._server: Server | None = None

    @property
    def name(self) -> str:
        """Kind and address, as asked for."""
        return self._name

    @property
    def url(self) -> str:
        """What a browser opens, with the token in it: for the person who started the run only.

        With port 0, the port is known once it is claimed.
        """
        host = socket.gethostname() if self._address.is_wildcard else self._address.host
        return f"http://{bracketed(host)}:{self._address.port}/?token={self._token}"

    def claim(self) -> None:
        """Take the port, before there is anything to serve; who connects waits for that.

        Raises:
            SinkError: the port is taken or the address is none of this machine's.
        """
        try:
            self._listening = self._address.listen()
        except OSError as error:
            # Python's own words repeat the address; an unknown name has a number below 0.
            number = error.errno or 0
            reason = (os.strerror(number) if number > 0 else str(error.strerror)).lower()
            raise SinkError(
                f"{self.name}: cannot listen: {reason}; choose another address"
            ) from error
        self._address = replace(self._address, port=self._listening.getsockname()[1])

    def release(self) -> None:
        """Give the port back, if nothing has been served there yet."""
        listening, self._listening = self._listening, None
        if listening is not None:
            listening.close()

    def __enter__(self) -> Self:
        """Serve; raises as `claim` where that was not called."""
        if self._listening is None:
            self.claim()
        listening, self._listening = self._listening, None
        assert listening is not None  # as claimed
        frame_json = FrameJson(self._class_names, self._style)
        previews = Previews(self._class_names, self._style, self._config)
        gate = viewer_gate(
            self._token, port=self._address.port, is_loopback=self._address.is_loopback
        )

        def build(rounds: Rounds) -> web.Application:
            return build_site(self._board, rounds, gate, frame_json, self._pages, self._config)

        self._server = Server(self.name, self._board, frame_json, previews, self._config, build)
        self._server.start(listening)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop serving, whoever still looks."""
        if self._server is not None:
            self._server.stop()

    def write(self, result: Result[Detections]) -> None:
        """Show a result, instead of the one before it of the same stream.

        Raises:
            SinkError: the server has failed.
        """
        failure = None if self._server is None else self._server.failure
        if failure is not None:
            raise SinkError(f"{self.name}: the server has failed: {failure!r}") from failure
        self._board.post(result)

    def observe(self, snapshot: RunSnapshot) -> None:
        """Show how the run stands; any thread, a few times a second, entered or not."""
        self._board.observe(snapshot)

    def _checked(self, text: str) -> Address:
        try:
            address = parse_address(text)
        except SinkError as error:
            raise SinkError(f"sink {self.kind}: {error}") from error
        if not address.is_loopback and self._config.token is None:
            raise SinkError(
                f"sink {self.kind}: {address} can be reached from elsewhere: expected a token, "
                f"got none; set {self.kind}.token, or listen on 127.0.0.1:{address.port}"
            )
        return address


class OverlayPageSink(WebSink):
    """Serves a transparent page with the boxes alone, for a browser source in OBS.

    Args:
        address: as for WebSink.
        class_names: of the detector.
        style: how results look.
        config: how they are served.
    """

    kind = "overlay"
    _pages = OVERLAY_PAGES
