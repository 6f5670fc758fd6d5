"""Objects made unrecognisable before any pixel leaves the process."""

from __future__ import annotations

import dataclasses
import math
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.classes import choose_classes
from detector.detections import Detections
from streamer.picture import I420, BgrArray, Picture, PlaneArray
from streamer.result import Result

_CELLS = 6  # across the longer side of a box: too few to tell a face or a number plate

Box = tuple[int, int, int, int]  # left, top, right, bottom: even px, half-open, in the picture


@dataclass(frozen=True, slots=True)
class BlurConfig:
    """What is made unrecognisable.

    Attributes:
        classes: names of objects to hide; empty for none.
        margin: how far beyond its box an object is hidden, a part of the box's width and height.
        hold_s: seconds for which the place of an object stays hidden after it was found there, so
            that a frame on which it is missed does not show it.
    """

    classes: tuple[str, ...] = ()
    margin: float = 0.1
    hold_s: float = 0.5

    def __post_init__(self) -> None:
        for name in ("margin", "hold_s"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name}: expected 0 or more, got {getattr(self, name)}")


def check_blur(config: BlurConfig, class_names: Sequence[str], kept: Sequence[str]) -> None:
    """Before any work: all that is to be hidden will be found.

    Args:
        config: what is to be hidden.
        class_names: of the detector.
        kept: the only classes that the detector gives, or empty for all.

    Raises:
        ValueError: a class is none of the detector's, or the detector was told to leave it out.
    """
    if not config.classes:
        return
    choose_classes(class_names, config.classes)
    missing = sorted(set(config.classes) - set(kept)) if kept else []
    if missing:
        raise ValueError(
            f"blur.classes: expected classes that are looked for, got {missing[0]!r}; "
            "add it to --classes"
        )


class Blur:
    """Hides objects of one stream, result by result; the first of all analytics.

    It sees what the detector found before a tracker leaves out what it is not sure of.

    Args:
        config: what, with at least one class.
        class_names: of the detector.

    Raises:
        ValueError: a class is none of the detector's.
    """

    def __init__(self, config: BlurConfig, class_names: Sequence[str]) -> None:
        self._config = config
        self._hidden = choose_classes(class_names, config.classes)  # (C,) bool
        self._recent: deque[tuple[float, NDArray[np.float32]]] = deque()

    def update(self, result: Result[Detections]) -> Result[Detections]:
        """The result with a frame on which the objects, and where they were, cannot be seen."""
        frame, found = result.frame, result.detections
        if self._recent and frame.time_s < self._recent[-1][0]:
            self._recent.clear()  # another recording
        self._recent.append((frame.time_s, found.xyxy[self._hidden[found.class_id]]))
        while self._recent[0][0] < frame.time_s - self._config.hold_s:
            self._recent.popleft()
        is_single = frame.stream.kind == "images"
        boxes = [self._recent[-1][1]] if is_single else [boxes for _, boxes in self._recent]
        rectangles = self._rectangles(np.concatenate(boxes), frame.width, frame.height)
        if not rectangles:
            return result
        hidden = replace(frame, picture=BlurredPicture(frame.picture, rectangles))
        return dataclasses.replace(result, frame=hidden)

    def _rectangles(self, xyxy: NDArray[np.float32], width: int, height: int) -> list[Box]:
        """Each box with its margin, grown to even px, inside the picture."""
        xyxy = xyxy[np.isfinite(xyxy).all(axis=1)].astype(np.float64)
        low, high = np.minimum(xyxy[:, :2], xyxy[:, 2:]), np.maximum(xyxy[:, :2], xyxy[:, 2:])
        grow = (high - low + 1) * self._config.margin
        limits = np.array([width + width % 2, height + height % 2])
        first = np.clip(np.floor(low - grow), 0, limits).astype(np.int64) & ~1
        last = np.clip(np.ceil(high + grow) + 1, 0, limits).astype(np.int64)
        last += last % 2
        boxes = np.unique(np.concatenate([first, last], 1), axis=0).tolist()
        return [(a, b, c, d) for a, b, c, d in boxes if a < c and b < d]


class BlurredPicture:
    """A picture of which some rectangles are shown in coarse cells; made when somebody asks.

    Args:
        picture: as the source gave it.
        boxes: even px, half-open, in the picture rounded up to even sides.
    """

    def __init__(self, picture: Picture, boxes: Sequence[Box]) -> None:
        self._picture = picture
        self._boxes = boxes
        self._lock = threading.Lock()  # several sinks ask at once; one of them does the work
        self._bgr: BgrArray | None = None
        self._i420: I420 | None = None

    @property
    def width(self) -> int:
        """Px."""
        return self._picture.width

    @property
    def height(self) -> int:
        """Px."""
        return self._picture.height

    def bgr(self) -> BgrArray:
        """(H, W, 3) uint8, read-only, made once."""
        with self._lock:
            if self._bgr is None:
                self._bgr = self._coarse(self._picture.bgr(), 1)
            return self._bgr

    def i420(self) -> I420:
        """4:2:0 planes, read-only, made once."""
        with self._lock:
            if self._i420 is None:
                planes = self._picture.i420()
                self._i420 = replace(
                    planes,
                    y=self._coarse(planes.y, 1),
                    u=self._coarse(planes.u, 2),
                    v=self._coarse(planes.v, 2),
                )
            return self._i420

    def _coarse(self, pixels: PlaneArray, step: int) -> PlaneArray:
        """A copy with the boxes in cells; `step` picture px a pixel of the plane."""
        coarse = pixels.copy()
        for left, top, right, bottom in self._boxes:
            area = pixels[top // step : bottom // step, left // step : right // step]
            height, width = area.shape[:2]
            if not (height and width):
                continue
            cell = max(height, width) / _CELLS
            cells = (max(1, round(width / cell)), max(1, round(height / cell)))
            means = cv2.resize(area, cells, interpolation=cv2.INTER_AREA)
            shown = cv2.resize(means, (width, height), interpolation=cv2.INTER_NEAREST)
            coarse[top // step : bottom // step, left // step : right // step] = shown
        coarse.setflags(write=False)
        return coarse
