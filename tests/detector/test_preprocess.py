"""Pictures prepared on a device are those prepared on the host, within one grey level."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from detector.colour import colour_matrix
from detector.geometry import Native, Placement, Stretch
from detector.imported import Importer
from detector.letterbox import Letterbox
from detector.preprocess_torch import preprocess
from detector.recipe import RECIPES
from detector.staging import Sampling, fetch, lay_out, stage, stored_samples
from streamer.picture import BgrPicture, Picture
from streamer.sources.decoded import Orientation
from tests.detector.samples import decoded, staying

LEVELS = np.repeat(np.arange(256, dtype=np.float32)[:, None], 3, axis=1)  # a lookup that keeps them
STRETCH, NATIVE = Stretch(96, 64), Native()
PICTURES: Mapping[str, Callable[[], Picture]] = {
    "i420 601": lambda: decoded("yuv420p", 160, 90),
    "i420 601 full": lambda: decoded("yuv420p", 160, 90, is_full_range=True),
    "i420 709": lambda: decoded("yuv420p", 160, 90, matrix=1),
    "i420 709 full": lambda: decoded("yuvj420p", 160, 90, matrix=1, is_full_range=True),
    "i420 2020": lambda: decoded("yuv420p", 160, 90, matrix=9),
    "i420 no matrix": lambda: decoded("yuv420p", 160, 90, matrix=2),
    "i420 odd width": lambda: decoded("yuv420p", 161, 90),
    "i420 odd height": lambda: decoded("yuv420p", 160, 91),
    "nv12 on the device": lambda: staying(160, 90, matrix=1),
    "i420 smaller": lambda: decoded("yuv420p", 34, 20),
    "nv12 601": lambda: decoded("nv12", 160, 90),
    "nv12 709 full": lambda: decoded("nv12", 160, 90, matrix=1, is_full_range=True),
    "nv12 odd width": lambda: decoded("nv12", 161, 90),
    "422": lambda: decoded("yuv422p", 160, 90),
    "10 bit": lambda: decoded("yuv420p10le", 160, 90),
    "upside down": lambda: decoded("yuv420p", 160, 90, orientation=Orientation(flip_y=True)),
    "bgr": lambda: BgrPicture(_noise(90, 160)),
    "bgr odd": lambda: BgrPicture(_noise(91, 161)),
    "bgr part of a larger": lambda: BgrPicture(_noise(100, 200)[5:95, 20:180]),
}


def _noise(height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3)).astype(np.uint8)


def prepared(
    pictures: Sequence[Picture],
    samplings: Sequence[Sampling],
    width: int,
    height: int,
    lookup: NDArray[np.float32] = LEVELS,
    dtype: torch.dtype = torch.float32,
) -> NDArray[np.float32]:
    """(B, height, width, 3) by the torch reference."""
    importer = Importer(torch.device("cpu"))
    stored = [stored_samples(picture, importer.samples(picture)) for picture in pictures]
    layout = lay_out([samples for samples, _ in stored])
    staged = np.zeros(layout.size, np.uint8)
    table = stage(stored, samplings, layout, staged[: layout.host_size])
    fetch([samples for samples, _ in stored], layout, torch.from_numpy(staged))
    out = torch.empty(len(pictures), 3, height, width, dtype=dtype)
    out = out.to(memory_format=torch.channels_last)
    preprocess(table, torch.from_numpy(staged), torch.from_numpy(lookup), out)
    assert out.is_contiguous(memory_format=torch.channels_last)
    levels: NDArray[np.float32] = out.permute(0, 2, 3, 1).float().numpy()
    return levels


@pytest.mark.parametrize("geometry", [STRETCH, NATIVE], ids=["stretch", "native"])
@pytest.mark.parametrize("kind", PICTURES)
def test_every_kind_of_picture_comes_out_as_on_the_host(
    kind: str, geometry: Stretch | Native
) -> None:
    picture = PICTURES[kind]()
    place = geometry.place(picture.width, picture.height)
    found = prepared([picture], [Sampling.of_placement(place)], place.width, place.height)[0]
    difference = np.abs(found - place.warp(picture.bgr()))
    assert difference.max() <= 1
    assert np.mean(difference > 0) < 1e-3  # rounding at exact halves, no more


def test_a_decoder_s_planes_are_not_converted_on_the_host() -> None:
    for kind in ("i420 601", "nv12 601", "i420 odd width"):
        samples, _ = stored_samples(PICTURES[kind]())
        assert samples.is_yuv, kind
    for kind in ("i420 odd height", "422", "10 bit", "upside down", "bgr"):
        samples, _ = stored_samples(PICTURES[kind]())
        assert not samples.is_yuv, kind


def test_a_batch_of_many_kinds_and_sizes_lies_side_by_side() -> None:
    pictures = [make() for make in PICTURES.values()]
    places = [STRETCH.place(picture.width, picture.height) for picture in pictures]
    found = prepared(pictures, [Sampling.of_placement(place) for place in places], 96, 64)
    for picture, place, levels in zip(pictures, places, found, strict=True):
        assert np.abs(levels - place.warp(picture.bgr())).max() <= 1


def test_a_large_picture_s_last_column_is_as_exact() -> None:
    picture = decoded("yuv420p", 1920, 1080, matrix=1)
    place = Stretch(512, 512).place(1920, 1080)
    found = prepared([picture], [Sampling.of_placement(place)], 512, 512)[0]
    difference = np.abs(found - place.warp(picture.bgr()))
    assert difference.max() <= 1
    assert difference[:, -1].mean() < 0.01


def test_normalised_values_are_those_of_the_host_in_half_precision() -> None:
    lookup = RECIPES["hardnet85"].normalisation()  # (1, 256, 3)
    picture = PICTURES["bgr"]()
    place = Placement(96, 64, 1.0, 1.0, 3.0, 5.0)  # whole pixels: the levels are equal
    samplings = [Sampling.of_placement(place)]
    found = prepared([picture], samplings, 96, 64, lookup[0], torch.float16)[0]
    expected = cv2.LUT(place.warp(picture.bgr()), lookup).astype(np.float16)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("size", [(160, 90), (90, 160), (31, 17), (96, 64), (400, 300)])
def test_letterbox_is_the_host_s(size: tuple[int, int]) -> None:
    width, height = size
    picture = BgrPicture(cv2.GaussianBlur(_noise(height, width), (0, 0), 1.0))
    box = Letterbox.fit(width, height, into_width=96, into_height=64)
    expected = np.empty((3, 64, 96), np.float32)
    box.draw(picture.bgr(), expected)
    sampling = Sampling.of_letterbox(box, width=width, height=height)
    found = prepared([picture], [sampling], 96, 64)[0]
    assert np.abs(found - expected.transpose(1, 2, 0)).max() <= 1


def test_a_matrix_of_another_kind_is_left_to_the_host() -> None:
    assert colour_matrix(8, is_full_range=False) is None  # YCgCo


def test_nv12_is_the_same_picture_as_i420() -> None:
    planar = decoded("yuv420p", 160, 90, matrix=1)
    frame = planar._frame.reformat(format="nv12")
    frame.colorspace = 1
    nv12 = type(planar)(frame, Orientation(), planar._to_bgr, planar._to_i420)
    np.testing.assert_array_equal(nv12.bgr(), planar.bgr())
