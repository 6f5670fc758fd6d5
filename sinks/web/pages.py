"""The files of the pages: named here one by one, read once, so that no path leads elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from aiohttp import web

from sinks.web.access import Handler

_HTML, _CSS = "text/html", "text/css"
_SCRIPT, _SVG = "text/javascript", "image/svg+xml"

# Path -> (file, type).
_SHARED: Mapping[str, tuple[str, str]] = {
    "/overlay": ("overlay.html", _HTML),
    "/overlay.css": ("overlay.css", _CSS),
    "/overlay.js": ("overlay.js", _SCRIPT),
    "/labels.js": ("labels.js", _SCRIPT),
    "/link.js": ("link.js", _SCRIPT),
    "/icon.svg": ("icon.svg", _SVG),
}
WEB_PAGES: Mapping[str, tuple[str, str]] = {
    "/": ("index.html", _HTML),
    "/page.js": ("page.js", _SCRIPT),
    "/tile.js": ("tile.js", _SCRIPT),
    "/style.css": ("style.css", _CSS),
    **_SHARED,
}
OVERLAY_PAGES: Mapping[str, tuple[str, str]] = {"/": ("overlay.html", _HTML), **_SHARED}


@dataclass(frozen=True, slots=True)
class Page:
    """A file, ready to be sent.

    Attributes:
        body: its bytes.
        content_type: of the body.
    """

    body: bytes
    content_type: str

    async def send(self, _request: web.Request) -> web.Response:
        """Send it."""
        return web.Response(body=self.body, content_type=self.content_type, charset="utf-8")


def load_pages(table: Mapping[str, tuple[str, str]]) -> dict[str, Handler]:
    """Handlers by path.

    Args:
        table: WEB_PAGES or OVERLAY_PAGES.
    """
    folder = resources.files("sinks.web") / "static"
    return {
        path: Page((folder / name).read_bytes(), content_type).send
        for path, (name, content_type) in table.items()
    }
