from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.detections import BoxesXyxy
from detector.geometry import Geometry, Native, Placement, Stretch, parse_imgsz
from detector.recipe import RECIPES
from tests.paths import SHARED, needs_shared

UNITS = SHARED / "oracle" / "units" / "unit_preprocess.npz"
PICTURES = ["landscape600x848", "portrait", "odd601x427", "mult32_480x640", "tiny37x53"]

sides = st.integers(1, 5000)
geometries = st.one_of(
    st.just(Native()), st.builds(Stretch, st.integers(32, 1500), st.integers(32, 1500))
)


def placed(xyxy: BoxesXyxy, place: Placement) -> BoxesXyxy:
    """Boxes from frame to input pixels, corner by corner as `warp` moves pixels."""
    corners = xyxy.reshape(-1, 2) @ place.matrix[:, :2].T + place.matrix[:, 2]
    return corners.reshape(-1, 4).astype(np.float32)


@given(geometries, sides, sides, st.lists(st.floats(-1e4, 1e4), min_size=4, max_size=4))
def test_box_comes_back_from_the_input_to_where_it_was(
    geometry: Geometry, width: int, height: int, box: list[float]
) -> None:
    place = geometry.place(width, height)
    xyxy = np.array([box], np.float32)
    there = placed(xyxy, place)
    back = place.to_frame(there)
    # float32 keeps 24 bits of the input coordinate, and of the shift of up to 16 px within it.
    step_px = max(float(np.abs(there).max()), 16) * 2**-23
    tolerance = step_px / min(place.scale_x, place.scale_y) + 1e4 * 2**-23
    np.testing.assert_allclose(back, xyxy, rtol=0, atol=tolerance)


@given(st.integers(32, 1500), st.integers(32, 1500), sides, sides)
def test_stretch_brings_the_end_of_the_frame_to_the_end_of_the_input(
    input_width: int, input_height: int, width: int, height: int
) -> None:
    place = Stretch(input_width, input_height).place(width, height)
    corner = placed(np.array([[0, 0, width, height]], np.float32), place)
    np.testing.assert_allclose(corner, [[0, 0, input_width, input_height]], rtol=1e-6)


@given(sides, sides)
def test_native_keeps_every_pixel_inside_a_multiple_of_32(width: int, height: int) -> None:
    place = Native().place(width, height)
    for size, side, shift in (
        (place.width, width, place.shift_x),
        (place.height, height, place.shift_y),
    ):
        assert size % 32 == 0
        assert 1 <= size - side <= 32
        assert 0 <= shift <= size - side


@pytest.mark.parametrize(
    ("side", "padded", "shift"),
    [
        pytest.param(1, 32, 16, id="one pixel"),
        pytest.param(375, 384, 5, id="odd: 5 before, 4 behind"),
        pytest.param(600, 608, 4, id="even"),
        pytest.param(640, 672, 16, id="a multiple of 32 still grows"),
    ],
)
def test_native_padding_is_the_published_one(side: int, padded: int, shift: int) -> None:
    assert Native().place(side, side) == Placement(padded, padded, 1, 1, shift, shift)


def test_native_copies_pixels_and_pads_with_black() -> None:
    pixels = np.random.default_rng(0).integers(1, 256, (33, 50, 3)).astype(np.uint8)
    place = Native().place(50, 33)
    warped = place.warp(pixels)
    top, left = int(place.shift_y), int(place.shift_x)
    np.testing.assert_array_equal(warped[top : top + 33, left : left + 50], pixels)
    assert np.count_nonzero(warped) == pixels.size


def test_stretch_samples_where_the_index_convention_says() -> None:
    ramp = np.repeat(np.arange(0, 200, 2, dtype=np.uint8)[None, :, None], 3, axis=2)
    ramp = np.repeat(ramp, 100, axis=0)  # (100, 100, 3): column x has value 2 x
    warped = Stretch(200, 100).place(100, 100).warp(ramp)
    # Input column u shows frame column u / 2, so value u; no half-pixel term.
    np.testing.assert_array_equal(warped[50, :199, 0], np.arange(199))


@needs_shared("oracle", "units", "unit_preprocess.npz")
@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize("mode", ["fix512", "fix416x320", "keep"])
def test_input_is_the_published_one_to_the_bit(mode: str, picture: str) -> None:
    """With OpenCV 5, as the stored one; OpenCV 4's stretch differs by up to 4 grey levels."""
    imgsz = {"fix512": "512", "fix416x320": "416x320", "keep": "native"}[mode]
    with np.load(UNITS) as units:
        pixels, expected = units[f"image/{picture}"], units[f"{mode}/{picture}/s1/input"]
        place = parse_imgsz(imgsz).place(pixels.shape[1], pixels.shape[0])
        table = RECIPES["hardnet85"].normalisation()[0]  # (256, 3)
        x = table[place.warp(pixels), np.arange(3)].transpose(2, 0, 1)[None]
        assert list(x.shape) == units[f"{mode}/{picture}/s1/shape"].tolist()
        every = x.shape[2] // expected.shape[2]
        np.testing.assert_array_equal(x[..., ::every, ::every], expected)
        forward = units[f"{mode}/{picture}/s1/trans_input"]
        np.testing.assert_allclose(place.matrix, forward, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("text", "geometry"),
    [
        pytest.param("512", Stretch(512, 512), id="square"),
        pytest.param("416x320", Stretch(416, 320), id="width first"),
        pytest.param("500x333", Stretch(500, 333), id="no multiple of anything"),
        pytest.param("native", Native(), id="native"),
    ],
)
def test_imgsz_names_a_geometry(text: str, geometry: Geometry) -> None:
    assert parse_imgsz(text) == geometry


@pytest.mark.parametrize(
    "text", ["", "0", "31", "512x31", "512x", "x512", "-512", "512.0", "5l2", "512 ", "9999", "٥١٢"]
)
def test_other_imgsz_is_an_error_that_names_it(text: str) -> None:
    with pytest.raises(ValueError, match=r"^imgsz: expected .*, got "):
        parse_imgsz(text)
