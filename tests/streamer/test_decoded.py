"""Decoded pictures stand upright and keep their colours, whatever matrix, range or depth."""

import av
import numpy as np
import pytest

from streamer.picture import I420
from streamer.sources.decoded import Converter, DecodedPicture, Orientation

# ITU-T H.273: matrix code -> (Kr, Kb)
COEFFICIENTS = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
COLOURS_RGB = [(255, 255, 255), (0, 0, 0), (200, 30, 40), (20, 180, 60), (30, 60, 220)]
TOLERANCE = 3  # grey levels: 8-bit YUV rounds to half a level in three components, 16-235 widens


def yuv_of(rgb: tuple[int, int, int], matrix: int, *, is_full: bool) -> tuple[float, float, float]:
    """8-bit Y, Cb, Cr as the formula of H.273 section 8.3 has them."""
    kr, kb = COEFFICIENTS[matrix]
    r, g, b = (value / 255 for value in rgb)
    y = kr * r + (1 - kr - kb) * g + kb * b
    cb, cr = (b - y) / (2 * (1 - kb)), (r - y) / (2 * (1 - kr))
    if is_full:
        return 255 * y, 128 + 255 * cb, 128 + 255 * cr
    return 16 + 219 * y, 128 + 224 * cb, 128 + 224 * cr


def flat_frame(pix_fmt: str, yuv: tuple[float, float, float], wh: tuple[int, int]) -> av.VideoFrame:
    frame = av.VideoFrame(*wh, pix_fmt)
    is_deep = "10" in pix_fmt
    for plane, value in zip(frame.planes, yuv, strict=True):
        samples = np.frombuffer(memoryview(plane), np.uint16 if is_deep else np.uint8)
        samples[:] = round(value * 4) if is_deep else round(value)
    return frame


def picture_of(frame: av.VideoFrame) -> DecodedPicture:
    return DecodedPicture(frame, Orientation(), Converter("bgr24"), Converter("yuv420p"))


@pytest.mark.parametrize("rgb", COLOURS_RGB, ids=str)
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p", "yuv422p", "yuv420p10le", "yuv444p10le"])
@pytest.mark.parametrize("is_full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("matrix", [1, 6, 9], ids=["bt709", "bt601", "bt2020"])
def test_flat_colour_comes_out_as_the_formula_says(
    matrix: int, is_full: bool, pix_fmt: str, rgb: tuple[int, int, int]
) -> None:
    frame = flat_frame(pix_fmt, yuv_of(rgb, matrix, is_full=is_full), (34, 18))
    frame.colorspace, frame.color_range = matrix, 2 if is_full else 1
    picture = picture_of(frame)

    assert np.abs(picture.bgr().astype(int) - rgb[::-1]).max() <= TOLERANCE
    planes = picture.i420()
    expected = yuv_of(rgb, matrix, is_full=False)
    for plane, value in zip((planes.y, planes.u, planes.v), expected, strict=True):
        assert np.abs(plane.astype(float) - value).max() <= 1.5  # two roundings
    assert planes.colour.matrix == matrix


def test_picture_of_unknown_matrix_is_read_as_bt601_and_stays_untagged() -> None:
    frame = flat_frame("yuv420p", yuv_of((200, 30, 40), 6, is_full=False), (16, 16))
    picture = picture_of(frame)

    assert np.abs(picture.bgr().astype(int) - (40, 30, 200)).max() <= TOLERANCE
    assert picture.i420().colour.matrix == 2


@pytest.mark.parametrize(
    ("pix_fmt", "value"), [("gray", 200), ("rgb24", 200), ("bgra", 200)], ids=str
)
def test_formats_without_chroma_planes_become_bt601(pix_fmt: str, value: int) -> None:
    frame = av.VideoFrame(16, 8, pix_fmt)
    np.frombuffer(memoryview(frame.planes[0]), np.uint8)[:] = value
    picture = picture_of(frame)

    assert np.abs(picture.bgr().astype(int) - value).max() <= 1
    assert np.abs(picture.i420().y.astype(float) - (16 + 219 * value / 255)).max() <= 1


@pytest.mark.parametrize("wh", [(33, 17), (33, 18), (34, 17)], ids=str)
def test_odd_size_repeats_the_last_row_and_column(wh: tuple[int, int]) -> None:
    frame = av.VideoFrame(*wh, "yuv420p")
    for plane in frame.planes:
        samples = np.frombuffer(memoryview(plane), np.uint8)
        samples[:] = np.arange(samples.size) % 200
    planes = picture_of(frame).i420()

    assert planes.y.shape == (18, 34)
    assert planes.u.shape == planes.v.shape == (9, 17)
    assert (planes.width, planes.height) == wh
    assert (planes.y[wh[1] - 1 :] == planes.y[wh[1] - 1]).all()
    assert (planes.y[:, wh[0] - 1 :] == planes.y[:, [wh[0] - 1]]).all()


def test_even_limited_planes_are_the_decoders_own() -> None:
    frame = flat_frame("yuv420p", (50, 100, 150), (32, 16))
    planes = picture_of(frame).i420()
    np.frombuffer(memoryview(frame.planes[0]), np.uint8)[:] = 77

    assert isinstance(planes, I420)
    assert (planes.y == 77).all()
    assert not planes.y.flags.writeable


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        (Orientation(), [[1, 2, 3], [4, 5, 6]]),
        (Orientation(flip_x=True, flip_y=True), [[6, 5, 4], [3, 2, 1]]),
        (Orientation(is_transposed=True, flip_x=True), [[4, 1], [5, 2], [6, 3]]),  # clockwise
        (Orientation(is_transposed=True, flip_y=True), [[3, 6], [2, 5], [1, 4]]),
        (Orientation(flip_x=True), [[3, 2, 1], [6, 5, 4]]),
    ],
    ids=["upright", "half turn", "clockwise", "counter-clockwise", "mirrored"],
)
def test_orientation_turns_pixels(orientation: Orientation, expected: list[list[int]]) -> None:
    pixels = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)

    assert orientation.apply(pixels).tolist() == expected


def test_conversion_happens_once_and_is_read_only() -> None:
    picture = picture_of(flat_frame("yuv420p", (50, 128, 128), (32, 16)))

    assert picture.bgr() is picture.bgr()
    assert not picture.bgr().flags.writeable
