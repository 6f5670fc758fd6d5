"""Heat as a picture, without a graphics library: the report needs no more than this."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_RGBA = 6  # colour type
# From nothing over blue, green and yellow to red: position, red, green, blue, opacity.
_STOPS = np.array(
    [
        (0.0, 0, 0, 160, 0),
        (0.05, 30, 60, 220, 110),
        (0.35, 0, 190, 140, 150),
        (0.7, 255, 220, 0, 180),
        (1.0, 255, 40, 0, 210),
    ],
    np.float64,
)


def heat_rgba(grid: NDArray[np.generic]) -> NDArray[np.uint8]:
    """(R, C, 4) colours of a grid, transparent at 0, the highest cell red.

    The scale is the square root: one crowded door would hide all paths otherwise.

    Args:
        grid: (R, C), 0 or more.
    """
    values = np.sqrt(np.asarray(grid, np.float64))
    top = float(values.max(initial=0.0))
    share = values / top if top > 0 else values
    channels = [np.interp(share, _STOPS[:, 0], _STOPS[:, column]) for column in range(1, 5)]
    return np.rint(np.stack(channels, axis=-1)).astype(np.uint8)


def png(pixels: NDArray[np.uint8]) -> bytes:
    r"""A PNG file of (H, W, 4) red, green, blue and opacity.

    Source: PNG specification (third edition), sections 5, 7.2 and 9; every line unfiltered.

    >>> png(np.zeros((1, 1, 4), np.uint8))[:4]
    b'\x89PNG'
    """
    height, width = pixels.shape[:2]
    lines = np.zeros((height, 1 + width * 4), np.uint8)  # a filter byte before each line
    lines[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, _RGBA, 0, 0, 0)
    return b"".join(
        [
            _SIGNATURE,
            _chunk(b"IHDR", header),
            _chunk(b"IDAT", zlib.compress(lines.tobytes(), 9)),
            _chunk(b"IEND", b""),
        ]
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + checksum
