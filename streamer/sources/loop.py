"""A recording played again and again, its times running on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from types import TracebackType
from typing import Self

from streamer.contract import DeviceSource, Source
from streamer.feed import Stoppable
from streamer.frame import Frame, StreamInfo
from streamer.samples import DlDevice


class Looped:
    """Opens a source anew whenever it ends; index and pts run on, in the source's own time base.

    A pass that gives no frame ends it, for the next would not either.

    Args:
        make_source: gives the source, not yet entered, once a pass; always with the same id.
    """

    def __init__(self, make_source: Callable[[], Source]) -> None:
        self._make_source = make_source
        self._lock = threading.Lock()
        self._is_stopped = self._is_entered = False
        self._home: DlDevice | None = None
        self._source = make_source()

    @property
    def stream_id(self) -> str:
        """The source's."""
        return self._source.stream_id

    @property
    def stream(self) -> StreamInfo:
        """The first pass's, without an end and without sound, which would cover one pass only."""
        return self._stream

    def stop(self) -> None:
        """End soon; any thread, for good."""
        with self._lock:
            self._is_stopped = True
            source = self._source
        if isinstance(source, Stoppable):
            source.stop()

    def stay_on(self, device: DlDevice) -> None:
        """Pictures may stay in that device's memory; said before the source is entered."""
        self._home = device

    def __enter__(self) -> Self:
        """Open the source for its first pass."""
        self._open()
        self._stream = _endless(self._source.stream)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the pass at hand."""
        if self._is_entered:
            self._is_entered = False
            self._source.__exit__(exc_type, exc, traceback)

    def __iter__(self) -> Iterator[Frame]:
        """The frames of pass after pass, until stopped."""
        index = 0
        start: Fraction | None = None  # s, where a pass begins; None: the first, as it is
        while True:
            end = start
            before: Frame | None = None
            for frame in self._pass(index, start):
                if self._is_stopped:
                    return
                yield frame
                after = (frame.pts + _duration(frame, before)) * frame.time_base
                end = after if end is None else max(end, after)
                before, index = frame, index + 1
            if before is None or not self._open_next():
                return
            start = end

    def _pass(self, index: int, start: Fraction | None) -> Iterator[Frame]:
        """One pass, its frames numbered from `index` and shifted to begin at `start` seconds."""
        shift = Fraction(0)
        for number, frame in enumerate(self._source, index):
            if number == index and start is not None:
                shift = start - frame.pts * frame.time_base
            yield replace(
                frame,
                stream=_endless(frame.stream),
                index=number,
                pts=frame.pts + round(shift / frame.time_base),
            )

    def _open_next(self) -> bool:
        """Close this pass and open another; False if stopped."""
        self._is_entered = False
        self._source.__exit__(None, None, None)
        with self._lock:
            if self._is_stopped:
                return False
            self._source = self._make_source()
        self._open()
        return True

    def _open(self) -> None:
        if self._home is not None and isinstance(self._source, DeviceSource):
            self._source.stay_on(self._home)
        self._source.__enter__()
        self._is_entered = True


def _endless(stream: StreamInfo) -> StreamInfo:
    return replace(stream, frame_count=None, sound_path=None)


def _duration(frame: Frame, before: Frame | None) -> int:
    """Ticks until the next frame is due: as the frame says, else the last step, else the rate."""
    if frame.duration:
        return frame.duration
    if before is not None and frame.pts > before.pts:
        return frame.pts - before.pts
    rate = frame.stream.rate
    return max(1, round(1 / (rate * frame.time_base))) if rate else 1
