"""A device with a set service time, so that what feeds it can be measured and tested anywhere.

It is a timeline, not a thread: a real device does not wait for a processor core before it goes on,
so neither does this one, however busy the machine is. What is measured with it is the scheduling
alone.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from types import TracebackType
from typing import Self

import numpy as np

from detector.detections import Detections
from streamer.clock import Clock, MonotonicClock
from streamer.frame import Frame
from streamer.stats import StageTimes

WaitUntil = Callable[[int], None]  # nanoseconds of the device's clock


@dataclass(frozen=True, slots=True)
class Service:
    """How long the device takes.

    Attributes:
        batch_ms: for any batch: launches, weights, what does not grow with it.
        picture_ms: for each picture of it.
        host_ms: of the caller's time to hand a batch over: copies into staging memory.
        launches: calls by which a batch is handed over, each of which lets go of the interpreter's
            lock for a moment: hundreds without a recorded graph.
    """

    batch_ms: float
    picture_ms: float = 0.0
    host_ms: float = 0.0
    launches: int = 0

    @classmethod
    def of_full_batch(cls, full_ms: float, max_batch: int) -> Service:
        """Half of it for the batch, half for its pictures, so that a short batch costs rate."""
        return cls(full_ms / 2, full_ms / 2 / max_batch)

    def time_ms(self, pictures: int) -> float:
        """Of a batch on the device."""
        return self.batch_ms + self.picture_ms * pictures

    def rate(self, pictures: int) -> float:
        """Pictures a second in batches of so many, back to back."""
        return pictures / self.time_ms(pictures) * 1e3


@dataclass(frozen=True, slots=True)
class Span:
    """When the device worked on one batch.

    Attributes:
        start_ns: on the device's clock.
        end_ns: likewise.
        pictures: in the batch.
    """

    start_ns: int
    end_ns: int
    pictures: int


class FakeDevice:
    """Finds nothing on every frame, each batch in its set time, one after the other.

    Args:
        service: how long it takes.
        max_batch: frames at most.
        depth: batches in flight at most.
        clock: of the device.
        wait_until: blocks the caller until that moment of the clock; None to sleep.
    """

    def __init__(
        self,
        service: Service,
        *,
        max_batch: int = 1,
        depth: int = 2,
        clock: Clock | None = None,
        wait_until: WaitUntil | None = None,
    ) -> None:
        self.times = StageTimes()
        self.service = service
        self.max_batch = max_batch
        self.depth = depth
        self.spans: list[Span] = []  # of all batches, in their order
        self.most_in_flight = 0
        self._clock = clock or MonotonicClock()
        self._wait_until = wait_until or self._sleep_until
        self._in_flight: deque[Span] = deque()
        self._nothing = Detections.empty()

    @property
    def class_names(self) -> tuple[str, ...]:
        """None."""
        return ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._in_flight.clear()

    def submit(self, frames: Sequence[Frame]) -> object:
        """Queue a batch behind those in flight; takes no longer than the service says.

        Raises:
            ValueError: no frame, more than `max_batch`, or `depth` batches in flight already.
        """
        if not 1 <= len(frames) <= self.max_batch:
            raise ValueError(f"submit: expected 1..{self.max_batch} frames, got {len(frames)}")
        if len(self._in_flight) >= self.depth:
            raise ValueError(f"submit: expected fewer than {self.depth} batches in flight")
        if self.service.host_ms:
            self._wait_until(self._clock.now_ns() + round(self.service.host_ms * 1e6))
        for _ in range(self.service.launches):
            time.sleep(0)
        free_ns = self.spans[-1].end_ns if self.spans else 0
        start_ns = max(self._clock.now_ns(), free_ns)
        took_ns = round(self.service.time_ms(len(frames)) * 1e6)
        span = Span(start_ns, start_ns + took_ns, len(frames))
        self.spans.append(span)
        self._in_flight.append(span)
        self.most_in_flight = max(self.most_in_flight, len(self._in_flight))
        self.times.add("network", took_ns, count=len(frames))
        return span

    def collect(self, ticket: object) -> Sequence[Detections]:
        """No box on any of them, once the device is through; blocks until then.

        Raises:
            ValueError: `ticket` is not the oldest in flight.
        """
        if not self._in_flight or self._in_flight[0] is not ticket:
            raise ValueError("collect: expected the oldest ticket in flight, got another")
        span = self._in_flight.popleft()
        self._wait_until(span.end_ns)
        return [self._nothing] * span.pictures

    def _sleep_until(self, due_ns: int) -> None:
        time.sleep(max(0, due_ns - self._clock.now_ns()) / 1e9)


@dataclass(frozen=True, slots=True)
class Usage:
    """How a device was used between its first and its last batches.

    Attributes:
        rate: pictures a second.
        busy: share of the time in which it worked, 0..1.
        gap_p99_ms: between two batches, 99th percentile; 0 where one followed at once.
        pictures_a_batch: mean.
        batches: that this is said of.
    """

    rate: float
    busy: float
    gap_p99_ms: float
    pictures_a_batch: float
    batches: int


def usage_of(spans: Sequence[Span], *, margin: float = 0.1) -> Usage:
    """Of a device's batches, without a share `margin` of them at each end: filling and emptying.

    Raises:
        ValueError: fewer than two batches are left.

    >>> ms = 1_000_000
    >>> usage = usage_of([Span(0, 3 * ms, 1), Span(3 * ms, 6 * ms, 1), Span(7 * ms, 10 * ms, 1)])
    >>> round(usage.busy, 3), usage.rate, round(usage.gap_p99_ms, 2)
    (0.857, 285.7142857142857, 0.99)
    """
    cut = int(len(spans) * margin)
    kept = spans[cut : len(spans) - cut]
    if len(kept) < 2:
        raise ValueError(f"spans: expected at least two batches, got {len(kept)}")
    start = np.array([span.start_ns for span in kept])
    end = np.array([span.end_ns for span in kept])
    pictures = np.array([span.pictures for span in kept])
    wall_ns = int(end[-1] - end[0])  # from one end to another: whole batches, and the gaps before
    gaps_ns = start[1:] - end[:-1]
    return Usage(
        rate=float(pictures[1:].sum() / wall_ns * 1e9),
        busy=float((end - start)[1:].sum() / wall_ns),
        gap_p99_ms=float(np.percentile(gaps_ns, 99) / 1e6),
        pictures_a_batch=float(pictures.mean()),
        batches=len(kept),
    )


def said(usages: Sequence[Usage]) -> str:
    """Medians over several runs, in words."""
    return (
        f"{median(usage.rate for usage in usages):.0f} pictures/s; device busy "
        f"{median(usage.busy for usage in usages):.1%}, gap p99 "
        f"{median(usage.gap_p99_ms for usage in usages):.2f} ms, "
        f"{median(usage.pictures_a_batch for usage in usages):.1f} a batch"
    )
