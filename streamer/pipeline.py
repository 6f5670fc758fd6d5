"""Sources, one stage and sinks, each in a thread of its own, joined by channels."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from streamer.clock import Clock, MonotonicClock
from streamer.contract import Source, Stage
from streamer.errors import ChannelClosed
from streamer.feed import Feed
from streamer.frame import Frame
from streamer.intake import Intake
from streamer.outlet import Delivery, Outlet, OutletThread
from streamer.result import Result
from streamer.snapshot import RunSnapshot
from streamer.stats import StageTimes

T = TypeVar("T")

Tick = Callable[[RunSnapshot], None]


class Pipeline(Generic[T]):
    """Runs every source through one stage into every sink that serves it.

    One named thread a source, one for the stage, one a sink; the calling thread waits. A source
    that fails ends only its own stream. A stage or a required sink that fails ends the run; an
    optional sink that fails is detached. Whatever happens, every `__exit__` runs and every thread
    is joined before `run` returns.

    Args:
        sources: with distinct stream ids.
        stage: turns frames into findings.
        outlets: sinks with the streams they serve.
        limit: frames a stream at most, or None.
        capacity: frames a stream that may wait for the stage.
        clock: for latency.

    Raises:
        ValueError: no source, a repeated stream id, or a limit below 1.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        stage: Stage[T],
        outlets: Sequence[Outlet[T]],
        *,
        limit: int | None = None,
        capacity: int = 4,  # 4: fewer starves a batch of a fast file, more only adds latency
        clock: Clock | None = None,
    ) -> None:
        ids = [source.stream_id for source in sources]
        if not ids or len(set(ids)) < len(ids):
            raise ValueError(f"expected sources with distinct stream ids, got {ids!r}")
        if limit is not None and limit < 1:
            raise ValueError(f"limit: expected at least 1, got {limit!r}")
        self._clock = clock or MonotonicClock()
        self._times = StageTimes()
        self._stage = stage
        self._intake: Intake[Frame] = Intake()
        self._feeds = {
            source.stream_id: Feed(
                source, self._intake.open_channel(capacity), self._times, self._clock, limit
            )
            for source in sources
        }
        self._intake.seal()
        self._outlets = [OutletThread(outlet, self._times, self._clock) for outlet in outlets]
        self._failures: list[BaseException] = []
        self._started_ns = self._clock.now_ns()
        self._ended_ns: int | None = None

    def run(self, on_tick: Tick | None = None, *, tick_s: float = 0.25) -> RunSnapshot:
        """Run to the end, in the calling thread.

        Args:
            on_tick: called every `tick_s` seconds and once at the end, in the calling thread.
            tick_s: seconds.

        Raises:
            BaseException: what ended the run, with its thread's name as a note; an ExceptionGroup
                where several threads failed.
        """
        self._started_ns = self._clock.now_ns()
        threads = self._make_threads()
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                while thread.is_alive():
                    thread.join(tick_s)
                    if on_tick is not None:
                        on_tick(self.snapshot())
        finally:
            self.stop()
            for thread in threads:
                thread.join()
            self._ended_ns = self._clock.now_ns()
        self._raise_failures()
        snapshot = self.snapshot()
        if on_tick is not None:
            on_tick(snapshot)
        return snapshot

    def stop(self) -> None:
        """End early: sources stop, what was accepted is finished. Any thread, any time."""
        for feed in self._feeds.values():
            feed.stop()

    def snapshot(self) -> RunSnapshot:
        """How the run stands; any thread."""
        now_ns = self._clock.now_ns() if self._ended_ns is None else self._ended_ns
        own = self._times.snapshot()
        sinks = {outlet.name for outlet in self._outlets}
        times = {part: time for part, time in own.items() if part not in sinks}
        times.update(self._stage.times.snapshot())
        times.update({part: time for part, time in own.items() if part in sinks})
        return RunSnapshot(
            elapsed_ns=now_ns - self._started_ns,
            streams=tuple(feed.snapshot() for feed in self._feeds.values()),
            times=times,
        )

    def _make_threads(self) -> list[threading.Thread]:
        work = [(f"sink:{outlet.name}", outlet.run) for outlet in self._outlets]
        work.append(("stage", self._run_stage))
        work += [(f"source:{stream_id}", feed.run) for stream_id, feed in self._feeds.items()]
        return [
            threading.Thread(target=self._guard, args=(name, body), name=name)
            for name, body in work
        ]

    def _guard(self, name: str, body: Callable[[], None]) -> None:
        """Run a thread's body; its failure is kept for the caller and ends the run."""
        try:
            body()
        except BaseException as error:  # noqa: BLE001 - the one place; `run` raises it again
            error.add_note(f"in thread {name!r}")
            self._failures.append(error)
            self.stop()

    def _raise_failures(self) -> None:
        if len(self._failures) == 1:
            raise self._failures[0]
        if self._failures:
            raise BaseExceptionGroup("several threads failed", self._failures)

    def _run_stage(self) -> None:
        in_flight: deque[_Batch] = deque()
        try:
            with self._stage:
                while self._advance(in_flight):
                    self._close_finished_outlets()
        finally:
            for feed in self._feeds.values():
                feed.abandon()
            for outlet in self._outlets:
                outlet.close()

    def _advance(self, in_flight: deque[_Batch]) -> bool:
        """Submit a batch if there is room and work, else collect the oldest; False at the end."""
        frames: Sequence[Frame] = ()
        if len(in_flight) < self._stage.depth:
            try:
                frames = self._intake.take(self._stage.max_batch, wait=not in_flight)
            except ChannelClosed:
                if not in_flight:
                    return False
        if frames:
            submitted_ns = self._clock.now_ns()
            in_flight.append(_Batch(frames, self._stage.submit(frames), submitted_ns))
        elif in_flight:
            self._emit(in_flight.popleft())
        return True

    def _emit(self, batch: _Batch) -> None:
        findings = self._stage.collect(batch.ticket)
        collected_ns = self._clock.now_ns()
        for frame, found in zip(batch.frames, findings, strict=True):
            result = Result(frame, found, batch.submitted_ns, collected_ns)
            feed = self._feeds[frame.stream_id]
            serving = [outlet for outlet in self._outlets if outlet.serves(frame.stream_id)]
            delivery = Delivery(feed, frame.captured_ns, pending=len(serving))
            for outlet in serving:
                outlet.put(result, delivery)
            feed.emitted()

    def _close_finished_outlets(self) -> None:
        """A stream that has ended lets its own sinks finish before the other streams do."""
        emitted = {stream_id for stream_id, feed in self._feeds.items() if feed.is_emitted}
        if not emitted:
            return
        for outlet in self._outlets:
            if outlet.stream_ids is not None and outlet.stream_ids <= emitted:
                outlet.close()


@dataclass(frozen=True, slots=True, eq=False)
class _Batch:
    """Frames the stage is working on."""

    frames: Sequence[Frame]
    ticket: object
    submitted_ns: int
