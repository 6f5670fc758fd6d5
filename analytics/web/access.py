"""Who is let in: a token, shown as a header, in the first visit's address or by a cookie."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from urllib.parse import urlsplit

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Rule = Callable[[web.Request], web.Response | None]  # the refusal, or None where it may pass

SECURITY_HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",  # the first visit's address holds the token
    "Server": "streamer",  # no versions: they tell strangers what to try
    "X-Content-Type-Options": "nosniff",
}

_HOST = re.compile(r"(?:\[(?P<six>[^\]]*)\]|(?P<name>[^:\[\]]*))(?::\d*)?")


def new_token() -> str:
    """192 random bits, fit for an address."""
    return secrets.token_urlsafe(24)


class Key:
    """What opens a server: the token, and for a browser the cookie made of it.

    Args:
        token: the secret.
        cookie_name: differs between servers of one machine by more than its port, for cookies
            ignore ports.
        ticket: opens like the token, once: what a browser is started with, all users can read in
            the list of processes.
    """

    def __init__(self, token: str, *, cookie_name: str, ticket: str | None = None) -> None:
        self._token = token
        self._ticket = ticket
        self._cookie_name = cookie_name
        # Browsers show cookies to every server on the machine, so it must not be the token itself.
        self._cookie = hmac.new(token.encode(), b"cookie", hashlib.sha256).hexdigest()

    def fits(self, request: web.Request) -> bool:
        """The request shows the token, the ticket for the first time, or the cookie."""
        scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and _is_same(bearer.strip(), self._token):
            return True
        given = request.query.get("token", "")
        if _is_same(given, self._token):
            return True
        if self._ticket is not None and _is_same(given, self._ticket):
            self._ticket = None
            return True
        return _is_same(request.cookies.get(self._cookie_name, ""), self._cookie)

    def hand_over(self, response: web.StreamResponse) -> None:
        """Leave the cookie with the browser that is answered."""
        response.set_cookie(
            self._cookie_name, self._cookie, httponly=True, samesite="Strict", path="/"
        )


class Gate:
    """Stands before every handler.

    Args:
        key: who came in by an address with the token in it is given its cookie.
        rules: asked in turn; the first refusal is the answer.
    """

    def __init__(self, key: Key, rules: Sequence[Rule]) -> None:
        self._key = key
        self._rules = tuple(rules)

    async def __call__(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Serve or refuse; the refusal is the same whatever the path, so that none can be told."""
        for rule in self._rules:
            refused = rule(request)
            if refused is not None:
                return refused
        try:
            response = await handler(request)
        except web.HTTPException as error:  # nothing under this path, too large, another method
            return refusal(error.status, error.reason.lower())
        if not response.prepared:
            response.headers.update(SECURITY_HEADERS)
            if "token" in request.query:
                self._key.hand_over(response)
        return response


def loopback_name(request: web.Request) -> web.Response | None:
    """The rule that no page comes in by pointing its own name at this machine (DNS rebinding)."""
    if is_loopback(_host_name(request.headers.get("Host", ""))):
        return None
    return refusal(421, "not served under this name; use 127.0.0.1 or localhost")


def knows(key: Key, *, printed_by: str) -> Rule:
    """The rule that the key must fit.

    Args:
        key: the key.
        printed_by: who printed the link with the token in it, for the words of the refusal.
    """

    def rule(request: web.Request) -> web.Response | None:
        if key.fits(request):
            return None
        return refusal(
            401,
            f"token missing or wrong; open the link that the {printed_by} printed when it started",
            {"WWW-Authenticate": "Bearer"},
        )

    return rule


def same_origin(request: web.Request) -> web.Response | None:
    """The rule that no foreign page may ask.

    Browsers name the page that asks, for every PUT and every WebSocket; other programs do not.
    """
    origin = request.headers.get("Origin")
    if origin is None or urlsplit(origin).netloc == request.headers.get("Host"):
        return None
    return refusal(403, "a page of another origin may not ask this one")


def refusal(status: int, text: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer of one line, after which the connection is closed."""
    response = web.Response(
        status=status, text=f"{text}\n", headers={**SECURITY_HEADERS, **(headers or {})}
    )
    response.force_close()  # whatever else the client meant to send is not read
    return response


def is_loopback(host: str) -> bool:
    """The host, a name or an address without brackets, is this machine's own loopback.

    >>> is_loopback("localhost"), is_loopback("127.8.0.1"), is_loopback("::1")
    (True, True, True)
    >>> is_loopback("localhost.evil.example"), is_loopback("0.0.0.0"), is_loopback("")
    (False, False, False)
    """
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_same(given: str, secret: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), secret.encode())


def _host_name(host: str) -> str:
    match = _HOST.fullmatch(host)
    return "" if match is None else match["six"] or match["name"] or ""
