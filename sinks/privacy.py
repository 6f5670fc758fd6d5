"""Objects made unrecognisable before any pixel leaves the process."""

from __future__ import annotations

import dataclasses
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.classes import choose_classes
from detector.detections import Detections
from sinks.whereabouts import Places, Whereabouts
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
        hold_s: seconds for which the place of an object stays hidden after it was found there, and
            where it has gone since if it went on as before, so that a frame on which it is missed
            does not show it.
        min_score: 0..1; boxes from here on are hidden, also those too weak to be shown as found. At
            0.1 the starter's false people hide 70 % of a square at night, at 0.2 37 %, at 0.3 18 %.
    """

    classes: tuple[str, ...] = ()
    margin: float = 0.1
    hold_s: float = 0.5
    min_score: float = 0.2

    def __post_init__(self) -> None:
        for name in ("margin", "hold_s"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name}: expected 0 or more, got {getattr(self, name)}")
        if not 0 <= self.min_score <= 1:
            raise ValueError(f"min_score: expected 0..1, got {self.min_score}")


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
        self._whereabouts = Whereabouts(config.hold_s)

    def update(self, result: Result[Detections]) -> Result[Detections]:
        """The result with a frame on which the objects, and where they were, cannot be seen."""
        frame, found = result.frame, result.detections
        boxes = self._ordered(found.xyxy[self._is_hidden(found)])
        if frame.stream.kind != "images":
            # As parts of the picture: a stream may change its size on the way.
            size = np.array([frame.width, frame.height] * 2, np.float64)
            if not found.is_carried:
                self._whereabouts.see(frame.time_s, (boxes + 0.5) / size)
            boxes = self._whereabouts.at(frame.time_s) * size - 0.5
        rectangles = self._rectangles(boxes, frame.width, frame.height)
        if not rectangles:
            return result
        hidden = replace(frame, picture=BlurredPicture(frame.picture, rectangles))
        return dataclasses.replace(result, frame=hidden)

    def _is_hidden(self, found: Detections) -> NDArray[np.bool_]:
        """(N,); a class that has no name is not among those that were named."""
        known = (found.class_id >= 0) & (found.class_id < len(self._hidden))
        wanted = np.zeros(len(found), np.bool_)
        wanted[known] = self._hidden[found.class_id[known]]
        return wanted & (found.score >= np.float32(self._config.min_score))

    def _ordered(self, xyxy: NDArray[np.float32]) -> Places:
        """The finite boxes, corners in order."""
        xyxy = xyxy[np.isfinite(xyxy).all(axis=1)]
        low, high = np.minimum(xyxy[:, :2], xyxy[:, 2:]), np.maximum(xyxy[:, :2], xyxy[:, 2:])
        return np.concatenate([low, high], axis=1, dtype=np.float64)

    def _rectangles(self, xyxy: Places, width: int, height: int) -> list[Box]:
        """Each box with its margin, grown to even px, inside the picture; the smallest first."""
        low, high = xyxy[:, :2], xyxy[:, 2:]
        grow = (high - low + 1) * self._config.margin
        limits = np.array([width + width % 2, height + height % 2])
        first = np.clip(np.floor(low - grow), 0, limits).astype(np.int64) & ~1
        last = np.clip(np.ceil(high + grow) + 1, 0, limits).astype(np.int64)
        last += last % 2
        boxes = np.unique(np.concatenate([first, last], 1), axis=0).tolist()
        # Of two that overlap the larger one's coarser cells are on top.
        boxes.sort(key=lambda box: max(box[2] - box[0], box[3] - box[1]))
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
