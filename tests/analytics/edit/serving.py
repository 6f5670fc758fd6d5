"""An editor that serves, in a thread, and a clip to draw on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import httpx
import numpy as np

from analytics.edit.access import editor_gate
from analytics.edit.picture import open_subject
from analytics.edit.scene_file import SceneFile
from analytics.edit.server import listen, serve
from analytics.edit.site import Work, build_site

TOKEN = "a-token-of-the-tests"
TICKET = "a-ticket-of-the-tests"


@dataclass(frozen=True)
class Editor:
    """Where it serves, and what it saves to."""

    base: str
    file: Path

    @property
    def url(self) -> str:
        return f"{self.base}/?token={TOKEN}"

    def client(self) -> httpx.Client:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return httpx.Client(base_url=self.base, headers=headers)


@contextmanager
def editing(source: str, file: Path, stream: str | None = None) -> Iterator[Editor]:
    """The editor of one source, until the block ends."""
    subject = open_subject(source, stream)
    stream_id = stream or subject.stream.stream_id
    work = Work(source, subject, SceneFile(file, stream_id), stream_id, stream)
    listening = listen(0)
    port = listening.getsockname()[1]
    stop: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def run(executor: ThreadPoolExecutor) -> None:
        stopped = asyncio.Event()
        stop.set_result((asyncio.get_running_loop(), stopped))
        gate = editor_gate(TOKEN, ticket=TICKET, port=port)
        await serve(build_site(work, gate, executor), listening, stopped)

    with ThreadPoolExecutor(1) as executor:
        thread = threading.Thread(target=lambda: asyncio.run(run(executor)), name="editor")
        thread.start()
        try:
            yield Editor(f"http://127.0.0.1:{port}", file)
        finally:
            loop, stopped = stop.result()
            loop.call_soon_threadsafe(stopped.set)
            thread.join()


def write_clip(
    path: Path, *, frames: int = 30, size: tuple[int, int] = (320, 180), gop: int = 10
) -> Path:
    """A clip at 10 fps in which frame n is grey of level 20 + 6 n."""
    width, height = size
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=Fraction(10), options={"g": str(gop)})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.bit_rate = 2_000_000
        for index in range(frames):
            pixels = np.full((height, width, 3), 20 + 6 * index, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="bgr24")))
        container.mux(stream.encode(None))
    return path
