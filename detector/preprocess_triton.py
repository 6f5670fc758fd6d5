"""Staged pictures to the network's input in one kernel: what preprocess_torch.py does, fast.

Colour conversion, bilinear samples, normalisation, number format and channels-last layout of a
whole batch, pictures of any kinds and sizes beside each other. A thread a pixel: it reads four
neighbours of three components, mostly out of the cache, and writes three numbers.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from detector.colour import FRACTION_BITS
from detector.staging import ALIGNMENT, ROW, WORDS, Table

_BLOCK = 256


def _word(field: str) -> tl.constexpr:
    """Where a field begins in a row of the table, in 32-bit words."""
    assert ROW.fields is not None
    return tl.constexpr(ROW.fields[field][1] // 4)


_BASE, _START, _STRIDE, _STEP = (_word(name) for name in ("base", "start", "stride", "step"))
_HALVING, _WEIGHTS, _ZEROS = (_word(name) for name in ("halving", "weights", "zeros"))
_SIZE, _COVERED, _CLAMPED, _FILL = (
    _word(name) for name in ("size", "covered", "is_clamped", "fill")
)
_SCALE, _SHIFT = _word("scale"), _word("shift")
_ROW_WORDS, _UNIT, _BITS = (
    tl.constexpr(WORDS),
    tl.constexpr(ALIGNMENT),
    tl.constexpr(FRACTION_BITS),
)
# Added and taken away again, it rounds a float32 below 2**22 to the nearest integer, halves to
# even, as the host does; there is no such operation that the interpreter has, too.
_ROUNDER = tl.constexpr(12582912.0)


def preprocess(
    table: Table, staged: Tensor, lookup: Tensor, out: Tensor, *, block: int = _BLOCK
) -> None:
    """As `preprocess_torch.preprocess`, in one launch on the current stream.

    Args:
        table: (B,) on the host, of which only the length is read here.
        staged: (n,) uint8 on the device, begins with the table.
        lookup: (256, 3) float32, contiguous, on the device.
        out: (B', C, H, W) of any floating type in channels-last memory, B' >= B, C >= 3.
        block: pixels a program, a power of two; the interpreter likes many.
    """
    _, channels, height, width = out.shape
    grid = (triton.cdiv(height * width, block), len(table))
    words = staged[: len(table) * ROW.itemsize]
    _kernel[grid](
        staged,
        words.view(torch.int32),
        words.view(torch.float32),
        lookup,
        out,
        height * width,
        width,
        channels,
        block=block,
    )


@triton.jit  # type: ignore[untyped-decorator]  # triton's
def _kernel(  # type: ignore[no-untyped-def]  # its arguments are types of the kernel language
    staged_ptr,
    words_ptr,
    floats_ptr,
    lookup_ptr,
    out_ptr,
    pixels,
    width,
    channels,
    block: tl.constexpr,
):
    picture = tl.program_id(1)
    index = tl.program_id(0) * block + tl.arange(0, block)
    is_inside = index < pixels
    row = words_ptr + picture * _ROW_WORDS
    reals = floats_ptr + picture * _ROW_WORDS
    column = index % width
    line = index // width
    x = column.to(tl.float32) * tl.load(reals + _SCALE) + tl.load(reals + _SHIFT)
    y = line.to(tl.float32) * tl.load(reals + _SCALE + 1) + tl.load(reals + _SHIFT + 1)
    left = tl.floor(x)
    upper = tl.floor(y)
    x_share = x - left
    y_share = y - upper
    x0 = left.to(tl.int32)
    y0 = upper.to(tl.int32)
    b00, g00, r00 = _pixel(staged_ptr, row, x0, y0, is_inside)
    b01, g01, r01 = _pixel(staged_ptr, row, x0 + 1, y0, is_inside)
    b10, g10, r10 = _pixel(staged_ptr, row, x0, y0 + 1, is_inside)
    b11, g11, r11 = _pixel(staged_ptr, row, x0 + 1, y0 + 1, is_inside)
    is_covered = (column < tl.load(row + _COVERED)) & (line < tl.load(row + _COVERED + 1))
    fill = tl.load(row + _FILL)
    blue = tl.where(is_covered, _mixed(b00, b01, b10, b11, x_share, y_share), fill)
    green = tl.where(is_covered, _mixed(g00, g01, g10, g11, x_share, y_share), fill)
    red = tl.where(is_covered, _mixed(r00, r01, r10, r11, x_share, y_share), fill)
    target = out_ptr + (picture.to(tl.int64) * pixels + index) * channels
    kind = out_ptr.dtype.element_ty
    tl.store(target, tl.load(lookup_ptr + blue * 3).to(kind), is_inside)
    tl.store(target + 1, tl.load(lookup_ptr + green * 3 + 1).to(kind), is_inside)
    tl.store(target + 2, tl.load(lookup_ptr + red * 3 + 2).to(kind), is_inside)


@triton.jit
def _pixel(staged_ptr, row, x, y, is_inside):  # type: ignore[no-untyped-def]  # as above
    """Blue, green and red of source pixels, float32."""
    inner_x = tl.minimum(tl.maximum(x, 0), tl.load(row + _SIZE) - 1)
    inner_y = tl.minimum(tl.maximum(y, 0), tl.load(row + _SIZE + 1) - 1)
    is_seen = ((inner_x == x) & (inner_y == y)) | (tl.load(row + _CLAMPED) != 0)
    begin = staged_ptr + tl.load(row + _BASE).to(tl.int64) * _UNIT
    first = _component(begin, row, 0, inner_x, inner_y, is_inside)
    second = _component(begin, row, 1, inner_x, inner_y, is_inside)
    third = _component(begin, row, 2, inner_x, inner_y, is_inside)
    blue = _colour(row, 0, first, second, third, is_seen)
    green = _colour(row, 1, first, second, third, is_seen)
    red = _colour(row, 2, first, second, third, is_seen)
    return blue, green, red


@triton.jit  # type: ignore[untyped-decorator]  # triton's
def _component(begin, row, k: tl.constexpr, x, y, is_inside):  # type: ignore[no-untyped-def]  # as above
    """Component `k` less its zero, int32."""
    halving = tl.load(row + _HALVING + k)
    offset = (y >> halving) * tl.load(row + _STRIDE + k) + (x >> halving) * tl.load(row + _STEP + k)
    sample = tl.load(begin + tl.load(row + _START + k) + offset, is_inside, other=0)
    return sample.to(tl.int32) - tl.load(row + _ZEROS + k)


@triton.jit  # type: ignore[untyped-decorator]  # triton's
def _colour(row, k: tl.constexpr, first, second, third, is_seen):  # type: ignore[no-untyped-def]  # as above
    """Colour `k` of 0..255 as float32, black where it is not seen."""
    weights = row + _WEIGHTS + 3 * k
    level = (
        (first * tl.load(weights) >> _BITS)
        + (second * tl.load(weights + 1) >> _BITS)
        + (third * tl.load(weights + 2) >> _BITS)
    )
    level = tl.minimum(tl.maximum(level, 0), 255)
    return tl.where(is_seen, level, 0).to(tl.float32)


@triton.jit
def _mixed(p00, p01, p10, p11, x_share, y_share):  # type: ignore[no-untyped-def]  # as above
    """Between four pixels, rounded to int32."""
    above = p00 + x_share * (p01 - p00)
    below = p10 + x_share * (p11 - p10)
    level = above + y_share * (below - above)
    return ((level + _ROUNDER) - _ROUNDER).to(tl.int32)
