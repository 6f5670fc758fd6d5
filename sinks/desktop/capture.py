"""Keeping a window of this process out of pictures of the screen, where the system can."""

from __future__ import annotations

import ctypes
import sys

_EXCLUDE = 0x11  # WDA_EXCLUDEFROMCAPTURE, Windows 10 version 2004; earlier ones show it black
_SHARING_NONE = 0  # NSWindowSharingNone


def hide_from_capture(window_id: int) -> bool:
    """Ask for it; False where nobody can grant it, as on X11.

    Written after the documentation of both systems and tried on neither.

    Args:
        window_id: an HWND on Windows, an NSView on macOS.

    Source: Microsoft, SetWindowDisplayAffinity; Apple, NSWindow.sharingType, which captures through
    ScreenCaptureKit no longer respect since macOS 15.
    """
    if sys.platform == "win32":
        return bool(ctypes.windll.user32.SetWindowDisplayAffinity(window_id, _EXCLUDE))
    if sys.platform == "darwin":
        objc = ctypes.CDLL("/usr/lib/libobjc.dylib")
        objc.sel_registerName.restype = ctypes.c_void_p
        pointers = (ctypes.c_void_p, ctypes.c_void_p)
        ask = ctypes.CFUNCTYPE(ctypes.c_void_p, *pointers)(("objc_msgSend", objc))
        tell = ctypes.CFUNCTYPE(None, *pointers, ctypes.c_long)(("objc_msgSend", objc))
        window = ask(window_id, objc.sel_registerName(b"window"))
        tell(window, objc.sel_registerName(b"setSharingType:"), _SHARING_NONE)
        return window is not None
    return False
