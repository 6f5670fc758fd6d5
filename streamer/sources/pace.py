"""A recording played at its own pace, as if a camera gave it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Protocol

from streamer.clock import Clock, MonotonicClock
from streamer.contract import DeviceSource, Source
from streamer.frame import Frame, StreamInfo
from streamer.samples import DlDevice
from streamer.sources.wrapped import Wrapped

LATEST_NS = 1_000_000_000  # later than this, a camera would not catch up either
LONGEST_GAP_NS = 10_000_000_000  # a jump in the times, not a pause anyone wants to sit through


class Alarm(Protocol):
    """What `threading.Event` offers."""

    def wait(self, timeout: float) -> bool:
        """Wait for `timeout` seconds or until set; True if set."""
        ...

    def set(self) -> None:
        """Wake who waits, now and from now on."""
        ...


class Paced(Wrapped):
    """Gives each frame of a source when its pts is due; the stream is live.

    Frames that are late (out of order, or read too slowly) go at once. One that is due more than a
    second ago or ten ahead, as after a cut, a jump back or the machine's sleep, starts the
    count anew.

    Args:
        source: whose frames carry the times.
        clock: what paces; also stamps `captured_ns` when a frame is due, as a camera would.
        alarm: waits on `clock`'s time and is set by `stop`; a test may bring its own.
    """

    def __init__(
        self, source: Source, *, clock: Clock | None = None, alarm: Alarm | None = None
    ) -> None:
        super().__init__(source)
        self._clock = clock or MonotonicClock()
        self._alarm = alarm or threading.Event()

    @property
    def stream(self) -> StreamInfo:
        """The source's, but live; valid once entered."""
        return replace(self._source.stream, is_live=True)

    def stop(self) -> None:
        """End at once, also while waiting; any thread, for good."""
        self._alarm.set()
        super().stop()

    def stay_on(self, device: DlDevice) -> None:
        """Pictures may stay in that device's memory; said before the source is entered."""
        if isinstance(self._source, DeviceSource):
            self._source.stay_on(device)

    def __iter__(self) -> Iterator[Frame]:
        """The frames, each when it is due."""
        zero_ns: int | None = None  # when a pts of 0 would have been due
        for frame in self._source:
            offset_ns = int(frame.pts * frame.time_base * Fraction(1_000_000_000))
            now_ns = self._clock.now_ns()
            if zero_ns is None or not -LATEST_NS <= zero_ns + offset_ns - now_ns <= LONGEST_GAP_NS:
                zero_ns = now_ns - offset_ns
            if self._alarm.wait(max(0, zero_ns + offset_ns - now_ns) / 1e9):
                return
            yield replace(
                frame,
                stream=replace(frame.stream, is_live=True),
                captured_ns=self._clock.now_ns(),
            )
