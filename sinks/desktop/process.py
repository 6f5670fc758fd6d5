"""The process that owns a layer over the desktop: shows pictures with alpha from shared memory.

A process of its own, because a toolkit wants a main thread, and a lost screen ends whoever had a
window on it. Run as a script with the path of the shared memory and the area to cover, which is
the number of a screen or LEFT,TOP,WIDTH,HEIGHT; it ends with its input. Each line of the input says
that a picture is ready. What is said in return stands in the memory, so that nobody ever waits:

    STATE WIDTH HEIGHT TAKEN     four uint32; TAKEN counts the pictures that have been copied
    reason                       UTF-8, up to a zero byte, where STATE is FAILED
    pixels                       from PIXELS on: WIDTH x HEIGHT, BGRA; drawn or not: alpha 255 or 0
"""

from __future__ import annotations

import mmap
import os
import signal
import struct
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtGui import QGuiApplication, QImage, QRasterWindow, QRegion

STARTING, READY, FAILED = range(3)
HEADER = struct.Struct("=4I")
PIXELS = 4096  # bytes before them: a page

_PLATFORMS = ("xcb", "windows", "cocoa")  # Qt's names of those where a window can lie over others
_REASONS = {"wayland": "Wayland lets no program lay a window over others; use an X11 session"}

Edges = tuple[int, int, int, int]  # left, top, width, height


class Box:
    """The memory, as this process writes it.

    Args:
        path: of the file behind it.
    """

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 0)
        if os.name == "posix":
            path.unlink()  # whoever dies first, nothing is left behind
        self._words = [STARTING, 0, 0, 0]

    def ready(self, width: int, height: int) -> None:
        """There is a layer of so many px.

        Raises:
            ValueError: a picture of it has no room here.
        """
        if PIXELS + 4 * width * height > len(self.memory):
            raise ValueError(
                f"an area of {width}x{height} px is larger than 8K; name a smaller one"
            )
        self._words = [READY, width, height, 0]
        self._write()

    def taken(self) -> None:
        """The picture is copied; the next one may be drawn."""
        self._words[3] = (self._words[3] + 1) % 2**32
        self._write()

    def failed(self, reason: str) -> None:
        """There is no layer."""
        data = reason.encode()[: PIXELS - HEADER.size - 1] + b"\0"
        self.memory[HEADER.size : HEADER.size + len(data)] = data
        self._words[0] = FAILED
        self._write()

    def _write(self) -> None:
        self.memory[: HEADER.size] = HEADER.pack(*self._words)


def run(memory_path: Path, area: str) -> int:
    """Serve until the input ends; gives back the exit code."""
    box = Box(memory_path)
    try:
        from PySide6.QtGui import QGuiApplication  # here: only this process needs the toolkit

        application = QGuiApplication(sys.argv[:1])
        platform = QGuiApplication.platformName()
        if platform in _PLATFORMS:
            return _serve(application, box, _edges(area))
        box.failed(_REASONS.get(platform, f"{platform!r} is no desktop; unset QT_QPA_PLATFORM"))
    except ImportError as error:
        box.failed(f"{error}; pip install -e '.[desktop,screen]', and on Linux Qt's libraries")
    except (LookupError, OSError, ValueError) as error:
        box.failed(str(error))
    return 1


def _edges(area: str) -> Edges:
    """What the screen source looks at, as it counts."""
    numbers = [int(part) for part in area.split(",")]
    if len(numbers) == 4:
        return numbers[0], numbers[1], numbers[2], numbers[3]
    import mss  # the screen source counts screens by it

    with mss.MSS() as grabber:
        found = grabber.monitors[1 + numbers[0]]
    return found["left"], found["top"], found["width"], found["height"]


def _serve(application: QGuiApplication, box: Box, edges: Edges) -> int:
    from PySide6.QtCore import QObject, Signal
    from PySide6.QtGui import QImage, QRegion

    from sinks.desktop.capture import hide_from_capture
    from sinks.desktop.compositor import Compositor

    class Lines(QObject):
        """Brings lines from the thread that waits for them to the one that paints."""

        came = Signal()
        ended = Signal()

        def read(self) -> None:
            """To the end."""
            for _ in sys.stdin:
                self.came.emit()
            self.ended.emit()

    layer, show = _layer(edges)
    lines, compositor = Lines(), Compositor()
    width = round(layer.width() * layer.devicePixelRatio())
    height = round(layer.height() * layer.devicePixelRatio())

    def obey() -> None:
        pixels = memoryview(box.memory)[PIXELS : PIXELS + 4 * width * height]
        form = QImage.Format.Format_ARGB32_Premultiplied  # which 0 and 255 are in any case
        drawn = QImage(pixels, width, height, 4 * width, form).copy()
        box.taken()
        layer.setMask(QRegion() if compositor.is_there else _drawn_region(drawn))
        show(drawn)

    lines.came.connect(obey)
    lines.ended.connect(application.quit)
    hide_from_capture(int(layer.winId()))
    box.ready(width, height)
    threading.Thread(target=lines.read, name="input", daemon=True).start()  # ends with us
    return application.exec()


def _layer(edges: Edges) -> tuple[QRasterWindow, Callable[[QImage], None]]:
    """A window through which clicks go, not shown yet, and what shows a picture on it."""
    from PySide6.QtCore import QRect, Qt
    from PySide6.QtGui import QImage, QPainter, QPaintEvent, QRasterWindow, QSurfaceFormat

    class Layer(QRasterWindow):
        image = QImage()

        def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
            """Show the last picture, and nothing where it has nothing."""
            with QPainter(self) as painter:
                painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Source)
                painter.fillRect(event.rect(), Qt.GlobalColor.transparent)
                painter.drawImage(QRect(0, 0, self.width(), self.height()), self.image)

    layer = Layer()
    layer.setFlags(
        Qt.WindowType.FramelessWindowHint
        | Qt.WindowType.WindowStaysOnTopHint
        | Qt.WindowType.Tool
        | Qt.WindowType.BypassWindowManagerHint  # who is not managed keeps place and size
        | Qt.WindowType.WindowTransparentForInput
        | Qt.WindowType.WindowDoesNotAcceptFocus
    )
    form = QSurfaceFormat()
    form.setAlphaBufferSize(8)
    layer.setFormat(form)
    layer.setGeometry(QRect(*edges))

    def show(image: QImage) -> None:
        layer.image = image
        layer.setVisible(True)
        layer.raise_()  # nobody else keeps it on top
        layer.update()

    return layer, show


def _drawn_region(image: QImage) -> QRegion:
    """Where there is something, for a screen that cannot mix: the rest is cut out of the window."""
    from PySide6.QtCore import QPoint, QRect
    from PySide6.QtGui import QBitmap, QRegion

    region = QRegion(QBitmap.fromImage(image.createAlphaMask()))
    return QRegion(QRect(QPoint(-1, -1), QPoint(-1, -1))) if region.isEmpty() else region


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    os.environ["QT_ENABLE_HIGHDPI_SCALING"] = "0"  # px are px, as for who looks at the screen
    sys.path.insert(0, str(Path(__file__).parents[2]))
    sys.exit(run(Path(sys.argv[1]), sys.argv[2]))
