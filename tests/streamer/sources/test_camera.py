"""Cameras: naming and life, against real absence and a scripted device (none is at hand)."""

from __future__ import annotations

import errno
import os
import sys
import threading
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from streamer.clock import ManualClock
from streamer.errors import SourceError, SourceOpenError, SourceTimeoutError
from streamer.picture import BgrArray
from streamer.sources.camera import CameraSource, find_camera, list_cameras
from streamer.sources.camera_devices import (
    CameraFormat,
    CameraInfo,
    OpenCvCamera,
    SystemCameras,
)
from tests.streamer.clips import number_of, write_clip

FOUND = [
    CameraInfo(0, "Integrated Camera", Path("/dev/video0")),
    CameraInfo(2, "HD Pro Webcam C920", Path("/dev/video2")),
    CameraInfo(4, "HD Pro Webcam C920 rear", Path("/dev/video4")),
]
GONE = OSError(errno.ENODEV, os.strerror(errno.ENODEV))

Event = int | str | OSError  # a grey level, "silent" or "damaged" for one grab, or a failure


class ScriptedCamera:
    """What a camera does at each grab; silent for ever after. Each grab takes its whole wait."""

    def __init__(self, script: Sequence[Event], clock: ManualClock) -> None:
        self.script, self.clock = list(script), clock
        self.format = CameraFormat(640, 480, Fraction(15), "YUYV")
        self.is_closed = False
        self.level: int | None = None

    def grab(self, timeout_s: float) -> bool:
        event = self.script.pop(0) if self.script else "silent"
        self.clock.advance(round(timeout_s * 1e9))
        if isinstance(event, OSError):
            raise event
        self.level = event if isinstance(event, int) else None
        return event != "silent"

    def retrieve(self) -> BgrArray | None:
        return None if self.level is None else np.full((6, 8, 3), self.level, np.uint8)

    def close(self) -> None:
        self.is_closed = True


class ScriptedCameras:
    """One camera, opened or refused."""

    def __init__(self, *script: Event, refusal: OSError | None = None) -> None:
        self.clock = ManualClock()
        self.camera = ScriptedCamera(script, self.clock)
        self.asked: list[tuple[CameraInfo, CameraFormat]] = []
        self._refusal = refusal

    def found(self) -> list[CameraInfo]:
        return FOUND

    def open(self, camera: CameraInfo, wanted: CameraFormat) -> ScriptedCamera:
        self.asked.append((camera, wanted))
        if self._refusal is not None:
            raise self._refusal
        return self.camera


def make_source(cameras: ScriptedCameras, which: str = "") -> CameraSource:
    return CameraSource(which, cameras=cameras, clock=cameras.clock, stall_s=1)


@pytest.mark.parametrize(
    ("which", "index"),
    [
        pytest.param("", 0, id="the first"),
        pytest.param("2", 2, id="number"),
        pytest.param("integrated", 0, id="part of a name, any case"),
        pytest.param("HD Pro Webcam C920", 2, id="a whole name wins over a longer one"),
    ],
)
def test_a_camera_is_found(which: str, index: int) -> None:
    assert find_camera(which, FOUND).index == index


@pytest.mark.parametrize(
    ("which", "found", "message"),
    [
        pytest.param("", [], "'webcam': no such camera; the system shows none", id="none"),
        pytest.param("1", FOUND, "no such camera; .*webcam:0 'Integrated Camera'", id="number"),
        pytest.param("Door", FOUND, "'webcam:Door': no such camera", id="name"),
        pytest.param("Pro", FOUND, "expected one camera, got 2; .*webcam:2 .*webcam:4", id="two"),
        pytest.param("/dev/none", FOUND, "no such device; the system shows", id="path"),
    ],
)
def test_an_unclear_name_is_refused_with_what_there_is(
    which: str, found: list[CameraInfo], message: str
) -> None:
    with pytest.raises(SourceOpenError, match=message) as caught:
        find_camera(which, found)
    assert "\n" not in str(caught.value)


def test_a_link_by_path_leads_to_its_camera(tmp_path: Path) -> None:
    device, link = tmp_path / "video2", tmp_path / "by-path"
    device.touch()
    link.symlink_to(device)
    camera = CameraInfo(2, "Door", device)
    assert find_camera(str(link), [CameraInfo(0, "Else", tmp_path / "x"), camera]) is camera


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's device tree")
def test_linux_tells_names_and_leaves_out_what_is_no_camera(tmp_path: Path) -> None:
    for entry, name in (("video10", "Rear"), ("video2", "Front"), ("vbi0", "Text")):
        (tmp_path / "sys" / entry).mkdir(parents=True)
        (tmp_path / "sys" / entry / "name").write_text(f"{name}\n")
    (tmp_path / "sys" / "video3").mkdir()
    (tmp_path / "sys" / "video3" / "name").write_text("Metadata\n")
    (tmp_path / "video3").symlink_to("/dev/null")  # opens, but is no video device
    found = list_cameras(SystemCameras(listing=tmp_path / "sys", devices=tmp_path))
    assert found == [
        CameraInfo(2, "Front", tmp_path / "video2"),
        CameraInfo(10, "Rear", tmp_path / "video10"),
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/null")
def test_a_device_that_is_no_camera_says_so() -> None:
    with (
        pytest.raises(SourceOpenError, match="'webcam:/dev/null': expected a camera"),
        CameraSource("/dev/null"),
    ):
        pass


@pytest.mark.skipif(bool(list_cameras()), reason="this machine has a camera")
@pytest.mark.parametrize("which", ["", "7", "Door", "/dev/v4l/by-path/none"])
def test_a_machine_without_cameras_says_so(which: str) -> None:
    with pytest.raises(SourceOpenError, match="the system shows none"), CameraSource(which):
        pass


@pytest.mark.parametrize(
    ("number", "message"),
    [
        pytest.param(errno.ENOENT, "no such device", id="missing"),
        pytest.param(errno.EACCES, "not allowed to use the camera; ", id="forbidden"),
        pytest.param(errno.EBUSY, "the camera is busy; close the program", id="busy"),
        pytest.param(errno.EIO, "cannot open it: ", id="anything else"),
    ],
)
def test_a_refusal_is_one_line_with_advice(number: int, message: str) -> None:
    cameras = ScriptedCameras(refusal=OSError(number, os.strerror(number)))
    with (
        pytest.raises(SourceOpenError, match=message) as caught,
        make_source(cameras, "2"),
    ):
        pass
    assert str(caught.value).startswith("source 'webcam:2' (HD Pro Webcam C920): ")
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(sys.platform != "linux", reason="groups are Linux's way")
def test_linux_says_which_group_to_join() -> None:
    cameras = ScriptedCameras(refusal=PermissionError(errno.EACCES, "no"))
    with pytest.raises(SourceOpenError, match="add yourself to group video"), make_source(cameras):
        pass


def test_mjpg_is_asked_for_and_what_came_of_it_is_told() -> None:
    cameras = ScriptedCameras(7)
    with make_source(cameras) as source:
        assert cameras.asked == [(FOUND[0], CameraFormat(1280, 720, Fraction(30), "MJPG"))]
        assert (source.stream.width, source.stream.height) == (8, 6)  # the picture's own
        assert source.stream.rate == 15
        assert source.stream.is_live
    assert cameras.camera.is_closed


def test_pictures_come_with_the_time_they_were_taken_in() -> None:
    cameras = ScriptedCameras(7, "silent", "damaged", 8, GONE)
    with make_source(cameras) as source:
        pictures = iter(source)
        frames = [next(pictures), next(pictures)]
        with pytest.raises(SourceError, match=r"the camera is gone .*; check its cable"):
            next(pictures)
    assert [int(frame.bgr()[0, 0, 0]) for frame in frames] == [7, 8]
    assert [frame.index for frame in frames] == [0, 1]
    assert [frame.captured_ns for frame in frames] == [250_000_000, 1_000_000_000]
    assert [frame.pts * frame.time_base for frame in frames] == [0, Fraction(3, 4)]


def test_a_camera_gone_silent_times_out() -> None:
    cameras = ScriptedCameras(7)
    with make_source(cameras) as source, pytest.raises(SourceTimeoutError, match="within 1 s"):
        list(source)
    assert cameras.camera.is_closed


@pytest.mark.parametrize("script", [[], [GONE]], ids=["silent", "gone"])
def test_a_camera_that_never_shows_anything_is_not_opened(script: list[Event]) -> None:
    cameras = ScriptedCameras(*script)
    with pytest.raises(SourceOpenError), make_source(cameras):
        pass
    assert cameras.camera.is_closed


def test_stopping_ends_a_silent_camera_from_another_thread() -> None:
    cameras = ScriptedCameras(7)
    source = CameraSource(cameras=cameras, clock=ManualClock(), stall_s=1)  # it never times out
    with source:
        threading.Timer(0.05, source.stop).start()
        start_s = time.monotonic()
        assert len(list(source)) == 1
    assert time.monotonic() - start_s < 2


def test_stopped_while_opening_it_opens_nothing_more() -> None:
    cameras = ScriptedCameras()
    source = make_source(cameras)
    source.stop()
    with source:
        assert list(source) == []
    assert cameras.camera.is_closed


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"width": 0}, "size: expected at least 1x1"),
        ({"rate": Fraction(0)}, "rate: expected above 0"),
        ({"fourcc": "JPEG2"}, "fourcc: expected four characters"),
    ],
)
def test_impossible_wishes_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CameraFormat(**values)  # type: ignore[arg-type]  # wrong on purpose


def test_opencv_gives_what_it_reads_and_tells_its_format(tmp_path: Path) -> None:
    path = tmp_path / "clip.avi"  # a recording stands in: OpenCV reads both alike
    write_clip(path, [0, 1, 2], time_base=Fraction(1, 20), codec="mjpeg", pix_fmt="yuvj420p")
    info = CameraInfo(0, "recording", path)
    camera = OpenCvCamera(info, CameraFormat(64, 48), backend=cv2.CAP_FFMPEG)
    assert camera.format == CameraFormat(64, 48, Fraction(20), "MJPG")
    assert camera.grab(0.1)
    pixels = camera.retrieve()
    assert pixels is not None
    assert (pixels.shape, number_of(pixels)) == ((48, 64, 3), 0)
    with pytest.raises(OSError, match="No such device"):  # no device to wait for
        camera.grab(0.1)
    camera.close()
    assert camera.retrieve() is None


def test_what_opencv_cannot_have_counts_as_busy(tmp_path: Path) -> None:
    path = tmp_path / "video0"
    path.touch()
    with pytest.raises(OSError, match="busy"):
        OpenCvCamera(CameraInfo(0, "empty", path), CameraFormat())
