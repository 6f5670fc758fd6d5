"""The files of the pages, by the path that they are served under."""

from __future__ import annotations

from collections.abc import Mapping

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
