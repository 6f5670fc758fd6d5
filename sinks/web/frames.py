"""JPEG pictures of the newest frames: made once, for all viewers, only while somebody looks."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2

from sinks.annotate import Annotator, Style
from sinks.canvas import BgrCanvas
from sinks.web.config import WebConfig
from sinks.web.state import Newest
from streamer.picture import BgrArray

WIDTHS = (320, 480, 640, 960, 1280, 1920, 2560, 3840)  # px; few, so that viewers share pictures

Kind = Literal["plain", "drawn"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A picture that somebody waits for.

    Attributes:
        stream_id: of which stream.
        kind: "drawn" has the boxes in its pixels; on a page they lie above it.
        width: px of the longer side at most.
    """

    stream_id: str
    kind: Kind
    width: int


@dataclass(frozen=True, slots=True, eq=False)
class Preview:
    """An encoded picture.

    Attributes:
        version: of the result it shows.
        width: px, that it was asked for.
        jpeg: the file.
    """

    version: int
    width: int
    jpeg: bytes


class Previews:
    """Encodes pictures and keeps the newest of each stream and kind; used by one thread.

    Args:
        class_names: of the detector.
        style: how results look.
        config: size and quality.
    """

    def __init__(self, class_names: Sequence[str], style: Style, config: WebConfig) -> None:
        self._annotator = Annotator(class_names, style)
        self._quality = config.quality
        self._kept: dict[tuple[str, Kind], Preview] = {}

    def encode(self, newest: Mapping[str, Newest], wanted: Sequence[Wanted]) -> int:
        """Bring the wanted pictures up to date; returns nanoseconds of processor time it took."""
        start_ns = time.thread_time_ns()
        for want in wanted:
            entry, key = newest[want.stream_id], (want.stream_id, want.kind)
            kept = self._kept.get(key)
            if kept is None or kept.version != entry.version or kept.width < want.width:
                self._kept[key] = self._encode(entry, want)
        return time.thread_time_ns() - start_ns

    def newest(self, stream_id: str, kind: Kind) -> Preview | None:
        """The newest picture there is; only between two calls of `encode`."""
        return self._kept.get((stream_id, kind))

    def forget(self) -> None:
        """Let all pictures go: nobody looks any more."""
        self._kept.clear()

    def _encode(self, entry: Newest, want: Wanted) -> Preview:
        frame = entry.result.frame
        pixels = fitted(frame.bgr(), want.width)
        if want.kind == "drawn":
            scale = pixels.shape[1] / frame.width
            pixels = pixels.copy() if pixels is frame.bgr() else pixels
            self._annotator.draw_result(BgrCanvas(pixels), entry.result, (scale, scale))
        _, jpeg = cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, self._quality))
        return Preview(entry.version, want.width, jpeg.tobytes())


def width_step(width: int, largest: int) -> int:
    """The smallest of WIDTHS that is enough, at most `largest`.

    >>> width_step(500, 1280), width_step(5000, 1280), width_step(0, 1280)
    (640, 1280, 320)
    """
    return min(next((step for step in WIDTHS if step >= width), largest), largest)


def fitted(pixels: BgrArray, width: int) -> BgrArray:
    """The picture at most `width` px wide, and at most as many high; itself if it is already."""
    height, longer = pixels.shape[0], max(pixels.shape[:2])
    if longer <= width:
        return pixels
    size = (
        max(1, round(pixels.shape[1] * width / longer)),
        max(1, round(height * width / longer)),
    )
    # Halving or less is what linear filtering does well, in a quarter of the time of areas.
    way = cv2.INTER_AREA if longer > 2 * width else cv2.INTER_LINEAR
    smaller: BgrArray = cv2.resize(pixels, size, interpolation=way)
    return smaller
