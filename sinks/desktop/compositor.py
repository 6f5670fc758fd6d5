"""Whether somebody mixes windows with what lies below them; without, alpha is shown as black."""

from __future__ import annotations

import ctypes
import sys
from typing import Any


class Compositor:
    """Asks X; anywhere else there always is one. Not thread-safe.

    Raises:
        OSError: there is no X library, or no screen.

    Source: Extended Window Manager Hints 1.5, compositing managers own the selection _NET_WM_CM_Sn.
    """

    def __init__(self) -> None:
        self._x: Any = None  # a library without types
        if not sys.platform.startswith("linux"):
            return
        self._x = ctypes.CDLL("libX11.so.6")
        self._x.XOpenDisplay.restype = ctypes.c_void_p
        self._x.XInternAtom.restype = self._x.XGetSelectionOwner.restype = ctypes.c_ulong
        display = self._x.XOpenDisplay(None)
        if not display:
            raise OSError("no X screen")
        self._display = ctypes.c_void_p(display)
        name = f"_NET_WM_CM_S{self._x.XDefaultScreen(self._display)}".encode()
        self._selection = ctypes.c_ulong(self._x.XInternAtom(self._display, name, 0))

    @property
    def is_there(self) -> bool:
        """Now; one may come or go at any time."""
        if self._x is None:
            return True
        return bool(self._x.XGetSelectionOwner(self._display, self._selection))
