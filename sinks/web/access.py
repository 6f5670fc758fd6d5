"""Who may look: a token, shown as a header, in the first visit's address or by a cookie."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlsplit

from aiohttp import web

from sinks.web.address import is_loopback

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

OPEN_PATH = "/healthz"  # tells nothing but ok or not: for supervisors that know no token

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


class Gate:
    """Lets in who knows the token, and nobody by a foreign name.

    Args:
        token: the secret.
        port: tells cookies of several servers on one machine apart: cookies ignore ports.
        is_loopback: then only loopback names are served, so that a foreign page cannot come in by
            pointing its own name at this machine (DNS rebinding).
    """

    def __init__(self, token: str, *, port: int, is_loopback: bool) -> None:
        self._token = token.encode()
        self._is_loopback = is_loopback
        self._cookie_name = f"streamer_{port}"
        # Browsers show cookies to every server on the machine, so it must not be the token itself.
        self._cookie = hmac.new(self._token, b"cookie", hashlib.sha256).hexdigest()

    async def __call__(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Serve or refuse; the refusal is the same whatever the path, so that none can be told."""
        refused = self._refused(request)
        if refused is not None:
            return refused
        try:
            response = await handler(request)
        except web.HTTPException as error:  # nothing under this path
            return refusal(error.status, error.reason.lower())
        if not response.prepared:
            response.headers.update(SECURITY_HEADERS)
            if "token" in request.query:
                self._set_cookie(response)
        return response

    def admits(self, request: web.Request) -> bool:
        """The request shows the token, or the cookie made of it."""
        scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._is_token(bearer.strip()):
            return True
        if self._is_token(request.query.get("token", "")):
            return True
        cookie = request.cookies.get(self._cookie_name, "")
        return hmac.compare_digest(cookie.encode(errors="replace"), self._cookie.encode())

    def _refused(self, request: web.Request) -> web.Response | None:
        if self._is_loopback and not is_loopback(_host_name(request.headers.get("Host", ""))):
            return refusal(421, "not served under this name; use 127.0.0.1 or localhost")
        if request.path != OPEN_PATH and not self.admits(request):
            return refusal(
                401,
                "token missing or wrong; open the link that the run printed when it started",
                {"WWW-Authenticate": "Bearer"},
            )
        if request.method not in ("GET", "HEAD"):
            return refusal(405, "only GET is served", {"Allow": "GET, HEAD"})
        if request.can_read_body:
            return refusal(413, "a request may have no body")
        if not _is_same_origin(request):
            return refusal(403, "a page of another origin may not read this one")
        return None

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(errors="replace"), self._token)

    def _set_cookie(self, response: web.StreamResponse) -> None:
        response.set_cookie(
            self._cookie_name, self._cookie, httponly=True, samesite="Strict", path="/"
        )


def refusal(status: int, text: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer of one line, after which the connection is closed."""
    response = web.Response(
        status=status, text=f"{text}\n", headers={**SECURITY_HEADERS, **(headers or {})}
    )
    response.force_close()  # whatever else the client meant to send is not read
    return response


def _host_name(host: str) -> str:
    match = _HOST.fullmatch(host)
    return "" if match is None else match["six"] or match["name"] or ""


def _is_same_origin(request: web.Request) -> bool:
    """Browsers name the page that asks, for WebSockets always; other programs do not."""
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("Host")
