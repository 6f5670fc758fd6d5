"""What a screen shows, live, through mss (the extra `screen`)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import cv2
import numpy as np

from streamer.clock import Clock, MonotonicClock
from streamer.errors import SourceError, SourceOpenError
from streamer.frame import Frame, StreamInfo
from streamer.picture import BgrArray, BgrPicture
from streamer.sources.opened import OpenedSource

if TYPE_CHECKING:
    from mss import MSS

TIME_BASE = Fraction(1, 1_000_000)
FORMS = "expected screen, screen:NUMBER or screen:X,Y,WIDTH,HEIGHT"


@dataclass(frozen=True, slots=True)
class ScreenArea:
    """What is looked at.

    Attributes:
        number: of the screen, from 0.
        box: left, top, width, height in px of the whole desktop instead of a screen, or None.
    """

    number: int = 0
    box: tuple[int, int, int, int] | None = None


def parse_screen(text: str) -> ScreenArea:
    """What follows `screen:`; nothing means the first screen.

    Raises:
        SourceOpenError: it is none of the forms, or an area without a pixel.

    >>> parse_screen("1"), parse_screen("0,40,640,360").box
    (ScreenArea(number=1, box=None), (0, 40, 640, 360))
    """
    if not text:
        return ScreenArea()
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) == 1 and numbers[0] >= 0:
        return ScreenArea(numbers[0])
    if len(numbers) == 4 and min(numbers[2:]) > 0:
        left, top, width, height = numbers
        return ScreenArea(box=(left, top, width, height))
    raise SourceOpenError(f"source 'screen:{text}': {FORMS}")


class ScreenSource(OpenedSource):
    """Pictures of a screen at a steady rate; pts are microseconds since the first.

    A picture that comes late delays none of the others: there is no catching up.

    Args:
        area: what to look at.
        stream_id: unique within the run.
        rate: pictures a second, above 0.
        display: X11 only: such as ":1", or None for the one the session has.
        clock: stamps and paces.

    Raises:
        ValueError: a rate of 0 or below.
    """

    def __init__(
        self,
        area: ScreenArea | None = None,
        *,
        stream_id: str = "screen",
        rate: Fraction = Fraction(25),
        display: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        if rate <= 0:
            raise ValueError(f"rate: expected above 0, got {rate}")
        self._area = area or ScreenArea()
        super().__init__(stream_id)
        self._rate = rate
        self._display = display
        self._clock = clock or MonotonicClock()
        self._stopped = threading.Event()
        self._grabber: MSS | None = None

    def stop(self) -> None:
        """End at once; any thread, for good."""
        self._stopped.set()

    def __iter__(self) -> Iterator[Frame]:
        """Pictures until stopped.

        Raises:
            SourceError: the display is gone.
        """
        step_ns = int(1e9 / self._rate)
        start_ns = due_ns = self._clock.now_ns()
        index = 0
        while self._grabber is not None and not self._stopped.wait(
            max(0, due_ns - self._clock.now_ns()) / 1e9
        ):
            captured_ns = self._clock.now_ns()
            yield Frame(
                stream=self._stream,
                index=index,
                pts=(captured_ns - start_ns) // 1000,
                time_base=TIME_BASE,
                captured_ns=captured_ns,
                picture=BgrPicture(self._grab(self._grabber)),
            )
            index += 1
            due_ns = max(due_ns + step_ns, self._clock.now_ns())

    def _open(self) -> None:
        """Connect to the display.

        Raises:
            SourceOpenError: mss is absent, there is no display, or no such screen or area.
        """
        self._grabber = self._connect()
        self._box = self._find(self._grabber)
        self._stream = StreamInfo(
            stream_id=self._stream_id,
            name=self._spec,
            width=self._box["width"],
            height=self._box["height"],
            time_base=TIME_BASE,
            rate=self._rate,
            is_live=True,
        )

    @property
    def _spec(self) -> str:
        if self._area.box is not None:
            return f"screen:{','.join(map(str, self._area.box))}"
        return f"screen:{self._area.number}" if self._area.number else "screen"

    def _connect(self) -> MSS:
        try:
            import mss  # late: an extra
        except ImportError as error:
            raise SourceOpenError(
                f"source '{self._spec}': needs mss; pip install -e '.[screen]'"
            ) from error
        try:
            return mss.MSS() if self._display is None else mss.MSS(display=self._display)
        except (mss.ScreenShotError, OSError) as error:
            raise SourceOpenError(
                f"source '{self._spec}': there is no display to look at; "
                "run it within a desktop session"
            ) from error

    def _find(self, grabber: MSS) -> dict[str, int]:
        desktop, *screens = [_edges(monitor) for monitor in grabber.monitors]
        if self._area.box is None:
            if self._area.number >= len(screens):
                raise SourceOpenError(
                    f"source '{self._spec}': no such screen; "
                    f"there are {len(screens)}, counted from 0"
                )
            return screens[self._area.number]
        box = dict(zip(("left", "top", "width", "height"), self._area.box, strict=True))
        for start, length in (("left", "width"), ("top", "height")):
            end = desktop[start] + desktop[length]
            if box[start] < desktop[start] or box[start] + box[length] > end:
                whole = ",".join(str(desktop[edge]) for edge in box)
                raise SourceOpenError(
                    f"source '{self._spec}': expected an area within the desktop {whole}"
                )
        return box

    def _grab(self, grabber: MSS) -> BgrArray:
        from mss import ScreenShotError

        try:
            shot = grabber.grab(self._box)
        except (ScreenShotError, AssertionError, OSError) as error:  # mss asserts that X answers
            raise SourceError(
                f"source '{self._spec}': the display is gone or has changed"
            ) from error
        bgra = np.frombuffer(shot.raw, np.uint8).reshape(shot.height, shot.width, 4)
        return np.asarray(cv2.cvtColor(bgra, cv2.COLOR_BGRA2BGR), np.uint8)

    def _close(self) -> None:
        if self._grabber is None:
            return
        from mss import ScreenShotError

        grabber, self._grabber = self._grabber, None
        with suppress(ScreenShotError):  # the display went away first
            grabber.close()


def _edges(monitor: object) -> dict[str, int]:
    """The four numbers of an mss monitor, without what else it knows."""
    assert isinstance(monitor, dict)
    return {edge: int(monitor[edge]) for edge in ("left", "top", "width", "height")}
