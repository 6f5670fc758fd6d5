"""Who may edit: a token, shown as a header, in the first visit's address or by a cookie."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlsplit

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

SECURITY_HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",  # the first visit's address holds the token
    "Server": "streamer",
    "X-Content-Type-Options": "nosniff",
}

_HOST = re.compile(r"(?:\[(?P<six>[^\]]*)\]|(?P<name>[^:\[\]]*))(?::\d*)?")


def new_token() -> str:
    """192 random bits, fit for an address."""
    return secrets.token_urlsafe(24)


class Gate:
    """Lets in who knows the token, by a loopback name, from no foreign page.

    Args:
        token: the secret.
        ticket: opens like the token, once: what a browser is started with, all users can read in
            the list of processes.
        port: tells cookies of several servers on one machine apart: cookies ignore ports.
    """

    def __init__(self, token: str, *, ticket: str | None = None, port: int) -> None:
        self._token = token
        self._ticket = ticket
        self._cookie_name = f"streamer_edit_{port}"
        # Browsers show cookies to every server on the machine, so it must not be the token itself.
        self._cookie = hmac.new(token.encode(), b"cookie", hashlib.sha256).hexdigest()

    async def __call__(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Serve or refuse; the refusal is the same whatever the path, so that none can be told."""
        refused = self._refused(request)
        if refused is not None:
            return refused
        try:
            response = await handler(request)
        except web.HTTPException as error:  # nothing under this path, too large, another method
            return refusal(error.status, error.reason.lower())
        response.headers.update(SECURITY_HEADERS)
        if "token" in request.query and isinstance(response, web.Response):
            response.set_cookie(
                self._cookie_name, self._cookie, httponly=True, samesite="Strict", path="/"
            )
        return response

    def _refused(self, request: web.Request) -> web.Response | None:
        # A foreign page cannot come in by pointing its own name at this machine (DNS rebinding).
        if not _is_loopback(_host_name(request.headers.get("Host", ""))):
            return refusal(421, "not served under this name; use 127.0.0.1 or localhost")
        if not self._admits(request):
            return refusal(
                401,
                "token missing or wrong; open the link that the editor printed when it started",
                {"WWW-Authenticate": "Bearer"},
            )
        # Browsers name the page that asks, for every PUT; other programs do not.
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.headers.get("Host"):
            return refusal(403, "a page of another origin may not edit")
        return None

    def _admits(self, request: web.Request) -> bool:
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


def refusal(status: int, text: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer of one line, after which the connection is closed."""
    response = web.Response(
        status=status, text=f"{text}\n", headers={**SECURITY_HEADERS, **(headers or {})}
    )
    response.force_close()  # whatever else the client meant to send is not read
    return response


def _is_same(given: str, secret: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), secret.encode())


def _host_name(host: str) -> str:
    match = _HOST.fullmatch(host)
    return "" if match is None else match["six"] or match["name"] or ""


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
