"""A virtual screen with keyboard and mouse."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

WAIT_S = 20.0
TOOLS = ("Xvfb", "xdotool", "import", "openbox")
MISSING = [tool for tool in TOOLS if shutil.which(tool) is None]

needs_screen = pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}")


class Screen:
    """Xvfb with a window manager; xdotool is the person in front of it."""

    def __init__(self, server: subprocess.Popen[bytes], number: str) -> None:
        self.server = server
        self.name = f":{number}"
        self._env = {**os.environ, "DISPLAY": self.name}

    def has_window(self, title: str) -> bool:
        """In front, where the window manager puts what is new."""
        found = self._do("getactivewindow", "getwindowname")
        return found.stdout.decode().strip() == title

    def window_size(self) -> tuple[int, int]:
        found = self._do("getactivewindow", "getwindowgeometry", "--shell")
        values = dict(line.split("=") for line in found.stdout.decode().split() if "=" in line)
        return int(values["WIDTH"]), int(values["HEIGHT"])

    def press(self, key: str) -> None:
        self._do("key", key)

    def click(self, x: int, y: int) -> None:
        """At a point of the window."""
        self._do("getactivewindow", "mousemove", "--window", "%1", str(x), str(y), "click", "1")

    def click_at(self, x: int, y: int) -> None:
        """At a point of the screen."""
        self._do("mousemove", str(x), str(y), "click", "1")

    def resize(self, width: int, height: int) -> None:
        self._do("getactivewindow", "windowsize", "%1", str(width), str(height))

    def photograph(self, path: Path) -> NDArray[np.uint8]:
        """(H, W, 3) BGR of the whole screen."""
        subprocess.run(["import", "-window", "root", str(path)], env=self._env, check=True)
        pixels = cv2.imread(str(path))
        assert pixels is not None
        return np.asarray(pixels, np.uint8)

    def _do(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["xdotool", *words], env=self._env, capture_output=True, check=False, timeout=WAIT_S
        )


@contextmanager
def virtual_screen(width: int = 1280, height: int = 800) -> Iterator[Screen]:
    """A screen of its own, on whatever number is free."""
    read, write = os.pipe()
    with subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{width}x{height}x24",
         "-nolisten", "tcp"],
        pass_fds=(write,), stderr=subprocess.DEVNULL,
    ) as server:  # fmt: skip
        os.close(write)
        with os.fdopen(read) as answer:
            number = answer.readline().strip()
        assert number
        env = {**os.environ, "DISPLAY": f":{number}"}
        manager = subprocess.Popen(["openbox"], env=env, stderr=subprocess.DEVNULL)
        try:
            _wait_for_manager(env)
            yield Screen(server, number)
        finally:
            manager.terminate()
            manager.wait()
            server.terminate()


def _wait_for_manager(env: dict[str, str]) -> None:
    deadline_s = time.monotonic() + WAIT_S
    while time.monotonic() < deadline_s:
        done = subprocess.run(
            ["xdotool", "get_num_desktops"], env=env, capture_output=True, check=False
        )
        if done.returncode == 0 and not done.stderr:
            return
        time.sleep(0.05)
