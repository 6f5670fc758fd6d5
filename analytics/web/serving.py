"""How a site is served: within limits on what a stranger may send."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import http_exceptions, web

MAX_LINE = 4096  # bytes of the request line, and of each header
MAX_HEADERS = 64
IDLE_S = 10.0  # a connection that asks nothing, or never ends asking, is closed
CLOSING_S = 0.5  # for answers under way at the end
SPARE = 64  # connections beside those that last: pages, scrapers, strangers until they are closed


@asynccontextmanager
async def served(
    site: web.Application, listening: socket.socket, *, most: int = SPARE
) -> AsyncIterator[None]:
    """Serve a site within the block.

    Args:
        site: what is served.
        listening: is taken over.
        most: connections at a time; a run whose files have all become strangers' connections
            could open no camera and write no file.
    """
    runner = _limited(site)
    await runner.setup()
    server = runner.server
    assert server is not None  # as set up

    def door() -> asyncio.BaseProtocol:
        return server() if len(server.connections) < most else _Full()

    try:
        listener = await asyncio.get_running_loop().create_server(door, sock=listening)
        try:
            yield
        finally:
            listener.close()
    finally:
        await runner.cleanup()


class _Full(asyncio.Protocol):
    """Turns away who comes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close without a word."""
        if isinstance(transport, asyncio.Transport):
            transport.abort()


def _limited(site: web.Application) -> web.AppRunner:
    logger = logging.getLogger(f"{__name__}.http")
    logger.addFilter(_is_ours)
    return web.AppRunner(
        site,
        access_log=None,  # request lines hold tokens
        logger=logger,
        handler_cancellation=True,  # who has left waits for nothing any more
        keepalive_timeout=IDLE_S,
        lingering_time=0,
        max_line_size=MAX_LINE,
        max_field_size=MAX_LINE,
        max_headers=MAX_HEADERS,
        shutdown_timeout=CLOSING_S,
    )


def _is_ours(record: logging.LogRecord) -> bool:
    """Strangers' malformed requests are no failure of ours, and may hold tokens."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, http_exceptions.HttpProcessingError)
