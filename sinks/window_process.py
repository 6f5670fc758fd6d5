"""The process that owns a window: shows pictures from shared memory and tells of keys and clicks.

A process of its own, because a lost screen ends whoever had a window on it: the X library exits,
whatever the toolkit. Run as a script with the path of the shared memory; it reads lines

    open WIDTH HEIGHT TITLE      show WIDTH HEIGHT

and writes lines

    screen WIDTH HEIGHT          once, at the start; or: error REASON
    shown                        the picture is copied, the memory is free
    size WIDTH HEIGHT            of the window, whenever it changes
    key NAME    click X Y    closed
"""

from __future__ import annotations

import contextlib
import mmap
import os
import signal
import sys
import threading
from pathlib import Path

KEYS = frozenset({"escape", "space", "q", "s", "h"})
UNSEEN = frozenset({"dummy", "offscreen"})  # what SDL falls back to where there is no screen


def run(memory_path: Path) -> int:
    """Serve until the input ends or the window is closed."""
    with contextlib.redirect_stdout(sys.stderr):  # it greets, where our lines go
        import pygame  # here, because only this process needs the toolkit to be installed

    try:
        pygame.display.init()
        width, height = pygame.display.get_desktop_sizes()[0]
    except pygame.error as error:
        _tell(f"error {error}")
        return 1
    if pygame.display.get_driver() in UNSEEN:
        _tell("error nothing would be seen")
        return 1
    with memory_path.open("r+b") as file:
        memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if os.name == "posix":
        memory_path.unlink()  # whoever dies first, nothing is left behind
    _tell(f"screen {width} {height}")
    threading.Thread(target=_post_lines, name="input", daemon=True).start()  # ends with us
    while True:
        event = pygame.event.wait()
        if event.type == pygame.USEREVENT:
            if event.line is None:
                return 0
            _obey(event.line, memory)
        elif event.type == pygame.QUIT:
            _tell("closed")
            return 0
        elif event.type == pygame.KEYDOWN and pygame.key.name(event.key) in KEYS:
            _tell(f"key {pygame.key.name(event.key)}")
        elif event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
            _tell(f"click {event.pos[0]} {event.pos[1]}")
        elif event.type == pygame.VIDEORESIZE:
            _tell(f"size {event.w} {event.h}")


def _post_lines() -> None:
    """Every line of the input becomes an event, its end one without a line."""
    import pygame

    for line in sys.stdin:
        pygame.event.post(pygame.event.Event(pygame.USEREVENT, line=line.strip()))
    pygame.event.post(pygame.event.Event(pygame.USEREVENT, line=None))


def _obey(line: str, memory: mmap.mmap) -> None:
    import pygame

    command, width, height, *title = line.split(" ", 3)
    size = int(width), int(height)
    if command == "open":
        pygame.display.set_caption(*title)
        window = pygame.display.set_mode(size, pygame.RESIZABLE)
        _tell(f"size {window.get_width()} {window.get_height()}")
        return
    window = pygame.display.get_surface() or pygame.display.set_mode(size, pygame.RESIZABLE)
    picture = pygame.image.frombuffer(memoryview(memory)[: 3 * size[0] * size[1]], size, "BGR")
    if window.get_size() == size:
        window.blit(picture, (0, 0))
    else:  # the window has changed while the picture was made
        pygame.transform.scale(picture.convert(window), window.get_size(), window)
    pygame.display.flip()
    _tell("shown")


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    sys.exit(run(Path(sys.argv[1])))
