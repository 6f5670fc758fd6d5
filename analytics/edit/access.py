"""Who may edit: who knows the token, by a loopback name, from no foreign page."""

from __future__ import annotations

from analytics.web.access import Gate, Key, knows, loopback_name, same_origin


def editor_gate(token: str, *, ticket: str | None = None, port: int) -> Gate:
    """The gate of one editor.

    Args:
        token: the secret.
        ticket: opens like the token, once.
        port: tells cookies of several editors on one machine apart.
    """
    key = Key(token, cookie_name=f"streamer_edit_{port}", ticket=ticket)
    return Gate(key, (loopback_name, knows(key, printed_by="editor"), same_origin))
