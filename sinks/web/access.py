"""Who may look: who knows the token, only to read, from no foreign page."""

from __future__ import annotations

from aiohttp import web

from analytics.web.access import Gate, Key, Rule, knows, loopback_name, refusal, same_origin

OPEN_PATH = "/healthz"  # tells nothing but ok or not: for supervisors that know no token


def viewer_gate(token: str, *, port: int, is_loopback: bool) -> Gate:
    """The gate of one run's pages.

    Args:
        token: the secret.
        port: tells cookies of several runs on one machine apart.
        is_loopback: then only loopback names are served.
    """
    key = Key(token, cookie_name=f"streamer_{port}")
    names: tuple[Rule, ...] = (loopback_name,) if is_loopback else ()
    return Gate(key, (*names, _open_or(knows(key, printed_by="run")), only_reading, same_origin))


def only_reading(request: web.Request) -> web.Response | None:
    """The rule that a viewer changes nothing and sends nothing."""
    if request.method not in ("GET", "HEAD"):
        return refusal(405, "only GET is served", {"Allow": "GET, HEAD"})
    if request.can_read_body:
        return refusal(413, "a request may have no body")
    return None


def _open_or(rule: Rule) -> Rule:
    return lambda request: None if request.path == OPEN_PATH else rule(request)
