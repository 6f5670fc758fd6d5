"""Events posted to a web address, one request each."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from sinks.events.delivery import DeliveryConfig, Refused, Unreachable
from sinks.events.spool import Spooled
from sinks.events.trust import trust
from streamer.errors import SinkError
from streamer.redact import redact

# RFC 9110 and 6585: what is wrong with the request itself, which will not change. All others may
# pass, also those a person has to see to, such as 401, 404 or a redirection: what waits is kept.
_REFUSALS = frozenset({400, 406, 409, 411, 412, 413, 414, 415, 417, 422, 431})
_READ_BYTES = 64 * 1024  # of an answer, so that the connection can be used again


@dataclass(frozen=True, slots=True)
class WebhookConfig:
    """How events are posted.

    Attributes:
        authorization: value of the header of this name, such as `Bearer ...`, or None; a user and
            password may stand in the address instead.
        ca_file: certificates, PEM, to trust instead of the well-known ones, or None.
        delivery: how they are kept and sent.
    """

    authorization: str | None = None
    ca_file: Path | None = None
    delivery: DeliveryConfig = field(default_factory=DeliveryConfig)

    def __post_init__(self) -> None:
        value = "-" if self.authorization is None else self.authorization.strip()
        # It stays out of the message; the HTTP library would tell it at every attempt.
        if not (value and value.isascii() and value.isprintable()):
            raise ValueError("authorization: expected one line of ASCII, such as 'Bearer ...'")


class WebhookCourier:
    """Posts records as JSON, each with its id as `Idempotency-Key`.

    A 2xx says that a record has arrived. 400, 413, 422 and the like refuse the record itself: it is
    dropped. Anything else, and silence, is tried again. Redirections are not followed: a password
    would go where nobody sent it. Certificates are checked, always.

    Args:
        url: http or https.
        config: how.

    Raises:
        SinkError: the address or the certificates will not do.
    """

    def __init__(self, url: str, config: WebhookConfig) -> None:
        try:
            address = httpx.URL(url)
        except httpx.InvalidURL:
            address = httpx.URL()
        if address.scheme not in ("http", "https") or not address.host:
            raise SinkError(f"sink webhook: expected an http or https address, got {redact(url)!r}")
        self._url = address.copy_with(userinfo=b"", fragment=None)
        self._auth = (address.username, address.password) if address.userinfo else None
        self._config = config
        self._trusted = trust(config.ca_file) if address.scheme == "https" else True
        self._client: httpx.Client | None = None
        self._socket: socket.socket | None = None  # of the latest connection
        self._is_cut = False

    def connect(self) -> None:
        """Nothing: a request connects by itself."""

    def deliver(self, record: Spooled) -> None:
        """Post one record.

        Raises:
            Unreachable: no answer, or one that may change.
            Refused: the receiver will never accept it.
        """
        headers = {"Content-Type": "application/json", "Idempotency-Key": record.record_id}
        if self._config.authorization is not None:
            headers["Authorization"] = self._config.authorization.strip()
        if self._client is None:
            self._client = self._connected()
        try:
            with self._client.stream(
                "POST",
                self._url,
                content=record.body,
                headers=headers,
                extensions={"trace": self._trace},
            ) as answer:
                _read_some(answer)
        except (httpx.HTTPError, httpx.StreamError, OSError, UnicodeError) as error:  # of odd names
            raise Unreachable(f"no answer: {str(error) or type(error).__name__}") from error
        _judge(answer)

    def cut(self) -> None:
        """End a request that is under way, and allow no more; any thread."""
        self._is_cut = True
        latest = self._socket
        if latest is not None:
            # Closing would not wake who reads from it. The class's own, for TLS adds to it.
            with suppress(OSError):  # it has ended by itself
                socket.socket.shutdown(latest, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            self._client.close()

    def _connected(self) -> httpx.Client:
        patience = self._config.delivery
        return httpx.Client(
            auth=self._auth,
            timeout=httpx.Timeout(patience.timeout_s, connect=patience.connect_s),
            verify=self._trusted,
            follow_redirects=False,
        )

    def _trace(self, event: str, details: Mapping[str, Any]) -> None:  # of any type, by event
        """Take note of the socket of every new connection, which httpx keeps to itself."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._socket = details["return_value"].get_extra_info("socket")
        if self._is_cut:
            raise Unreachable("the run has ended")


def _read_some(answer: httpx.Response) -> None:
    count = 0
    for part in answer.iter_raw():
        count += len(part)
        if count > _READ_BYTES:
            return


def _judge(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    told = f"answer {answer.status_code} {answer.reason_phrase}".strip()
    if answer.status_code in _REFUSALS:
        raise Refused(told)
    asked = answer.headers.get("Retry-After", "")
    raise Unreachable(told, float(asked) if asked.isdecimal() else None)
