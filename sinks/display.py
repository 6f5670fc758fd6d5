"""The display sink: annotated streams in a window, newest picture first."""

from __future__ import annotations

import enum
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from detector.detections import Detections
from sinks.album import save_pictures
from sinks.annotate import Annotator, Style
from sinks.canvas import BgrCanvas
from sinks.palette import WHITE, Bgr
from sinks.text import TextStamps
from sinks.tiles import Tile, tiles
from sinks.window import Click, Closed, Event, Key, Lost, Window
from streamer.clock import MonotonicClock
from streamer.errors import SinkError
from streamer.picture import BgrArray
from streamer.result import Result

logger = logging.getLogger(__name__)

_GROUND: Bgr = (24, 22, 20)
_BAR: Bgr = (52, 46, 40)
_TEXT_PX = 16
_CAPTION_PX = 26
_NOTICE_NS = 2_000_000_000  # 2 s: long enough to read a line
_HELP = (
    ("q, Esc", "quit"),
    ("space", "hold the picture; detection goes on"),
    ("s", "save the picture"),
    ("h", "show or hide this"),
    ("click", "one stream alone, or all"),
)
_HELP_PX = (460, 96, 16)  # width of the panel, of its keys, and of its margin


class Request(enum.Enum):
    """What the person at the window wants of the run."""

    CONTINUE = "continue"
    QUIT = "quit"


@dataclass(frozen=True, slots=True)
class DisplayConfig:
    """How the window looks.

    Attributes:
        share: of the screen's width and height that the window takes at first, in 0.1..1.
    """

    share: float = 0.9

    def __post_init__(self) -> None:
        if not 0.1 <= self.share <= 1:
            raise ValueError(f"share: expected 0.1..1, got {self.share!r}")


class DisplaySink:
    """Shows all streams in one window, each in a tile of its own.

    `write` only takes note of the newest result of a stream; what is drawn is drawn in `pump`, at
    the size it is shown, so that labels stay legible and no work goes into what nobody sees. Space
    holds the picture, not the run.

    Args:
        class_names: of the detector.
        stream_ids: of the streams, in the order of their tiles; others are added as they come.
        output: folder for saved pictures.
        style: how results look.
        config: how the window looks.
    """

    name = "display"

    def __init__(
        self,
        class_names: Sequence[str],
        stream_ids: Sequence[str],
        output: Path,
        style: Style | None = None,
        config: DisplayConfig | None = None,
    ) -> None:
        self._config = config or DisplayConfig()
        self._output = output
        self._clock = MonotonicClock()
        self._annotator = Annotator(class_names, style)
        self._text = TextStamps()
        self._lock = threading.Lock()  # guards `_newest`, for as long as an assignment takes
        self._newest: dict[str, Result[Detections] | None] = dict.fromkeys(stream_ids)
        self._window_lock = threading.Lock()  # held by `pump`; leaving waits for it, `write` never
        self._window: Window | None = None
        self._is_lost = self._is_closed = False
        self._shown: dict[str, Result[Detections] | None] = dict(self._newest)
        self._alone: str | None = None
        self._is_held = self._has_help = False
        self._notice, self._notice_until_ns = "", 0
        self._pixels: BgrArray = np.empty((0, 0, 3), np.uint8)
        self._is_stale = True  # the window shows something else than it should

    def __enter__(self) -> Self:
        """Find the screen.

        Raises:
            SinkError: there is none.
        """
        self._window = Window()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the window."""
        with self._window_lock:
            window, self._window = self._window, None
            if window is not None:
                window.close()

    def write(self, result: Result[Detections]) -> None:
        """Take note of a result; never waits.

        Raises:
            SinkError: the screen is lost.
        """
        if self._is_lost:
            raise SinkError("display: the screen was lost; the window is gone")
        with self._lock:
            self._newest[result.frame.stream_id] = result

    def pump(self) -> Request:
        """Show what is new and obey keys and clicks; call it from one thread, 30 times a second.

        It draws for as long as it takes, and waits for nothing. Before entering and after leaving
        it does nothing.
        """
        with self._window_lock:
            if self._window is None or self._is_lost:
                return Request.QUIT if self._is_closed else Request.CONTINUE
            size = self._window.size
            wishes = [self._obey(event, self._window) for event in self._window.events()]
            if self._window.size != size:
                self._is_stale = True
            if not self._is_closed and not self._is_lost:
                self._refresh(self._window)
        is_quitting = self._is_closed or Request.QUIT in wishes
        return Request.QUIT if is_quitting else Request.CONTINUE

    def press(self, key: str) -> Request:
        """Obey a key that was pressed elsewhere; the same thread as `pump`."""
        with self._window_lock:
            return self._keys[key]()

    def _obey(self, event: Event, window: Window) -> Request:
        match event:
            case Key(name):
                return self._keys[name]()
            case Click(x, y):
                self._choose(x, y, window)
            case Closed():
                self._is_closed = True
            case Lost():
                self._is_lost = True
        return Request.CONTINUE

    @property
    def _keys(self) -> Mapping[str, Callable[[], Request]]:
        return {
            "q": lambda: Request.QUIT,
            "escape": lambda: Request.QUIT,
            "space": self._hold,
            "s": self._save,
            "h": self._help,
        }

    def _hold(self) -> Request:
        self._is_held = not self._is_held
        self._is_stale = True
        return Request.CONTINUE

    def _help(self) -> Request:
        self._has_help = not self._has_help
        self._is_stale = True
        return Request.CONTINUE

    def _choose(self, x: int, y: int, window: Window) -> None:
        """One stream alone, or all of them again."""
        hit = [stream_id for stream_id, tile in self._layout(window) if tile.contains(x, y)]
        self._alone = hit[0] if hit and self._alone is None and len(self._shown) > 1 else None
        self._is_stale = True

    def _save(self) -> Request:
        """Write what is shown, in full size, one file a stream."""
        shown = (self._shown[stream_id] for stream_id in self._visible())
        results = [result for result in shown if result is not None]
        try:
            self._say(save_pictures(results, self._output, self._annotator))
        except SinkError as error:
            logger.warning("display: %s", error)
            self._say(str(error))
        return Request.CONTINUE

    def _say(self, notice: str) -> None:
        self._notice = notice
        self._notice_until_ns = self._clock.now_ns() + _NOTICE_NS
        self._is_stale = True

    def _refresh(self, window: Window) -> None:
        """Draw and hand over a picture, if there is something new and room for it."""
        if self._notice and self._clock.now_ns() >= self._notice_until_ns:
            self._notice, self._is_stale = "", True
        if window.size != (0, 0) and not window.wants_picture:
            return
        changed = self._take_newest()
        if not any(self._shown.values()):
            return  # there is no picture yet, so nobody knows how large a window should be
        if window.size == (0, 0):
            self._open(window)
        if not (changed or self._is_stale) or not window.wants_picture:
            return
        self._draw(window, changed)
        window.show(self._with_notices(self._pixels))
        self._is_stale = False

    def _take_newest(self) -> set[str]:
        """The streams that have something new to show."""
        with self._lock:
            newest = dict(self._newest)
        if self._is_held:
            return set()
        changed = {key for key, result in newest.items() if self._shown.get(key) is not result}
        self._is_stale |= len(newest) != len(self._shown)
        self._shown = newest
        return changed

    def _open(self, window: Window) -> None:
        """As large as the screen allows, in the shape of the one picture, or of the screen."""
        width, height = (int(side * self._config.share) for side in window.screen)
        title = f"{len(self._shown)} streams"
        if len(self._shown) == 1:
            result = next(result for result in self._shown.values() if result is not None)
            *_, width, height = Tile(0, 0, width, height).fit(*_shape(result))
            title = result.frame.stream.name
        window.open(width, height, title)
        self._is_stale = True

    def _visible(self) -> list[str]:
        return list(self._shown) if self._alone is None else [self._alone]

    def _layout(self, window: Window) -> list[tuple[str, Tile]]:
        visible = self._visible()
        caption = _CAPTION_PX if len(self._shown) > 1 else 0
        shapes = [_shape(result) for result in self._shown.values() if result is not None]
        aspect = float(np.median([width / height for width, height in shapes])) if shapes else 1.0
        return list(zip(visible, tiles(len(visible), *window.size, aspect, caption), strict=True))

    def _draw(self, window: Window, changed: set[str]) -> None:
        """Bring the window's picture up to date, only where it has changed if that will do."""
        width, height = window.size
        if self._is_stale or self._pixels.shape[:2] != (height, width):
            self._pixels = np.full((height, width, 3), _GROUND, np.uint8)
            changed = set(self._shown)
        for stream_id, tile in self._layout(window):
            if stream_id in changed:
                self._draw_tile(stream_id, tile)

    def _draw_tile(self, stream_id: str, tile: Tile) -> None:
        area = self._pixels[tile.top : tile.top + tile.height, tile.left : tile.left + tile.width]
        area[:] = _GROUND
        if tile.caption:
            bar = area[: tile.caption]
            bar[:] = _BAR
            self._put(bar, stream_id, 4, 0, _BAR)
        result = self._shown[stream_id]
        if result is None:
            self._put(area[tile.caption :], "waiting for the first picture", 8, 8, _GROUND)
            return
        left, top, width, height = tile.fit(*_shape(result))
        if not (width and height):
            return  # the window is too small for more than a name
        self._pixels[top : top + height, left : left + width] = self._picture(result, width, height)

    def _picture(self, result: Result[Detections], width: int, height: int) -> BgrArray:
        """The annotated picture at the size it is shown, drawn there: letters are not scaled."""
        frame = result.frame
        is_smaller = width < frame.width
        how = cv2.INTER_AREA if is_smaller else cv2.INTER_LINEAR
        pixels: BgrArray = cv2.resize(frame.bgr(), (width, height), interpolation=how)
        if not pixels.flags.writeable or pixels is frame.bgr():
            pixels = pixels.copy()
        scale_xy = width / frame.width, height / frame.height
        self._annotator.draw_result(BgrCanvas(pixels), result, scale_xy)
        return pixels

    def _with_notices(self, pixels: BgrArray) -> BgrArray:
        """A picture with what the window itself has to say; `pixels` stay as they are."""
        lines = [*(["held; space goes on"] if self._is_held else ()), self._notice]
        lines = [line for line in lines if line]
        if not lines and not self._has_help:
            return pixels
        pixels = pixels.copy()
        height = pixels.shape[0]
        for number, line in enumerate(reversed(lines), start=1):
            self._put(pixels, line, 8, height - number * (_CAPTION_PX + 2), _BAR)
        if self._has_help:
            self._put_help(pixels)
        return pixels

    def _put_help(self, pixels: BgrArray) -> None:
        """A panel in the middle, keys on the left, as much of it as there is room for."""
        height, width = pixels.shape[:2]
        panel_px, keys_px, margin = _HELP_PX
        left = max(0, width - panel_px) // 2
        top = max(0, height - len(_HELP) * _CAPTION_PX - 2 * margin) // 2
        panel = pixels[top : top + len(_HELP) * _CAPTION_PX + 2 * margin, left : left + panel_px]
        panel[:] = _BAR
        for number, (key, meaning) in enumerate(_HELP):
            self._put(panel, key, margin, margin + number * _CAPTION_PX, _BAR)
            self._put(panel, meaning, margin + keys_px, margin + number * _CAPTION_PX, _BAR)

    def _put(self, pixels: BgrArray, text: str, left: int, top: int, ground: Bgr) -> None:
        """Write a line, cut short where it does not fit."""
        canvas = BgrCanvas(pixels[:, left:])
        label = self._text.row(canvas, (text,), _TEXT_PX, WHITE, ground)
        if label is not None and 0 <= top <= canvas.height - label.height:
            label.put(canvas, 0, top)


def _shape(result: Result[Detections]) -> tuple[float, float]:
    """Width and height of a picture as it is meant to be seen, px of its height."""
    frame = result.frame
    return frame.width * float(frame.stream.sample_aspect or 1), float(frame.height)
