"""A window, seen from the program: pictures in, keys and clicks out, and never a wait."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sinks.child import Child
from streamer.errors import SinkError
from streamer.picture import BgrArray

_MOST_BYTES = 3 * 7680 * 4320  # 8K; memory is taken only for what is shown


@dataclass(frozen=True, slots=True)
class Key:
    """A key that was pressed: q, escape, space, s or h."""

    name: str


@dataclass(frozen=True, slots=True)
class Click:
    """The left button, px of the window."""

    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Closed:
    """The window was closed by its frame."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The screen is gone, and the window with it."""


Event = Key | Click | Closed | Lost


class Window:
    """A window in a process of its own, so that a lost screen costs no more than the window.

    Not thread-safe. Nothing but the constructor waits.

    Raises:
        SinkError: there is no screen, or nothing to open a window with.
    """

    def __init__(self) -> None:
        if importlib.util.find_spec("pygame") is None:
            raise SinkError(
                "display: expected pygame-ce for a window, got none; "
                "pip install pygame-ce, or leave the display out"
            )
        self.size = (0, 0)
        self._is_free = False
        self._is_over = False
        self._rest = b""
        self._child = Child(
            Path(__file__).with_name("window_process.py"), size=_MOST_BYTES, answers=True
        )
        self.screen = self._first_line()

    def _first_line(self) -> tuple[int, int]:
        """Width and height of the screen, px."""
        assert self._child.process.stdout is not None  # asked for above
        line = b""
        while not line.endswith(b"\n") and (more := self._child.process.stdout.read(1)):
            line += more
        word, _, rest = line.decode(errors="replace").strip().partition(" ")
        if word != "screen":
            self.close()
            reason = rest or "the window's process ended"
            raise SinkError(f"display: no screen to open a window on ({reason}); set DISPLAY")
        os.set_blocking(self._child.process.stdout.fileno(), False)
        width, height = rest.split()
        return int(width), int(height)

    def open(self, width: int, height: int, title: str) -> None:
        """Show the window."""
        self.size = width, height
        self._is_free = self._child.send(f"open {width} {height} {' '.join(title.split())}")

    @property
    def wants_picture(self) -> bool:
        """The last picture has been taken, so that another may be shown."""
        return self._is_free and not self._is_over

    def show(self, pixels: BgrArray) -> None:
        """Hand over (H, W, 3) uint8 BGR; only when `wants_picture`."""
        height, width = pixels.shape[:2]
        room = np.frombuffer(self._child.memory, np.uint8, count=pixels.size)
        np.copyto(room.reshape(pixels.shape), pixels)
        self._is_free = False
        self._child.send(f"show {width} {height}")

    def events(self) -> list[Event]:
        """What has happened since the last call; after Closed or Lost nothing more comes."""
        if self._is_over:
            return []
        assert self._child.process.stdout is not None  # asked for in the constructor
        found: list[Event] = []
        while (data := self._child.process.stdout.read(65536)) is not None:
            if not data:
                self._is_over = True
                return found if Closed() in found else [*found, Lost()]
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                event = self._understood(line.decode().split())
                if event is not None:
                    found.append(event)
        return found

    def close(self) -> None:
        """Close the window; may be repeated."""
        self._is_over = True
        self._child.close()

    def _understood(self, words: list[str]) -> Event | None:
        match words:
            case ["shown"]:
                self._is_free = True
            case ["size", width, height]:
                self.size = int(width), int(height)
            case ["key", name]:
                return Key(name)
            case ["click", x, y]:
                return Click(int(x), int(y))
            case ["closed"]:
                return Closed()
        return None
