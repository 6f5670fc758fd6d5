"""Looking at every picture in several sizes: slower, a little better.

Source: the published CenterNet's test at scales, with soft suppression over what they find.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from detector.contract import Detector
from detector.detections import Detections
from detector.soft_nms import merge
from streamer.frame import Frame
from streamer.picture import BgrPicture

SMALLEST, LARGEST = 0.1, 4.0  # of the picture's own size


class MultiScale:
    """A detector that looks several times and merges what it found; fits the Detector contract.

    With a fixed network input every size is stretched back to it, so that a scale only blurs or
    sharpens; it looks closer with a `native` one.

    Args:
        detector: which looks.
        scales: of the picture, each in SMALLEST..LARGEST.
        most: boxes a picture in the end.
        keeps_leftovers: as `detector.soft_nms.soften`.

    Raises:
        ValueError: there is no scale, or one is out of range.
    """

    def __init__(
        self,
        detector: Detector,
        scales: Sequence[float],
        *,
        most: int = 100,
        keeps_leftovers: bool = False,
    ) -> None:
        check_scales(scales)
        self.times = detector.times
        self._detector = detector
        self._scales = tuple(scales)
        self._most = most
        self._keeps_leftovers = keeps_leftovers

    @property
    def class_names(self) -> tuple[str, ...]:
        """The detector's."""
        return self._detector.class_names

    @property
    def max_batch(self) -> int:
        """The detector's."""
        return self._detector.max_batch

    @property
    def depth(self) -> int:
        """1: the looks at one batch fill the detector already."""
        return 1

    def __enter__(self) -> Self:
        self._detector.__enter__()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._detector.__exit__(exc_type, exc, traceback)

    def submit(self, frames: Sequence[Frame]) -> object:
        """Start on all looks, as many at once as the detector likes."""
        ticket = _Ticket()
        for scale in self._scales:
            if len(ticket.waiting) >= self._detector.depth:
                self._collect_one(ticket)
            ticket.waiting.append(self._detector.submit([_scaled(each, scale) for each in frames]))
        return ticket

    def collect(self, ticket: object) -> list[Detections]:
        """The merged boxes of each frame, in its own pixels.

        Raises:
            TypeError: `ticket` is not of this detector's making.
        """
        if not isinstance(ticket, _Ticket):
            raise TypeError(f"collect: expected a ticket of submit, got {type(ticket).__name__}")
        while ticket.waiting:
            self._collect_one(ticket)
        looks = [
            [_unscaled(found, scale) for found in of_scale]
            for of_scale, scale in zip(ticket.found, self._scales, strict=True)
        ]
        return [
            merge(of_frame, most=self._most, keeps_leftovers=self._keeps_leftovers)
            for of_frame in zip(*looks, strict=True)
        ]

    def _collect_one(self, ticket: _Ticket) -> None:
        ticket.found.append(self._detector.collect(ticket.waiting.popleft()))


def check_scales(scales: Sequence[float]) -> None:
    """Before any work.

    Raises:
        ValueError: there is no scale, or one is not in SMALLEST..LARGEST.
    """
    if not scales or not all(SMALLEST <= scale <= LARGEST for scale in scales):
        raise ValueError(
            f"scales: expected numbers in {SMALLEST:g}..{LARGEST:g}, got {list(scales)!r}"
        )


@dataclass(slots=True, eq=False)
class _Ticket:
    """The looks at one batch: those under way, and what the first ones found."""

    waiting: deque[object] = field(default_factory=deque)
    found: list[Sequence[Detections]] = field(default_factory=list)


def _scaled(frame: Frame, scale: float) -> Frame:
    size = (max(1, int(frame.width * scale)), max(1, int(frame.height * scale)))
    pixels = cv2.resize(frame.bgr(), size)
    return replace(frame, picture=BgrPicture(np.asarray(pixels, np.uint8)))


def _unscaled(found: Detections, scale: float) -> Detections:
    return replace(found, xyxy=found.xyxy / np.float32(scale))
