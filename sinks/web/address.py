"""Where a server listens, as a person writes it: PORT, HOST:PORT or [IPV6]:PORT."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass

from analytics.web.access import is_loopback
from streamer.errors import SinkError

LOOPBACK = "127.0.0.1"

_FORM = re.compile(
    r"(?:(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[^\[\]:/\s]+)):)?(?P<port>[0-9]{1,5})"
)


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port.

    Attributes:
        host: a name or a literal address, without brackets.
        port: 0 lets the system choose.
    """

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Only this machine can connect."""
        return is_loopback(self.host)

    @property
    def is_wildcard(self) -> bool:
        """It listens on every address of the machine."""
        return self.host in ("0.0.0.0", "::")

    def __str__(self) -> str:
        return f"{bracketed(self.host)}:{self.port}"

    def listen(self) -> socket.socket:
        """A socket that is bound and listening.

        Raises:
            OSError: the name is unknown, the address not ours or the port taken.
        """
        found = socket.getaddrinfo(
            self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, _, _, _, where = found[0]
        # create_server sets what each system needs for a port to be usable again at once.
        return socket.create_server(where[:2], family=family, backlog=128)


def parse_address(text: str) -> Address:
    """The address meant by `PORT`, `HOST:PORT` or `[IPV6]:PORT`; a bare port is loopback.

    >>> str(parse_address("8080")), str(parse_address("[::1]:8080"))
    ('127.0.0.1:8080', '[::1]:8080')

    Raises:
        SinkError: it is none.
    """
    match = _FORM.fullmatch(text)
    if match is None or int(match["port"]) > 65535:
        raise SinkError(f"expected PORT or HOST:PORT, got {text!r}; such as 8080 or 127.0.0.1:8080")
    return Address(match["six"] or match["host"] or LOOPBACK, int(match["port"]))


def bracketed(host: str) -> str:
    """The host as URLs want it: IPv6 addresses in brackets."""
    return f"[{host}]" if ":" in host else host
