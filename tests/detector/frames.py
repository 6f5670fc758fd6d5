"""Frames for detectors, made of pixels alone."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from streamer.frame import Frame, StreamInfo
from streamer.picture import BgrArray, BgrPicture


def frame_of(pixels: BgrArray, *, index: int = 0) -> Frame:
    """A frame of a stream of its own size."""
    height, width = pixels.shape[:2]
    stream = StreamInfo("test", "test", width, height, Fraction(1, 25))
    return Frame(stream, index, index, Fraction(1, 25), 0, BgrPicture(pixels))


def plain_frame(blue: int, green: int, red: int, *, side: int = 64, index: int = 0) -> Frame:
    """A square of one colour."""
    return frame_of(np.full((side, side, 3), (blue, green, red), np.uint8), index=index)
