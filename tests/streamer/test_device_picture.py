"""Pictures that stay where they were decoded; the CPU's memory stands for a device's."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from streamer.device_picture import DevicePicture
from streamer.picture import BgrPicture, Picture
from streamer.samples import DL_CUDA, DevicePlane, samples_of
from streamer.sources.decoded import Converter, DecodedPicture, Orientation, staying_picture
from tests.detector.samples import decoded, random_frame, staying

HERE = (1, 0)  # DLPack's CPU


def test_samples_are_handed_out_where_they_are_and_nowhere_else() -> None:
    picture = staying(100, 62, matrix=1)
    assert isinstance(picture, DevicePicture)
    assert picture.samples_on((DL_CUDA, 0)) is None
    samples = picture.samples_on(HERE)
    assert samples is not None
    assert (samples.width, samples.height) == (picture.width, picture.height) == (100, 62)
    assert samples.is_yuv
    assert (samples.matrix, samples.is_full_range) == (1, False)
    expected = decoded("nv12", 100, 62, matrix=1).samples()
    assert expected is not None
    for plane, theirs in zip(samples.planes, expected.planes, strict=True):
        assert isinstance(plane, DevicePlane)
        ours = np.from_dlpack(plane.exporter)  # type: ignore[arg-type]  # numpy asks for more
        assert plane.shape == (len(ours), ours.strides[0])
        np.testing.assert_array_equal(ours.reshape(len(ours), -1), theirs)


@pytest.mark.parametrize("is_full_range", [False, True])
def test_pixels_are_those_of_a_picture_that_came_down_at_once(*, is_full_range: bool) -> None:
    frame = random_frame("nv12", 100, 62, is_full_range=is_full_range)
    converters = Converter("bgr24"), Converter("yuv420p")
    ours = staying_picture(frame, Orientation(), *converters)
    theirs = DecodedPicture(frame, Orientation(), *converters)
    np.testing.assert_array_equal(ours.bgr(), theirs.bgr())
    assert ours.bgr() is ours.bgr()
    for name in ("y", "u", "v"):
        np.testing.assert_array_equal(getattr(ours.i420(), name), getattr(theirs.i420(), name))
    assert ours.i420().colour == theirs.i420().colour


def test_it_comes_down_once_and_lets_go_of_the_device() -> None:
    picture = staying(100, 62)
    assert isinstance(picture, DevicePicture)
    before = picture.samples_on(HERE)
    picture.i420()
    assert before is not None  # who has taken it keeps it
    assert picture.samples_on(HERE) is None
    assert samples_of(picture).planes[0].shape == (62, 100)


def test_any_thread_may_ask_and_one_of_them_brings_it_down() -> None:
    made: list[Picture] = []
    gate = threading.Barrier(4)

    def bring_down() -> Picture:
        made.append(BgrPicture(np.zeros((62, 100, 3), np.uint8)))
        return made[-1]

    staying_here = staying(100, 62)
    assert isinstance(staying_here, DevicePicture)
    samples = staying_here.samples_on(HERE)
    assert samples is not None
    picture = DevicePicture(samples, HERE, bring_down)
    found = []

    def ask() -> None:
        gate.wait(10)
        found.append(picture.bgr())

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert all(pixels is made[0].bgr() for pixels in found)


@pytest.mark.parametrize(
    ("pix_fmt", "size", "orientation"),
    [
        pytest.param("nv12", (101, 62), Orientation(), id="odd width"),
        pytest.param("nv12", (100, 61), Orientation(), id="odd height"),
        pytest.param("nv12", (100, 62), Orientation(flip_y=True), id="upside down"),
        pytest.param("p010le", (100, 62), Orientation(), id="10 bit"),
        pytest.param("yuv444p", (100, 62), Orientation(), id="4:4:4"),
    ],
)
def test_what_a_kernel_could_not_read_comes_down_at_once(
    pix_fmt: str, size: tuple[int, int], orientation: Orientation
) -> None:
    frame = random_frame(pix_fmt, *size)
    converters = Converter("bgr24"), Converter("yuv420p")
    picture = staying_picture(frame, orientation, *converters)
    assert isinstance(picture, DecodedPicture)
    expected = DecodedPicture(frame, orientation, *converters).bgr()
    np.testing.assert_array_equal(picture.bgr(), expected)
