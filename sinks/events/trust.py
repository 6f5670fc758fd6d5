"""Whose certificates are believed."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx

from streamer.errors import SinkError


def trust(ca_file: Path | None) -> ssl.SSLContext:
    """Checks certificates and names, by `ca_file` (PEM) or, if None, the well-known authorities.

    Raises:
        SinkError: the file cannot be read or holds no certificates.
    """
    if ca_file is None:
        return httpx.create_ssl_context()
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        reason = (error.strerror or str(error)).lower()
        raise SinkError(f"{ca_file}: expected certificates in PEM: {reason}") from error
