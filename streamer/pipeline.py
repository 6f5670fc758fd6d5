"""Sources, one stage and sinks, each in a thread of its own, joined by channels."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from streamer.clock import Clock, MonotonicClock
from streamer.contract import (
    Analytic,
    Concluding,
    DeviceSource,
    DeviceStage,
    Source,
    Stage,
)
from streamer.errors import ChannelClosed
from streamer.feed import Feed, Inlet
from streamer.forecast import Forecast
from streamer.frame import Frame, StreamInfo
from streamer.intake import Intake
from streamer.outlet import Delivery, Outlet, OutletThread
from streamer.result import Result, StreamEnd
from streamer.snapshot import RunSnapshot
from streamer.stats import StageTimes

T = TypeVar("T")

Tick = Callable[[RunSnapshot], None]
Analyse = Callable[[StreamInfo], Sequence[Analytic[T]]]


class Pipeline(Generic[T]):
    """Runs every source through one stage into every sink that serves it.

    One named thread a source, one for the stage, one a sink; the calling thread waits. A source
    that fails ends only its own stream. A stage or a required sink that fails ends the run; an
    optional sink that fails is detached. Whatever happens, every `__exit__` runs and every thread
    is joined before `run` returns.

    Batches form while the device works: that costs no time. A device that has nothing to do gets
    at once what is ready, be it one frame.

    Args:
        sources: with distinct stream ids; plain ones lose nothing, an Inlet says otherwise.
        stage: turns frames into findings.
        outlets: sinks with the streams they serve.
        analyse: makes what each stream's results pass through, in that order, or None.
        limit: frames a stream at most, or None.
        is_fresh: a batch that would only wait for the device is handed over just before that is
            free, with the newest frames: waiting is what lets a live picture grow old.
        is_open_ended: go on without a stream until `stop`, for sources to be added.
        clock: for latency.

    Raises:
        ValueError: no source though not open-ended, a repeated stream id, or a limit below 1.
    """

    def __init__(
        self,
        sources: Sequence[Source | Inlet],
        stage: Stage[T],
        outlets: Sequence[Outlet[T]],
        *,
        analyse: Analyse[T] | None = None,
        limit: int | None = None,
        is_fresh: bool = False,
        is_open_ended: bool = False,
        clock: Clock | None = None,
    ) -> None:
        if limit is not None and limit < 1:
            raise ValueError(f"limit: expected at least 1, got {limit!r}")
        if not sources and not is_open_ended:
            raise ValueError("expected at least one source, got none")
        self._clock = clock or MonotonicClock()
        self._times = StageTimes()
        self._stage = stage
        self._analyse: Analyse[T] = analyse or (lambda _: ())
        # of the stage's thread: the streams that have begun
        self._analytics: dict[str, tuple[StreamInfo, Sequence[Analytic[T]]]] = {}
        self._limit = limit
        self._is_fresh = is_fresh
        self._is_open_ended = is_open_ended
        self._intake: Intake[Frame] = Intake()
        self._lock = threading.Lock()  # guards adding; readers see whole mappings and tuples
        self._feeds: dict[str, Feed] = {}
        self._outlets: tuple[OutletThread[T], ...] = ()
        self._threads: tuple[threading.Thread, ...] = ()
        self._is_running = False
        self._stopping = threading.Event()
        self._failures: list[BaseException] = []
        self._started_ns = self._clock.now_ns()
        self._ended_ns: int | None = None
        for outlet in outlets:
            self._add_outlet(outlet)
        for source in sources:
            self._add_source(source)

    def run(self, on_tick: Tick | None = None, *, tick_s: float = 0.25) -> RunSnapshot:
        """Run to the end, in the calling thread.

        Args:
            on_tick: called every `tick_s` seconds and once at the end, in the calling thread.
            tick_s: seconds.

        Raises:
            BaseException: what ended the run, with its thread's name as a note; an ExceptionGroup
                where several threads failed.
        """
        self._start()
        try:
            while (running := self._running_thread()) is not None:
                running.join(tick_s)
                if on_tick is not None:
                    on_tick(self.snapshot())
        finally:
            self.stop()
            while (running := self._running_thread()) is not None:
                running.join()
            self._ended_ns = self._clock.now_ns()
        self._raise_failures()
        snapshot = self.snapshot()
        if on_tick is not None:
            on_tick(snapshot)
        return snapshot

    def stop(self) -> None:
        """End early: sources stop, what was accepted is finished. Any thread, any time."""
        with self._lock:
            self._stopping.set()
        self._intake.seal()
        for feed in self._feeds.values():
            feed.stop()

    def add(self, source: Source | Inlet, outlets: Sequence[Outlet[T]] = ()) -> None:
        """Take in another stream, while running or before; any thread.

        Args:
            source: with a stream id not seen in this run.
            outlets: sinks for it alone; name its stream id in them, so that they end with it.

        Raises:
            ValueError: the stream id was seen before.
            ChannelClosed: the run is ending.
        """
        with self._lock:
            if self._stopping.is_set():
                raise ChannelClosed("the run is ending: no stream can be added")
            self._refuse_known(source)
            threads = [self._add_outlet(outlet) for outlet in outlets]
            threads.append(self._add_source(source))
            if self._is_running:
                for thread in threads:
                    thread.start()

    def remove(self, stream_id: str) -> None:
        """End one stream; what it gave is finished, and it stays in the snapshot. Any thread.

        Raises:
            KeyError: there is no such stream.
        """
        self._feeds[stream_id].stop()

    def snapshot(self) -> RunSnapshot:
        """How the run stands; any thread."""
        now_ns = self._clock.now_ns() if self._ended_ns is None else self._ended_ns
        own = dict(self._times.snapshot())
        times = {"decode": own.pop("decode")} if "decode" in own else {}
        times.update(self._stage.times.snapshot())
        times.update(own)
        return RunSnapshot(
            elapsed_ns=now_ns - self._started_ns,
            streams=tuple(feed.snapshot() for feed in self._feeds.values()),
            times=times,
        )

    def _start(self) -> None:
        with self._lock:
            self._started_ns = self._clock.now_ns()
            stage = threading.Thread(
                target=self._guard, args=("stage", self._run_stage), name="stage"
            )
            self._threads += (stage,)
            if not self._is_open_ended:
                self._intake.seal()
            self._is_running = True
            for thread in self._threads:
                thread.start()

    def _running_thread(self) -> threading.Thread | None:
        return next((thread for thread in self._threads if thread.is_alive()), None)

    def _add_outlet(self, outlet: Outlet[T]) -> threading.Thread:
        served = OutletThread(outlet, self._times, self._clock)
        self._outlets += (served,)
        return self._add_thread(f"sink:{served.name}", served.run)

    def _add_source(self, source: Source | Inlet) -> threading.Thread:
        self._refuse_known(source)
        inlet = source if isinstance(source, Inlet) else Inlet(source)
        home = self._stage.home if isinstance(self._stage, DeviceStage) else None
        if home is not None and isinstance(inlet.source, DeviceSource):
            inlet.source.stay_on(home)
        channel = self._intake.open_channel(inlet.capacity, overflow=inlet.overflow)
        feed = Feed(inlet, channel, self._times, self._clock, self._limit)
        self._feeds = {**self._feeds, feed.stream_id: feed}
        return self._add_thread(f"source:{feed.stream_id}", feed.run)

    def _add_thread(self, name: str, body: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=self._guard, args=(name, body), name=name)
        self._threads += (thread,)
        return thread

    def _refuse_known(self, source: Source | Inlet) -> None:
        stream_id = source.source.stream_id if isinstance(source, Inlet) else source.stream_id
        if stream_id in self._feeds:
            raise ValueError(f"expected distinct stream ids, got {stream_id!r} twice")

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
                forecast = Forecast(self._works)
                while self._advance(in_flight, forecast):
                    self._close_finished_outlets()
        finally:
            for feed in self._feeds.values():
                feed.abandon()
            try:
                self._end_streams(list(self._analytics))
            finally:
                for outlet in self._outlets:
                    outlet.close()

    @property
    def _works(self) -> int:
        """Batches that the stage works on at once; valid once it is entered."""
        return max(1, self._stage.depth // 2)

    def _advance(self, in_flight: deque[_Batch], forecast: Forecast) -> bool:
        """Submit a batch if there is room and work, else collect the oldest; False at the end."""
        frames: Sequence[Frame] = ()
        if self._has_room(in_flight, forecast):
            try:
                taken = self._intake.take(self._stage.max_batch, wait=not in_flight)
            except ChannelClosed:
                if not in_flight:
                    return False
            else:
                frames = [frame for frame in taken if self._feeds[frame.stream_id].admits(frame)]
        if frames:
            submitted_ns = self._clock.now_ns()
            ticket = self._stage.submit(frames)
            in_flight.append(_Batch(frames, ticket, submitted_ns, self._clock.now_ns()))
            forecast.handed_over(submitted_ns, in_flight[-1].queued_ns)
        elif in_flight:
            self._emit(in_flight.popleft(), forecast)
        return True

    def _has_room(self, in_flight: deque[_Batch], forecast: Forecast) -> bool:
        """Another batch is to be taken, if there is any; waits for it while the device works."""
        count, works = len(in_flight), self._works
        if not count:
            return True
        # Of several in work, the others keep the device busy while one is handed over.
        fresh_room = min(self._stage.depth, works + 1 if works == 1 else works)
        if count >= (fresh_room if self._is_fresh else self._stage.depth):
            return False
        oldest = in_flight[0]
        ask = forecast.last_call_ns if count <= works else forecast.due_ns
        until_ns = ask(len(oldest.frames), oldest.queued_ns)
        if until_ns is None:  # nothing is known yet
            return count < works or not self._is_fresh
        wait_s = max(0, until_ns - self._clock.now_ns()) / 1e9
        if count >= works and self._is_fresh:
            if wait_s:  # the newest frames are those of the last moment
                self._stopping.wait(wait_s)
                forecast.woke(until_ns, self._clock.now_ns())
            return True
        is_full = self._intake.wait_for(1 if count < works else self._stage.max_batch, wait_s)
        return is_full or count <= works  # more work for a device that has some: full batches only

    def _emit(self, batch: _Batch, forecast: Forecast) -> None:
        asked_ns = self._clock.now_ns()
        findings = self._stage.collect(batch.ticket)
        collected_ns = self._clock.now_ns()
        forecast.came_back(len(batch.frames), batch.queued_ns, asked_ns, collected_ns)
        for frame, found in zip(batch.frames, findings, strict=True):
            result = self._analysed(Result(frame, found, batch.submitted_ns, collected_ns))
            feed = self._feeds[frame.stream_id]
            wanting = [outlet for outlet in self._outlets if outlet.serves(frame.stream_id)]
            serving = [outlet for outlet in wanting if not outlet.is_detached]
            is_lost = bool(wanting) and not serving
            delivery = Delivery(feed, frame.captured_ns, pending=len(serving), is_lost=is_lost)
            for outlet in serving:
                outlet.put(result, delivery)
            feed.emitted()

    def _analysed(self, result: Result[T]) -> Result[T]:
        stream = result.frame.stream
        if stream.stream_id not in self._analytics:
            self._analytics[stream.stream_id] = (stream, self._analyse(stream))
        _, analytics = self._analytics[stream.stream_id]
        if analytics:
            with self._times.measure("analytics"):
                for analytic in analytics:
                    result = analytic.update(result)
        return result

    def _end_streams(self, stream_ids: Iterable[str]) -> None:
        """What analytics still have to say of streams that are over goes to their sinks."""
        for stream_id in stream_ids:
            stream, analytics = self._analytics.pop(stream_id)
            finishing = [each for each in analytics if isinstance(each, Concluding)]
            end = StreamEnd(stream, tuple(note for each in finishing for note in each.finish()))
            for outlet in self._outlets:
                if outlet.serves(stream_id):
                    outlet.put_end(end)

    def _close_finished_outlets(self) -> None:
        """A stream that has ended lets its own sinks finish before the other streams do."""
        emitted = {stream_id for stream_id, feed in self._feeds.items() if feed.is_emitted}
        if not emitted:
            return
        self._end_streams(self._analytics.keys() & emitted)
        for outlet in self._outlets:
            if outlet.stream_ids is not None and outlet.stream_ids <= emitted:
                outlet.close()


@dataclass(frozen=True, slots=True, eq=False)
class _Batch:
    """Frames the stage is working on."""

    frames: Sequence[Frame]
    ticket: object
    submitted_ns: int
    queued_ns: int  # when `submit` was through with it
