"""Pictures scaled before they are converted look like those converted before they are scaled."""

from __future__ import annotations

from collections.abc import Callable

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from detector.config import DetectorConfig
from detector.detections import Detections
from detector.scaled import scaled_picture, scaled_pixels
from detector.yolox import YoloxDetector
from streamer.frame import Frame
from streamer.picture import BgrPicture, Picture
from streamer.sources.decoded import Converter, DecodedPicture, Orientation
from streamer.sources.file import FileSource
from streamer.sources.synthetic import SyntheticConfig, SyntheticSource
from tests.detector.samples import decoded
from tests.paths import SHARED, needs_shared

NANO = SHARED / "data" / "weights" / "yolox_nano.onnx"
STREET = SHARED / "data" / "video" / "supervision_walking.mp4"
SIZE = (96, 54)
TURNED = Orientation(flip_y=True)


def _picture(bgr: NDArray[np.uint8], pix_fmt: str, matrix: int, *, is_full: bool) -> Picture:
    """As if decoded: `bgr` in YUV."""
    frame = av.VideoFrame.from_ndarray(bgr, "bgr24").reformat(
        format=pix_fmt, dst_colorspace=matrix, dst_color_range=2 if is_full else 1
    )
    frame.colorspace, frame.color_range = matrix, 2 if is_full else 1
    return DecodedPicture(frame, Orientation(), Converter("bgr24"), Converter("yuv420p"))


def _difference(picture: Picture, width: int, height: int) -> NDArray[np.int64]:
    """Levels by which the outcome is above that of BGR, (3, height, width)."""
    ours = np.array(scaled_picture(picture, width, height), np.int64)
    return ours - np.array(scaled_pixels(picture.bgr(), width, height))


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "nv12"])
@pytest.mark.parametrize("is_full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("matrix", [1, 6], ids=["709", "601"])
def test_where_colours_change_slowly_they_are_the_same_within_three_levels(
    pix_fmt: str, matrix: int, is_full: bool
) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (216, 384, 3)).astype(np.uint8)
    smooth = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 24), None, 20, 235, cv2.NORM_MINMAX)
    picture = _picture(np.asarray(smooth, np.uint8), pix_fmt, matrix, is_full=is_full)
    difference = _difference(picture, *SIZE)
    assert difference.any()  # they were indeed computed in another way
    assert np.abs(difference).max() <= 3  # both round, one of them twice
    assert np.mean(np.abs(difference) > 2) < 1e-3
    assert np.abs(difference).mean() < 0.7
    assert np.abs(difference.mean(axis=(1, 2))).max() < 0.5  # no tint


def test_drawn_street_is_the_same_but_for_edges_of_colour() -> None:
    with SyntheticSource(SyntheticConfig(width=768, height=432, frames=1)) as source:
        [frame] = source
    picture = _picture(frame.bgr().copy(), "yuv420p", 6, is_full=False)
    difference = np.abs(_difference(picture, 416, 234))
    assert difference.any()
    assert difference.mean() < 1
    assert np.quantile(difference, 0.99) <= 6
    assert np.quantile(difference, 0.999) <= 24


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: decoded("yuv420p", 161, 90), id="odd width"),
        pytest.param(lambda: decoded("yuv420p", 160, 91), id="odd height"),
        pytest.param(lambda: decoded("yuv422p", 160, 90), id="4:2:2"),
        pytest.param(lambda: decoded("yuv420p", 160, 90, orientation=TURNED), id="upside down"),
        pytest.param(lambda: decoded("yuv420p", 100, 60), id="hardly larger than the outcome"),
        pytest.param(lambda: decoded("yuv420p", 34, 20), id="smaller than the outcome"),
        pytest.param(lambda: BgrPicture(np.full((90, 160, 3), 7, np.uint8)), id="bgr"),
    ],
)
def test_what_gains_nothing_is_scaled_as_bgr(make: Callable[[], Picture]) -> None:
    assert not _difference(make(), *SIZE).any()


def test_thinnest_picture_can_be_made() -> None:
    planes = scaled_picture(decoded("yuv420p", 4000, 2), 416, 1)
    assert [plane.shape for plane in planes] == [(1, 416)] * 3


@needs_shared("data", "weights", "yolox_nano.onnx")
@needs_shared("data", "video", "supervision_walking.mp4")
def test_detections_on_a_recording_are_those_of_bgr() -> None:
    """In 10 frames 235 of 235 boxes met theirs; they overlap by 0.88 and more, 0.99 on average."""
    with FileSource(STREET, stream_id="street") as source:
        frames = [frame for frame, _ in zip(source, range(4), strict=False)]
    config = DetectorConfig(name="yolox", device="cpu", score_threshold=0.2)
    with YoloxDetector.from_config(config, NANO) as detector:
        for frame in frames:
            stored, converted = (_found(detector, each) for each in (frame, _as_bgr(frame)))
            sure = np.flatnonzero(converted.score >= 0.3)
            assert len(sure) > 5
            for row in sure:
                overlap = _overlaps(converted.xyxy[row], stored.xyxy)
                overlap[stored.class_id != converted.class_id[row]] = 0
                assert overlap.max() > 0.8
                assert abs(stored.score[overlap.argmax()] - converted.score[row]) < 0.05


def _found(detector: YoloxDetector, frame: Frame) -> Detections:
    [found] = detector.collect(detector.submit([frame]))
    return found


def _as_bgr(frame: Frame) -> Frame:
    picture = BgrPicture(frame.bgr())
    return Frame(frame.stream, frame.index, frame.pts, frame.time_base, 0, picture)


def _overlaps(one: NDArray[np.float32], many: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of a box (4,) and boxes (N, 4), (N,)."""
    sides = np.minimum(one[2:], many[:, 2:]) - np.maximum(one[:2], many[:, :2])
    shared = np.clip(sides, 0, None).prod(axis=1)
    areas = (many[:, 2:] - many[:, :2]).prod(axis=1) + (one[2:] - one[:2]).prod()
    ratios: NDArray[np.float32] = shared / (areas - shared)
    return ratios
