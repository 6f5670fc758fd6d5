"""A moment as black and white cells in a picture: robust to coding, checked when read.

Needs the standard library alone to draw, for cameras run under another Python.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamer.picture import BgrArray

COLUMNS, ROWS = 16, 4
CELL = 40  # px: 64 cells fill the width of a 640 px picture, two macroblocks and more each way
WIDTH, HEIGHT = COLUMNS * CELL, ROWS * CELL
BLACK, WHITE = 16, 235  # luma of limited range
MOMENT_BYTES, CHECK_BYTES = 6, 2  # 48 bits of microseconds last for nine years of uptime


def draw(moment_ns: int) -> bytes:
    """Luma of the code, WIDTH x HEIGHT bytes, row by row.

    Args:
        moment_ns: of the monotonic clock; kept to the microsecond.
    """
    word = int.from_bytes(_sealed(moment_ns // 1000), "big")
    bits = [word >> shift & 1 for shift in reversed(range(COLUMNS * ROWS))]
    rows = [bits[start : start + COLUMNS] for start in range(0, len(bits), COLUMNS)]
    return b"".join(
        b"".join(bytes([WHITE if bit else BLACK]) * CELL for bit in row) * CELL for row in rows
    )


def read(pixels: BgrArray) -> int | None:
    """The moment in the upper left of a picture, ns, or None where the code is damaged.

    Args:
        pixels: (H, W, 3) uint8, at least HEIGHT x WIDTH.
    """
    green = pixels[:HEIGHT, :WIDTH, 1].reshape(ROWS, CELL, COLUMNS, CELL)
    inner = green[:, CELL // 4 : -CELL // 4, :, CELL // 4 : -CELL // 4]  # away from coded edges
    word = 0
    for is_white in (inner.mean(axis=(1, 3)) > 127).flat:
        word = word << 1 | int(is_white)
    sealed = word.to_bytes(MOMENT_BYTES + CHECK_BYTES, "big")
    moment_us = int.from_bytes(sealed[:MOMENT_BYTES], "big")
    return moment_us * 1000 if sealed == _sealed(moment_us) else None


def _sealed(moment_us: int) -> bytes:
    moment = moment_us.to_bytes(MOMENT_BYTES, "big")
    return moment + (zlib.crc32(moment) & 0xFFFF).to_bytes(CHECK_BYTES, "big")
