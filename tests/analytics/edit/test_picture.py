from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from analytics.edit.picture import jpeg, open_subject
from streamer.errors import SourceError, SourceOpenError
from streamer.sources.file import FileSource
from tests.analytics.edit.serving import write_clip


def decoded(data: bytes) -> NDArray[np.uint8]:
    codec = av.CodecContext.create("mjpeg", "r")
    (frame,) = codec.decode(av.Packet(data))
    assert isinstance(frame, av.VideoFrame)
    return np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)


@pytest.mark.parametrize("name", ["clip.mp4", "clip.avi", "clip.m4v"])
def test_a_recording_shows_at_any_time_what_a_run_sees_there(tmp_path: Path, name: str) -> None:
    path = write_clip(tmp_path / name)
    subject = open_subject(str(path), None)
    if name != "clip.m4v":  # bare MPEG-4 has neither length nor times
        assert subject.duration_s == pytest.approx(2.9)  # 30 pictures at 10 a second
    with FileSource(path, stream_id="clip") as source:
        frames = [(frame.time_s, frame.bgr()) for frame in source]
    for index in (17, 0, 29, 10, 9):
        time_s, pixels = frames[index]
        np.testing.assert_array_equal(subject.pictures.at(time_s - frames[0][0]), pixels)
    between = (frames[16][0] + frames[17][0]) / 2 - frames[0][0]
    np.testing.assert_array_equal(subject.pictures.at(between), frames[16][1])


def test_after_the_end_the_last_picture_is_shown(tmp_path: Path) -> None:
    subject = open_subject(str(write_clip(tmp_path / "clip.mp4")), None)
    np.testing.assert_array_equal(subject.pictures.at(1000), subject.pictures.at(2.9))


def test_a_drawn_scene_can_be_wound() -> None:
    subject = open_subject("synthetic:frames=6,width=96,height=64", None)
    assert subject.stream.rate is not None
    assert subject.duration_s == pytest.approx(5 / subject.stream.rate)
    again = subject.pictures.at(0.1)
    assert again.shape == (64, 96, 3)
    np.testing.assert_array_equal(subject.pictures.at(0.1), again)
    assert (subject.pictures.at(0) != again).any()


def test_of_several_streams_one_has_to_be_chosen(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", frames=2)
    write_clip(tmp_path / "b.mp4", frames=2, size=(160, 96))
    with pytest.raises(SourceOpenError, match="'a', 'b', got 2 streams; choose one with --stream"):
        open_subject(str(tmp_path), None)
    with pytest.raises(SourceOpenError, match="got 'c'"):
        open_subject(str(tmp_path), "c")
    subject = open_subject(str(tmp_path), "b")
    assert (subject.stream.stream_id, subject.stream.width) == ("b", 160)
    assert subject.pictures.at(0).shape == (96, 160, 3)


def test_a_recording_that_went_away_is_told(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", frames=2)
    subject = open_subject(str(path), None)
    path.unlink()
    with pytest.raises(SourceError, match=r"clip\.mp4': reading failed: No such file"):
        subject.pictures.at(0)


@pytest.mark.parametrize("size", [(1, 1), (63, 41), (640, 480)])
def test_a_jpeg_shows_the_picture(size: tuple[int, int]) -> None:
    width, height = size
    ramp = np.linspace(0, 255, width * height * 3).reshape(height, width, 3).astype(np.uint8)
    shown = decoded(jpeg(ramp))
    assert shown.shape == ramp.shape
    assert np.abs(shown.astype(int) - ramp).mean() < 4  # of 255: mjpeg at quality 3


def test_a_large_picture_is_sent_smaller_and_keeps_its_shape() -> None:
    assert decoded(jpeg(np.zeros((4000, 3000, 3), np.uint8))).shape == (1920, 1440, 3)
