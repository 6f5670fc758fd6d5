"""Small real sources, stages and sinks with a script of faults."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from types import TracebackType
from typing import Self

import numpy as np

from streamer.frame import Frame, StreamInfo
from streamer.picture import BgrPicture
from streamer.result import Result
from streamer.stats import StageTimes

WAIT_S = 10


def make_frame(stream: StreamInfo, index: int) -> Frame:
    """A frame whose pixels hold its index."""
    pixels = np.full((stream.height, stream.width, 3), index % 256, np.uint8)
    return Frame(stream, index, index, stream.time_base, 0, BgrPicture(pixels))


class Closing:
    """Counts how often it was entered and left."""

    def __init__(self) -> None:
        self.entered = 0
        self.left = 0

    def __enter__(self) -> Self:
        self.entered += 1
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.left += 1


class CountingSource(Closing):
    """`count` frames, then `error` if any; waits for `gate` before frame `gate_at`."""

    def __init__(
        self,
        stream_id: str = "a",
        count: int | None = 5,
        *,
        error: Exception | None = None,
        open_error: Exception | None = None,
        gate: threading.Event | None = None,
        gate_at: int = 0,
    ) -> None:
        super().__init__()
        self.stream = StreamInfo(stream_id, stream_id, 4, 2, Fraction(1, 25), frame_count=count)
        self._error, self._open_error, self._gate = error, open_error, gate
        self._gate_at = gate_at

    @property
    def stream_id(self) -> str:
        return self.stream.stream_id

    def __enter__(self) -> Self:
        if self._open_error is not None:
            raise self._open_error
        return super().__enter__()

    def __iter__(self) -> Iterator[Frame]:
        index = 0
        while self.stream.frame_count is None or index < self.stream.frame_count:
            if self._gate is not None and index == self._gate_at:
                assert self._gate.wait(WAIT_S)
            yield make_frame(self.stream, index)
            index += 1
        if self._error is not None:
            raise self._error


class IndexStage(Closing):
    """Finds every frame's index; `fault` may raise before a batch comes back."""

    def __init__(
        self,
        *,
        max_batch: int = 2,
        depth: int = 2,
        fault: Callable[[Sequence[Frame]], None] = lambda frames: None,
    ) -> None:
        super().__init__()
        self.times = StageTimes()
        self.max_batch, self.depth, self._fault = max_batch, depth, fault
        self.in_flight = self.most_in_flight = self.most_batch = 0

    def submit(self, frames: Sequence[Frame]) -> object:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        self.most_batch = max(self.most_batch, len(frames))
        return list(frames)

    def collect(self, ticket: object) -> list[int]:
        assert isinstance(ticket, list)
        self.in_flight -= 1
        self._fault(ticket)
        return [frame.index for frame in ticket]


@dataclass
class ListSink(Closing):
    """Keeps what it is given; `fault` may raise or wait instead."""

    name: str = "list"
    fault: Callable[[Result[int]], None] = lambda result: None
    entered: int = 0
    left: int = 0
    results: list[Result[int]] = field(default_factory=list)

    def write(self, result: Result[int]) -> None:
        self.fault(result)
        self.results.append(result)

    def indices(self, stream_id: str = "a") -> list[int]:
        return [r.frame.index for r in self.results if r.frame.stream_id == stream_id]
