"""A sink's own pace, measured at its far end: nothing that waits before it is counted."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Generic, Self, TypeVar

from streamer.contract import Sink
from streamer.result import Result

T = TypeVar("T")


class Metered(Generic[T]):
    """Any sink, with the moments at which its first result came and each one was done."""

    def __init__(self, sink: Sink[T]) -> None:
        self.name = sink.name
        self.first_s: float | None = None
        self.done_s: list[float] = []
        self._sink = sink

    def __enter__(self) -> Self:
        """Acquire the sink."""
        self._sink.__enter__()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Release it."""
        self._sink.__exit__(exc_type, exc, traceback)

    def write(self, result: Result[T]) -> None:
        """Pass on, and note when that is done."""
        if self.first_s is None:
            self.first_s = time.perf_counter()
        self._sink.write(result)
        self.done_s.append(time.perf_counter())

    def rate(self) -> float:
        """Results a second, without a fifth of them at each end: filling and emptying.

        Raises:
            ValueError: fewer than two results are left.
        """
        cut = len(self.done_s) // 5
        kept = self.done_s[cut : len(self.done_s) - cut]
        if len(kept) < 2:
            raise ValueError(f"results: expected at least two, got {len(kept)}")
        return (len(kept) - 1) / (kept[-1] - kept[0])
