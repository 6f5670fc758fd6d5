"""A layer over the desktop, seen from the program: pictures with alpha in, and never a wait."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sinks.child import Child
from sinks.desktop.process import FAILED, HEADER, PIXELS, READY
from streamer.errors import SinkError

_MOST_BYTES = PIXELS + 4 * 7680 * 4320  # 8K; memory is taken only for what is shown


class Layer:
    """A transparent window in a process of its own. Not thread-safe; only `close` may wait.

    Args:
        area: the number of a screen, from 0, or left,top,width,height in px of the desktop.
    """

    def __init__(self, area: str) -> None:
        self._shown = 0
        script = Path(__file__).with_name("process.py")
        self._child = Child(script, area, size=_MOST_BYTES, answers=False)

    def blank(self) -> NDArray[np.uint8] | None:
        """(H, W, 4) BGRA, all 0, to draw on; None while the last picture is not yet taken.

        Raises:
            SinkError: there is no layer, or no more.
        """
        state, width, height, taken = HEADER.unpack_from(self._child.memory)
        if state == FAILED:
            reason = (
                self._child.memory[HEADER.size : PIXELS]
                .partition(b"\0")[0]
                .decode(errors="replace")
            )
            raise SinkError(f"overlay desktop: {reason}")
        if self._child.process.poll() is not None:
            what = "the layer is gone" if state == READY else "no screen to draw on; set DISPLAY"
            raise SinkError(f"overlay desktop: {what}")
        if state != READY or taken != self._shown:
            return None
        pixels = np.frombuffer(self._child.memory, np.uint8, 4 * width * height, PIXELS)
        pixels.fill(0)
        return pixels.reshape(height, width, 4)

    def show(self) -> None:
        """Let what was drawn appear."""
        self._shown = (self._shown + 1) % 2**32
        self._child.send("")  # `blank` tells where nobody is there

    def close(self) -> None:
        """Take the layer away; may be repeated."""
        self._child.close()
