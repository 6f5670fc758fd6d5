"""What went wrong with a network stream, in one line and without its password."""

from __future__ import annotations

import errno
import re
from urllib.parse import urlsplit

from streamer.errors import SourceOpenError
from streamer.redact import MASK, redact


class SourceRefusedError(SourceOpenError):
    """The peer's answer is no, and asking again soon will not change it."""


def has_credentials(url: str) -> bool:
    """The address carries a user name."""
    return "@" in _authority(url)


def is_cut_short(url: str) -> bool:
    """A password has a sign in it that ends the part of the address where a host stands.

    >>> is_cut_short("rtsp://admin:a/b@door/1"), is_cut_short("rtsp://admin:a@door/b@1")
    (True, False)
    """
    return f"{MASK}@" in redact(url) and not has_credentials(url)


def host_of(url: str) -> str:
    """The host, without port or credentials; empty if there is none.

    >>> host_of("rtsp://admin:a@b@door.example:554/1")
    'door.example'
    """
    try:
        return urlsplit(redact(url)).hostname or ""  # passwords may hold brackets
    except ValueError:
        return ""


def _authority(url: str) -> str:
    """User, password, host and port."""
    return re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0]


def describe_open_error(url: str, error: Exception) -> SourceOpenError:
    """What FFmpeg's failure to open `url` means to a person; `error` itself holds the password."""
    import av

    place = f"source '{redact(url)}'"
    if isinstance(error, av.HTTPUnauthorizedError):
        if has_credentials(url):
            return SourceRefusedError(f"{place}: the user name or password is wrong (401)")
        return SourceRefusedError(
            f"{place}: it asks for a user name and password (401); "
            "write them before the host, as in scheme://user:password@host/"
        )
    if isinstance(error, av.HTTPForbiddenError):
        return SourceRefusedError(f"{place}: this user is not allowed to see it (403)")
    if isinstance(error, av.HTTPNotFoundError):
        kind = SourceRefusedError if url.lower().startswith("http") else SourceOpenError
        return kind(f"{place}: not found (404); check the path")
    if isinstance(error, av.ProtocolNotFoundError):
        scheme = url.split(":", 1)[0]
        return SourceRefusedError(f"{place}: this FFmpeg was built without {scheme}")
    return SourceOpenError(f"{place}: {_plain(error)}")


def _plain(error: Exception) -> str:
    """Failures that may pass."""
    import av

    if isinstance(error, av.HTTPError | av.HTTPClientError):
        return f"the server answered with an error: {_reason(error)}"
    if isinstance(error, ConnectionRefusedError):
        return "refused: nothing listens at that address; check host and port"
    if isinstance(error, EOFError | ConnectionResetError | BrokenPipeError):
        return "the peer closed the connection before it gave a picture"
    if isinstance(error, av.InvalidDataError):
        return "expected a video, got something FFmpeg cannot read"
    if isinstance(error, OSError) and error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH):
        return "no route to that host; check the network"
    return f"cannot be opened: {_reason(error)}"


def _reason(error: Exception) -> str:
    """FFmpeg's own words, which do not name the address."""
    return str(getattr(error, "strerror", None) or type(error).__name__).lower()
