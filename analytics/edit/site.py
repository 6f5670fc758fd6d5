"""What the editor answers under which path."""

from __future__ import annotations

import asyncio
import json
import math
import re
import shlex
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import PurePath
from typing import TypeVar, cast

from aiohttp import web

from analytics.edit.picture import Subject, jpeg
from analytics.edit.scene_file import KINDS, ChangedError, Items, SceneFile
from analytics.region import HYSTERESIS, REFERENCES
from analytics.web.access import Gate, Handler
from analytics.web.pages import load_pages
from configs.errors import ConfigError
from streamer.errors import SourceError
from streamer.redact import redact

T = TypeVar("T")

MAX_BODY = 1_000_000  # bytes: thousands of zones
_AT = re.compile(r"(?P<kind>lines|zones)\[(?P<index>\d+)\]")

# Path -> (file, type).
_PAGES: Mapping[str, tuple[str, str]] = {
    "/": ("index.html", "text/html"),
    "/style.css": ("style.css", "text/css"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
    **{
        f"/{name}.js": (f"{name}.js", "text/javascript")
        for name in ("page", "model", "stage", "panel", "geometry", "film")
    },
}


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """What is edited.

    Attributes:
        spec: of the source, as a person wrote it.
        subject: what is drawn on.
        file: where lines and zones are kept.
        stream_id: of the run, that the file's lines and zones may name.
        new_stream: the stream that a new line or zone is given; None for every stream.
    """

    spec: str
    subject: Subject
    file: SceneFile
    stream_id: str
    new_stream: str | None


def build_site(work: Work, gate: Gate, executor: Executor) -> web.Application:
    """Everything that the editor answers, behind the gate.

    Args:
        work: what is edited.
        gate: asked before every handler.
        executor: one thread, for decoding and for files.
    """

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        return await gate(request, handler)

    editing = _Editing(work, executor)
    site = web.Application(middlewares=[guard], client_max_size=MAX_BODY)
    for path, page in load_pages("analytics.edit", _PAGES).items():
        site.router.add_get(path, page)
    site.router.add_get("/api/scene", editing.scene)
    site.router.add_put("/api/scene", editing.save)
    site.router.add_get("/api/frame", editing.frame)
    return site


class _Editing:
    """The drawing and the pictures below it."""

    def __init__(self, work: Work, executor: Executor) -> None:
        self._work = work
        self._executor = executor

    async def scene(self, _request: web.Request) -> web.StreamResponse:
        """Everything the page has to know at first."""
        work = self._work
        try:
            opened = await self._aside(work.file.read)
        except ConfigError as error:
            return _trouble(409, f"{work.file.path}: {error}")
        stream, path = work.subject.stream, str(work.file.path)
        words = ["python", "run.py", "--source", redact(work.spec), "--config", path]
        has_own_name = work.stream_id == stream.stream_id  # else it belongs to a run of others
        return web.json_response(
            {
                "title": _title(stream.name),
                "size": [stream.width, stream.height],
                "duration_s": work.subject.duration_s,
                "step_s": float(1 / stream.rate) if stream.rate else 1.0,
                "stream": work.new_stream,
                "file": path,
                "exists": opened.exists,
                "has_comments": opened.has_comments,
                "version": opened.version,
                "others": list(opened.others),
                "command": shlex.join(words) if has_own_name else None,
                "references": list(REFERENCES),
                "hysteresis": HYSTERESIS,
                **opened.drawn,
            }
        )

    async def save(self, request: web.Request) -> web.StreamResponse:
        """Write what the page has drawn."""
        if request.content_type != "application/json":
            return _trouble(415, "expected application/json")
        try:
            version, drawn = _parse(await request.read())
        except (ValueError, RecursionError) as error:
            return _trouble(400, str(error))
        work = self._work
        try:
            written = await self._aside(lambda: work.file.write(version, drawn))
        except ChangedError as error:
            return _trouble(409, f"{work.file.path}: {error}", version=error.version)
        except ConfigError as error:
            at = _AT.match(error.path)
            place = {"kind": at["kind"], "index": int(at["index"])} if at else {}
            return _trouble(422, _told(error, drawn), **place)
        except OSError as error:
            reason = error.strerror or str(error)
            return _trouble(500, f"{work.file.path}: cannot be written: {reason}")
        return web.json_response({"version": written})

    async def frame(self, request: web.Request) -> web.StreamResponse:
        """The picture at `?at=SECONDS`."""
        try:
            time_s = float(request.query.get("at", "0"))
        except ValueError:
            time_s = math.nan
        if not 0 <= time_s < 1e9:  # seconds: thirty years
            return _trouble(400, f"at: expected seconds from 0 up, got {request.query['at']!r}")
        try:
            data = await self._aside(lambda: jpeg(self._work.subject.pictures.at(time_s)))
        except SourceError as error:
            return _trouble(502, str(error))
        return web.Response(body=data, content_type="image/jpeg")

    async def _aside(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)


def _parse(body: bytes) -> tuple[str, Items]:
    """The version and what is drawn.

    Raises:
        ValueError: the body is none of the page's.
    """
    data = json.loads(body)
    if not isinstance(data, dict) or not isinstance(data.get("version"), str):
        raise ValueError("expected an object with a version")  # noqa: TRY004 - a stranger's words
    for kind in KINDS:
        items = data.get(kind)
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise ValueError(f"{kind}: expected a list of objects")
    json.dumps(data, ensure_ascii=False).encode()  # refuses half signs, which JSON can hold
    return data["version"], {kind: cast("list[dict[str, object]]", data[kind]) for kind in KINDS}


def _told(error: ConfigError, drawn: Items) -> str:
    """The error with the name that a person gave instead of a number."""
    at = _AT.match(error.path)
    if at is None:
        return str(error)
    item = drawn[at["kind"]][int(at["index"])]
    return f"{at['kind'][:-1]} {item.get('name')!r}{error.path[at.end() :]}: {error.reason}"


def _title(name: str) -> str:
    return redact(name) if "://" in name else PurePath(name).name or name


def _trouble(status: int, error: str, **more: object) -> web.Response:
    return web.json_response({"error": error, **more}, status=status)
