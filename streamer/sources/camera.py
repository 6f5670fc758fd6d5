"""A camera of this machine, live; named by number, device file or the name the system tells."""

from __future__ import annotations

import errno
import logging
import sys
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from streamer.clock import Clock, MonotonicClock
from streamer.errors import SourceError, SourceOpenError, SourceTimeoutError
from streamer.frame import Frame, StreamInfo
from streamer.picture import BgrArray, BgrPicture
from streamer.sources.camera_devices import (
    Camera,
    CameraFormat,
    CameraInfo,
    Cameras,
    SystemCameras,
)
from streamer.sources.opened import OpenedSource

logger = logging.getLogger(__name__)

TIME_BASE = Fraction(1, 1_000_000)
STALL_S = 5.0  # a webcam that sees anything gives pictures far more often
LONGEST_WAIT_S = 0.25  # how soon `stop` is seen


def list_cameras(cameras: Cameras | None = None) -> list[CameraInfo]:
    """The cameras the system shows, by number."""
    return (cameras or SystemCameras()).found()


def find_camera(which: str, found: list[CameraInfo]) -> CameraInfo:
    """The camera a person means.

    Args:
        which: empty for the first, a number, a device file, or (part of) a name in any case.
        found: what there is.

    Raises:
        SourceOpenError: none, or a name that fits several.
    """
    if which.startswith(("/", "./")):
        return _by_path(which, found)
    if which.isdecimal():
        fitting = [camera for camera in found if camera.index == int(which)]
    else:
        wanted = which.casefold()
        exact = [camera for camera in found if camera.name.casefold() == wanted]
        fitting = exact or [camera for camera in found if wanted in camera.name.casefold()]
    if not fitting:
        raise SourceOpenError(f"source '{_spec(which)}': no such camera; {describe(found)}")
    if which and len(fitting) > 1:
        raise SourceOpenError(
            f"source '{_spec(which)}': expected one camera, got {len(fitting)}; take its number: "
            f"{describe(fitting)}"
        )
    return fitting[0]


def describe(found: list[CameraInfo]) -> str:
    """One line that names them all.

    >>> describe([]), describe([CameraInfo(1, "Door")])
    ('the system shows none', "the system shows webcam:1 'Door'")
    """
    names = ", ".join(f"webcam:{camera.index} {camera.name!r}" for camera in found)
    return f"the system shows {names or 'none'}"


class CameraSource(OpenedSource):
    """Pictures of one camera, as they come; pts are microseconds since the first.

    Args:
        which: as `find_camera` takes it.
        stream_id: unique within the run.
        wanted: asked of the camera; the stream says what it gives.
        stall_s: seconds without a picture after which it has failed.
        cameras: the machine's.
        clock: stamps each picture when the camera hands it over.
    """

    def __init__(
        self,
        which: str = "",
        *,
        stream_id: str = "webcam",
        wanted: CameraFormat | None = None,
        stall_s: float = STALL_S,
        cameras: Cameras | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._which = which
        super().__init__(stream_id)
        self._wanted = wanted or CameraFormat()
        self._stall_s = stall_s
        self._cameras = cameras or SystemCameras()
        self._clock = clock or MonotonicClock()
        self._stopped = threading.Event()
        self._camera: Camera | None = None

    def stop(self) -> None:
        """End soon, also while waiting for a picture; any thread, for good."""
        self._stopped.set()

    def __iter__(self) -> Iterator[Frame]:
        """Pictures until stopped.

        Raises:
            SourceTimeoutError: none came for `stall_s`.
            SourceError: the camera is gone.
        """
        pixels, captured_ns = self._first
        start_ns, index = captured_ns, 0
        while pixels is not None:
            yield Frame(
                stream=self._stream,
                index=index,
                pts=(captured_ns - start_ns) // 1000,
                time_base=TIME_BASE,
                captured_ns=captured_ns,
                picture=BgrPicture(pixels),
            )
            index += 1
            pixels, captured_ns = self._next(self._camera)

    def _open(self) -> None:
        """Wait for the camera's first picture, too: only that tells its size for sure.

        Raises:
            SourceOpenError: missing, forbidden, busy, silent.
        """
        found = find_camera(self._which, self._cameras.found())
        try:
            self._camera = self._cameras.open(found, self._wanted)
        except OSError as error:
            raise SourceOpenError(_refusal(self._which, found, error)) from error
        self._start(self._camera, found)

    def _start(self, camera: Camera, found: CameraInfo) -> None:
        try:
            self._first = self._next(camera)
        except SourceError as error:
            raise SourceOpenError(str(error)) from error
        pixels, _ = self._first
        given = camera.format
        height, width = (given.height, given.width) if pixels is None else pixels.shape[:2]
        self._stream = StreamInfo(
            stream_id=self._stream_id,
            name=_spec(self._which),
            width=width,
            height=height,
            time_base=TIME_BASE,
            rate=given.rate,
            is_live=True,
        )
        rate = "unknown" if given.rate is None else f"{float(given.rate):g}"
        logger.info(
            "%s is %r: %dx%d at %s frames a second, %s",
            self._stream_id, found.name, width, height, rate, given.fourcc,
        )  # fmt: skip

    def _next(self, camera: Camera | None) -> tuple[BgrArray | None, int]:
        """The next whole picture and when it was there; None once stopped."""
        last_ns = self._clock.now_ns()
        while camera is not None and not self._stopped.is_set():
            try:
                has_come = camera.grab(min(LONGEST_WAIT_S, self._stall_s))
            except OSError as error:
                raise SourceError(
                    f"source '{_spec(self._which)}': the camera is gone ({error.strerror}); "
                    "check its cable"
                ) from error
            now_ns = self._clock.now_ns()
            pixels = camera.retrieve() if has_come else None
            if pixels is not None:
                return pixels, now_ns
            if now_ns - last_ns > self._stall_s * 1e9:
                raise SourceTimeoutError(
                    f"source '{_spec(self._which)}': expected a picture within {self._stall_s:g} s,"
                    " got none; check its cable"
                )
        return None, 0

    def _close(self) -> None:
        self._first = (None, 0)
        if self._camera is not None:
            self._camera.close()
            self._camera = None


def _spec(which: str) -> str:
    return f"webcam:{which}" if which else "webcam"


def _by_path(which: str, found: list[CameraInfo]) -> CameraInfo:
    path = Path(which)
    if not path.exists():
        raise SourceOpenError(f"source '{_spec(which)}': no such device; {describe(found)}")
    target = path.resolve()  # names under by-path and by-id are links
    known = (camera for camera in found if camera.path and camera.path.resolve() == target)
    return next(known, CameraInfo(-1, which, target))


def _refusal(which: str, camera: CameraInfo, error: OSError) -> str:
    reasons = {
        errno.ENOENT: "no such device; plug it in, or see --list-cameras",
        errno.ENODEV: "the device is gone; check its cable",
        errno.EACCES: _permission_advice(),
        errno.EPERM: _permission_advice(),
        errno.EBUSY: "the camera is busy; close the program that uses it",
        errno.ENOTTY: "expected a camera, got a device without pictures; see --list-cameras",
    }
    reason = reasons.get(error.errno or 0, f"cannot open it: {error.strerror}")
    named = "" if which == camera.name else f" ({camera.name})"
    return f"source '{_spec(which)}'{named}: {reason}"


def _permission_advice() -> str:
    if sys.platform == "linux":
        return (
            "not allowed to use the camera; add yourself to group video: "
            "sudo usermod -aG video $USER, then log in again"
        )
    return "not allowed to use the camera; allow it in the system's privacy settings"
