from __future__ import annotations

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from sinks.canvas import BgrCanvas, I420Canvas
from sinks.palette import Bgr
from streamer.picture import Colour

COLOURS: list[Bgr] = [(0, 0, 255), (255, 0, 0), (0, 255, 0), (255, 255, 255), (30, 160, 220)]


def _grey_planes(width: int, height: int) -> tuple[NDArray[np.uint8], ...]:
    half = (height // 2, width // 2)
    return (
        np.full((height, width), 90, np.uint8),
        np.full(half, 128, np.uint8),
        np.full(half, 128, np.uint8),
    )


def _to_bgr(planes: tuple[NDArray[np.uint8], ...], matrix: int) -> NDArray[np.uint8]:
    """By FFmpeg, which knows nothing of our equations."""
    packed = np.concatenate([plane.reshape(-1) for plane in planes])
    frame = av.VideoFrame.from_ndarray(packed.reshape(-1, planes[0].shape[1]), format="yuv420p")
    frame.colorspace = matrix
    frame.color_range = 1
    pixels = frame.reformat(format="bgr24", src_colorspace=matrix).to_ndarray()
    return pixels.astype(np.uint8, copy=False)


@pytest.mark.parametrize("matrix", [1, 5, 6, 9], ids=["bt709", "bt470bg", "bt601", "bt2020"])
@pytest.mark.parametrize("colour", COLOURS)
def test_a_colour_looks_the_same_whatever_the_matrix(matrix: int, colour: Bgr) -> None:
    y, u, v = _grey_planes(32, 16)
    canvas = I420Canvas(y, u, v, Colour(matrix=matrix))
    canvas.fill(8, 4, 24, 12, canvas.values(colour))
    seen = _to_bgr((y, u, v), matrix)[6:10, 12:20].reshape(-1, 3).astype(int)
    assert np.abs(seen - colour).max() <= 4  # 8-bit YUV and FFmpeg's fixed-point arithmetic


def test_an_outline_changes_its_lines_and_nothing_else() -> None:
    y, u, v = _grey_planes(32, 32)
    canvas = I420Canvas(y, u, v, Colour())
    canvas.frame(4, 6, 20, 22, 2, canvas.values((0, 0, 255)))
    inside = np.zeros((32, 32), bool)
    inside[6:22, 4:20] = True
    inside[8:20, 6:18] = False
    assert np.array_equal(y != 90, inside)
    assert np.array_equal(u != 128, inside[::2, ::2])
    assert np.array_equal(v != 128, inside[::2, ::2])


def test_both_canvases_put_the_same_pixels() -> None:
    coverage = np.zeros((8, 12), np.uint8)
    coverage[2:6, 2:8] = 255
    bgr = np.full((32, 32, 3), 86, np.uint8)
    planes = _grey_planes(32, 32)
    y, u, v = planes
    for canvas in (BgrCanvas(bgr), I420Canvas(y, u, v, Colour(matrix=6))):
        canvas.frame(4, 6, 30, 30, 4, canvas.values((0, 200, 255)))
        canvas.put(canvas.stamp(coverage, (255, 255, 255), (120, 40, 0)), 8, 2)
    difference = np.abs(_to_bgr(planes, 6).astype(int) - bgr)
    assert np.median(difference) <= 2
    assert difference[3:31, 5:29].mean() < 8  # FFmpeg interpolates chroma at the edges


def test_a_rectangle_smaller_than_its_line_is_filled() -> None:
    bgr = np.zeros((16, 16, 3), np.uint8)
    canvas = BgrCanvas(bgr)
    canvas.frame(4, 4, 6, 6, 8, canvas.values((1, 2, 3)))
    assert bgr.any(axis=2).sum() == 4


def test_odd_sizes_are_drawn_on_up_to_the_last_even_pixel() -> None:
    canvas = BgrCanvas(np.zeros((7, 5, 3), np.uint8))
    assert (canvas.width, canvas.height) == (4, 6)
