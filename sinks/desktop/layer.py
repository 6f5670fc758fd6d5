"""A layer over the desktop, seen from the program: pictures with alpha in, and never a wait."""

from __future__ import annotations

import mmap
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sinks.desktop.process import FAILED, HEADER, PIXELS, READY
from streamer.errors import SinkError

_MOST_BYTES = PIXELS + 4 * 7680 * 4320  # 8K; memory is taken only for what is shown
_RAM = Path("/dev/shm")  # where there is no such place, the usual temporary folder
_GOODBYE_S = 2.0


class Layer:
    """A transparent window in a process of its own. Not thread-safe; only `close` may wait.

    Args:
        area: the number of a screen, from 0, or left,top,width,height in px of the desktop.
    """

    def __init__(self, area: str) -> None:
        self._shown = 0
        folder = _RAM if _RAM.is_dir() else None
        with tempfile.NamedTemporaryFile(dir=folder, prefix="layer-", delete=False) as file:
            self._path = Path(file.name)
            file.truncate(_MOST_BYTES)
            self._memory = mmap.mmap(file.fileno(), _MOST_BYTES)
        script = Path(__file__).with_name("process.py")
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(script), str(self._path), area],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # a toolkit's last words about a lost screen
            bufsize=0,
        )

    @property
    def process_id(self) -> int:
        """Of the process that has the window."""
        return self._process.pid

    def blank(self) -> NDArray[np.uint8] | None:
        """(H, W, 4) BGRA, all 0, to draw on; None while the last picture is not yet taken.

        Raises:
            SinkError: there is no layer, or no more.
        """
        state, width, height, taken = HEADER.unpack_from(self._memory)
        if state == FAILED:
            reason = self._memory[HEADER.size : PIXELS].partition(b"\0")[0].decode(errors="replace")
            raise SinkError(f"overlay desktop: {reason}")
        if self._process.poll() is not None:
            what = "the layer is gone" if state == READY else "no screen to draw on; set DISPLAY"
            raise SinkError(f"overlay desktop: {what}")
        if state != READY or taken != self._shown:
            return None
        pixels = np.frombuffer(self._memory, np.uint8, 4 * width * height, PIXELS)
        pixels.fill(0)
        return pixels.reshape(height, width, 4)

    def show(self) -> None:
        """Let what was drawn appear."""
        assert self._process.stdin is not None  # asked for in the constructor
        self._shown = (self._shown + 1) % 2**32
        try:
            self._process.stdin.write(b"\n")  # into an empty pipe: it never waits
        except OSError:
            return  # `blank` will tell

    def close(self) -> None:
        """Take the layer away; may be repeated."""
        assert self._process.stdin is not None  # asked for in the constructor
        self._process.stdin.close()
        try:
            self._process.wait(_GOODBYE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._path.unlink(missing_ok=True)
