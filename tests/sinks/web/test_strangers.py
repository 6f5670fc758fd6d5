"""What strangers may take of a run: connections, and time."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack, suppress
from dataclasses import replace

import httpx
import pytest

from analytics.web.serving import IDLE_S, SPARE
from sinks.web.config import WebConfig
from tests.sinks.web.serving import (
    CONFIG,
    TOKEN,
    WAIT_S,
    client,
    port_of,
    serving,
    until,
)


def test_strangers_cannot_take_all_the_files_a_run_may_open() -> None:
    with serving(replace(CONFIG, viewers=1)) as sink, ExitStack() as stack:
        address = ("127.0.0.1", port_of(sink))
        silent = [stack.enter_context(socket.create_connection(address)) for _ in range(3 * SPARE)]
        silent[-1].settimeout(WAIT_S)
        with suppress(ConnectionResetError):
            assert silent[-1].recv(1) == b"", "turned away at once"
        for connection in silent:
            connection.close()
        with client(sink) as http:
            until(lambda: _is_served(http))


def _is_served(http: httpx.Client) -> bool:
    try:
        return http.get("/api/stats").status_code == 200
    except httpx.TransportError:
        return False


def _drip(connection: socket.socket, *, for_s: float) -> None:
    started_s = time.monotonic()
    while time.monotonic() - started_s < for_s:
        connection.sendall(b"X: y\r\n")
        time.sleep(0.5)


@pytest.mark.slow
def test_a_client_that_never_ends_asking_is_closed() -> None:
    """Over 2 s because the patience is what it is: 10 s."""
    with serving(WebConfig(token=TOKEN)) as sink:
        with socket.create_connection(("127.0.0.1", port_of(sink)), timeout=0.5) as dripping:
            started_s = time.monotonic()
            dripping.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
            with pytest.raises(ConnectionError):
                _drip(dripping, for_s=4 * IDLE_S)
        assert time.monotonic() - started_s < 3 * IDLE_S
