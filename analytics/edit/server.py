"""Serves the editor until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import socket

from aiohttp import http_exceptions, web

LOOPBACK = "127.0.0.1"
MAX_LINE = 4096  # bytes of the request line, and of each header
MAX_HEADERS = 64
IDLE_S = 10.0  # a connection that asks nothing, or never ends asking, is closed
CLOSING_S = 0.5  # for answers under way at the end


def listen(port: int) -> socket.socket:
    """A socket that only this machine can connect to; 0 lets the system choose the port.

    Raises:
        OSError: the port is taken or not allowed.
    """
    return socket.create_server((LOOPBACK, port), backlog=32)


async def serve(site: web.Application, listening: socket.socket, stopped: asyncio.Event) -> None:
    """Serve what comes in at `listening`, which is taken over, until `stopped` is set."""
    logger = logging.getLogger(f"{__name__}.http")
    logger.addFilter(_is_ours)
    runner = web.AppRunner(
        site,
        access_log=None,  # request lines hold tokens
        logger=logger,
        keepalive_timeout=IDLE_S,
        lingering_time=0,
        max_line_size=MAX_LINE,
        max_field_size=MAX_LINE,
        max_headers=MAX_HEADERS,
        shutdown_timeout=CLOSING_S,
    )
    await runner.setup()
    try:
        await web.SockSite(runner, listening).start()
        await stopped.wait()
    finally:
        await runner.cleanup()
        listening.close()


def _is_ours(record: logging.LogRecord) -> bool:
    """Strangers' malformed requests are no failure of ours, and may hold tokens."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, http_exceptions.HttpProcessingError)
