"""The cameras of this machine: which there are, and one of them opened.

All that talks to the system about cameras is here. Pictures come through OpenCV: its waits have
time-outs, where FFmpeg's v4l2 reader blocks for ever on a camera that has gone silent.
"""

from __future__ import annotations

import errno
import os
import re
import struct
import sys
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from streamer.picture import BgrArray

QUERY_CAPABILITIES = 0x80685600  # VIDIOC_QUERYCAP: read 104 bytes, 'V', 0 (linux/videodev2.h)
CAPABILITIES = struct.Struct(
    "=16s32s32sIII12x"
)  # driver, card, bus, version, capabilities, device's
HAS_DEVICE_CAPABILITIES = 0x80000000
BACKENDS = {  # those whose numbers are the ones `SystemCameras` lists
    "linux": cv2.CAP_V4L2,
    "darwin": cv2.CAP_AVFOUNDATION,
    "win32": cv2.CAP_DSHOW,
}
CAPTURES_VIDEO = 0x00000001 | 0x00001000  # single- and multi-planar


@dataclass(frozen=True, slots=True)
class CameraInfo:
    """A camera the system shows.

    Attributes:
        index: the system's number for it, as in `webcam:1`.
        name: what the system calls it; two alike share it.
        path: its device file where there is one (Linux), else None.
    """

    index: int
    name: str
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class CameraFormat:
    """What is asked of a camera, or what it then gives.

    Attributes:
        width: px.
        height: px.
        rate: frames a second, or None where the camera does not say.
        fourcc: how pictures cross the cable; MJPG lets USB 2 carry more than 640x480 at full rate.
    """

    width: int = 1280
    height: int = 720
    rate: Fraction | None = Fraction(30)
    fourcc: str = "MJPG"

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"size: expected at least 1x1, got {self.width}x{self.height}")
        if self.rate is not None and self.rate <= 0:
            raise ValueError(f"rate: expected above 0 or None, got {self.rate}")
        if len(self.fourcc) != 4:
            raise ValueError(f"fourcc: expected four characters, got {self.fourcc!r}")


class Camera(Protocol):
    """An opened camera, used by one thread."""

    @property
    def format(self) -> CameraFormat:
        """What it gives, read back."""
        ...

    def grab(self, timeout_s: float) -> bool:
        """Take the next picture in; False if none came in time. OSError: it is gone."""
        ...

    def retrieve(self) -> BgrArray | None:
        """The picture `grab` took in, (H, W, 3) uint8, or None if it is damaged."""
        ...

    def close(self) -> None:
        """Let it go."""
        ...


class Cameras(Protocol):
    """The cameras of a machine."""

    def found(self) -> list[CameraInfo]:
        """Those the system shows, by number."""
        ...

    def open(self, camera: CameraInfo, wanted: CameraFormat) -> Camera:
        """Open one and ask for a format. OSError with its `errno`: missing, forbidden, busy."""
        ...


class SystemCameras:
    """What Linux, macOS or Windows offers.

    Args:
        listing: Linux: where the system names its video devices.
        devices: Linux: where their device files lie.
    """

    def __init__(
        self,
        *,
        listing: Path = Path("/sys/class/video4linux"),
        devices: Path = Path("/dev"),
    ) -> None:
        self._listing = listing
        self._devices = devices

    def found(self) -> list[CameraInfo]:
        """Those the system shows, by number."""
        if sys.platform == "linux":
            return self._found_on_linux()
        import av  # late: importing PyAV and OpenCV together warns on macOS

        kind = "dshow" if sys.platform == "win32" else "avfoundation"
        shown = [d for d in av.enumerate_input_devices(kind) if "video" in d.media_types]
        return [CameraInfo(index, item.description) for index, item in enumerate(shown)]

    def open(self, camera: CameraInfo, wanted: CameraFormat) -> Camera:
        """Open one with OpenCV.

        Raises:
            OSError: with its `errno`: missing, forbidden, busy, or no camera at all.
        """
        if camera.path is not None:
            _check_device(camera.path)
        return OpenCvCamera(camera, wanted)

    def _found_on_linux(self) -> list[CameraInfo]:
        cameras = []
        for entry in self._listing.glob("video*"):
            number = re.fullmatch(r"video(\d+)", entry.name)
            path = self._devices / entry.name
            if number and _may_capture(path):
                name = (entry / "name").read_text(errors="replace").strip()
                cameras.append(CameraInfo(int(number[1]), name, path))
        return sorted(cameras, key=lambda camera: camera.index)


class OpenCvCamera:
    """A camera opened by OpenCV, asked for a format before its first picture.

    Args:
        camera: which.
        wanted: a wish; `format` says what came of it.
        backend: OpenCV's number for the way to it; None: the system's own.

    Raises:
        OSError: OpenCV could not have it, EBUSY: the device file itself could be opened.
    """

    def __init__(
        self, camera: CameraInfo, wanted: CameraFormat, *, backend: int | None = None
    ) -> None:
        # failures are reported once, by us
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        if backend is None:
            backend = BACKENDS.get(sys.platform, cv2.CAP_ANY)
        target = camera.index if camera.path is None else str(camera.path)
        capture = cv2.VideoCapture(target, backend, _properties(wanted))
        if not capture.isOpened():  # some drivers refuse to be asked: take what they have
            capture.open(target, backend)
        if not capture.isOpened():
            capture.release()
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        self._capture = capture
        self._path = camera.path
        self._is_started = False

    @property
    def format(self) -> CameraFormat:
        """What it gives, read back."""
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        code = int(self._capture.get(cv2.CAP_PROP_FOURCC))
        return CameraFormat(
            width=max(1, int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH))),
            height=max(1, int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT))),
            rate=Fraction(rate).limit_denominator(1001) if rate > 0 else None,
            fourcc="".join(chr(code >> shift & 0xFF) for shift in (0, 8, 16, 24)),
        )

    def grab(self, timeout_s: float) -> bool:
        """Take the next picture in; False if none came in time.

        The first picture starts the camera and, like each on macOS and Windows, waits as long as
        OpenCV is set to (run.py sets a second).

        Raises:
            OSError: the camera is gone.
        """
        if self._path is None or not self._is_started:
            self._is_started = True
            return bool(self._capture.grab())
        try:
            _, ready = cv2.VideoCapture.waitAny([self._capture], int(timeout_s * 1e9))
        except cv2.error as error:  # what it says when a camera is unplugged
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV)) from error
        if not len(ready) and not self._path.exists():
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        return bool(len(ready))

    def retrieve(self) -> BgrArray | None:
        """The picture `grab` took in, (H, W, 3) uint8, or None if it is damaged."""
        try:
            has_pixels, pixels = self._capture.retrieve()
        except cv2.error:
            return None
        if not has_pixels or pixels is None or pixels.ndim != 3:
            return None
        return np.array(pixels, np.uint8)  # a copy: the next picture may use the same memory

    def close(self) -> None:
        """Let it go."""
        self._capture.release()


def _properties(wanted: CameraFormat) -> list[int]:
    """In the order that counts: a format decides which sizes there are, a size which rates."""
    code = cv2.VideoWriter.fourcc(*wanted.fourcc)
    pairs = [
        (cv2.CAP_PROP_FOURCC, code),
        (cv2.CAP_PROP_FRAME_WIDTH, wanted.width),
        (cv2.CAP_PROP_FRAME_HEIGHT, wanted.height),
    ]
    if wanted.rate is not None:
        pairs.append((cv2.CAP_PROP_FPS, round(wanted.rate)))
    return [number for pair in pairs for number in pair]


def _check_device(path: Path) -> None:
    """Raise what the system says of the device file; ENOTTY where it gives no pictures."""
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        captures = _captures(descriptor)
    finally:
        os.close(descriptor)
    if not captures:
        raise OSError(errno.ENOTTY, os.strerror(errno.ENOTTY))


def _may_capture(path: Path) -> bool:
    """It gives pictures, or will not say; a camera has more device files, for other data."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        return True  # forbidden or busy: a camera all the same
    try:
        return _captures(descriptor)
    finally:
        os.close(descriptor)


def _captures(descriptor: int) -> bool:
    import fcntl  # late: not on Windows

    answer = bytearray(CAPABILITIES.size)
    try:
        fcntl.ioctl(descriptor, QUERY_CAPABILITIES, answer)
    except OSError:
        return False  # not a video device
    *_, whole, device = CAPABILITIES.unpack(answer)
    return bool((device if whole & HAS_DEVICE_CAPABILITIES else whole) & CAPTURES_VIDEO)
