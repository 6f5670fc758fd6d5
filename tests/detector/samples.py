"""Decoded pictures of every kind that a source gives, made of random samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from streamer.picture import Picture
from streamer.sources.decoded import Converter, DecodedPicture, Orientation, staying_picture

if TYPE_CHECKING:
    import av


def decoded(
    pix_fmt: str,
    width: int,
    height: int,
    *,
    matrix: int = 6,
    is_full_range: bool = False,
    orientation: Orientation | None = None,
    seed: int = 0,
) -> DecodedPicture:
    """A picture with random samples, also such as no camera gives."""
    frame = random_frame(
        pix_fmt, width, height, matrix=matrix, is_full_range=is_full_range, seed=seed
    )
    orientation = orientation or Orientation()
    return DecodedPicture(frame, orientation, Converter("bgr24"), Converter("yuv420p"))


def staying(width: int, height: int, *, matrix: int = 6, seed: int = 0) -> Picture:
    """The same as `decoded("nv12", ...)`, left where the decoder has it: here, on the CPU."""
    frame = random_frame("nv12", width, height, matrix=matrix, seed=seed)
    return staying_picture(frame, Orientation(), Converter("bgr24"), Converter("yuv420p"))


def random_frame(
    pix_fmt: str,
    width: int,
    height: int,
    *,
    matrix: int = 6,
    is_full_range: bool = False,
    seed: int = 0,
) -> av.VideoFrame:
    """As a decoder gives it."""
    import av  # here: a lent GPU's machine may do without

    random = np.random.default_rng(seed)
    frame = av.VideoFrame(width, height, pix_fmt)
    frame.colorspace = matrix
    frame.color_range = 2 if is_full_range else 1
    for plane in frame.planes:
        rows: NDArray[np.uint8] = np.frombuffer(memoryview(plane), np.uint8)
        rows[:] = random.integers(0, 256, rows.shape)
    return frame
