"""Serves the editor until it is told to stop."""

from __future__ import annotations

import asyncio
import socket

from aiohttp import web

from analytics.web.serving import served

LOOPBACK = "127.0.0.1"


def listen(port: int) -> socket.socket:
    """A socket that only this machine can connect to; 0 lets the system choose the port.

    Raises:
        OSError: the port is taken or not allowed.
    """
    return socket.create_server((LOOPBACK, port), backlog=32)


async def serve(site: web.Application, listening: socket.socket, stopped: asyncio.Event) -> None:
    """Serve what comes in at `listening`, which is taken over, until `stopped` is set."""
    async with served(site, listening):
        await stopped.wait()
