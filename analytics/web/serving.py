"""How a site is served: within limits on what a stranger may send."""

from __future__ import annotations

import logging

from aiohttp import http_exceptions, web

MAX_LINE = 4096  # bytes of the request line, and of each header
MAX_HEADERS = 64
IDLE_S = 10.0  # a connection that asks nothing, or never ends asking, is closed
CLOSING_S = 0.5  # for answers under way at the end


def limited(site: web.Application) -> web.AppRunner:
    """The site, ready to be set up."""
    logger = logging.getLogger(f"{__name__}.http")
    logger.addFilter(_is_ours)
    return web.AppRunner(
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


def _is_ours(record: logging.LogRecord) -> bool:
    """Strangers' malformed requests are no failure of ours, and may hold tokens."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, http_exceptions.HttpProcessingError)
