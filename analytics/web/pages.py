"""The files of pages: named one by one, read once, so that no path leads elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from aiohttp import web

from analytics.web.access import Handler


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


def load_pages(package: str, table: Mapping[str, tuple[str, str]]) -> dict[str, Handler]:
    """Handlers by path.

    Args:
        package: in whose folder `static` the files lie.
        table: path -> (file, type).
    """
    folder = resources.files(package) / "static"
    return {
        path: Page((folder / name).read_bytes(), content_type).send
        for path, (name, content_type) in table.items()
    }
