"""What the pipeline makes of a device with a set service time, beside what else could be done.

Variants take turns, so that what else the machine does falls on all of them; the ratio of each
round is kept, and the median said.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from statistics import median

from benchmarks import loops
from benchmarks.fake_device import FakeDevice, Service, Usage, said, usage_of
from benchmarks.meter import Metered
from benchmarks.pool import PoolSource
from benchmarks.rows import Row
from sinks.null import NullSink
from streamer.outlet import Outlet
from streamer.pipeline import Pipeline
from streamer.result import Result

AIM = 0.97  # of the slowest stage's rate
DEPTH = 3  # as the CUDA executor's
DECODE_MS = 7.4  # decoding and preparing 1080p on one core, as measured for the first design
SINK_MS = 5.0  # drawing and encoding a smaller picture
SHORT_TURN_S = 2e-4  # of a thread that others wait for, as run.py has it
PYTHON_TURN_S = 5e-3  # Python's own
LAUNCHES = 318  # operations of HarDNet-85, where no graph was recorded
_SAMPLES = 40  # frames over which a stage alone is timed


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure.

    Attributes:
        seconds: of each run.
        rounds: of which the median is taken.
        service_ms: of a full batch.
        streams: that give frames.
        batches: frames at most.
    """

    seconds: float = 0.8
    rounds: int = 3
    service_ms: tuple[float, ...] = (3.0, 6.0, 12.0)
    streams: tuple[int, ...] = (1, 4, 8)
    batches: tuple[int, ...] = (1, 4, 8)


class SleepSink(NullSink):
    """Takes a set time for each result, as an encoder would that has cores of its own."""

    name = "sleep"

    def __init__(self, milliseconds: float) -> None:
        self._seconds = milliseconds / 1e3

    def write(self, result: Result[object]) -> None:  # noqa: ARG002 - the time is all
        """Sleep."""
        time.sleep(self._seconds)


def pooled(effort: Effort) -> list[Row]:
    """Pipeline / detector alone, from frames that are ready."""
    rows = []
    for full_ms in effort.service_ms:
        for batch in effort.batches:
            service = Service.of_full_batch(full_ms, batch)
            pictures = max(10, round(effort.seconds / full_ms * 1e3)) * batch
            rounds = [
                _round(service, batch, effort.streams, pictures) for _ in range(effort.rounds)
            ]
            for streams in effort.streams:
                piped = [usages[streams] for _, usages in rounds]
                ratios = [usages[streams].rate / rate for rate, usages in rounds]
                name = f"{full_ms:g} ms, batch {batch}, {streams} stream{'s' * (streams > 1)}"
                rows.append(
                    Row.of("pipeline / detector alone, pooled", name, ratios, said(piped), AIM)
                )
    return rows


def _round(
    service: Service, batch: int, streams: Sequence[int], pictures: int
) -> tuple[float, dict[int, Usage]]:
    """Pictures a second alone, and what the pipeline made of each number of streams."""
    device = FakeDevice(service, max_batch=batch, depth=DEPTH)
    loops.alone(device, pictures)
    piped = {count: run_pooled(service, batch, count, pictures) for count in streams}
    return usage_of(device.spans).rate, piped


def run_pooled(
    service: Service, batch: int, streams: int, pictures: int, *, depth: int = DEPTH
) -> Usage:
    """So many pictures of so many streams through the pipeline."""
    device = FakeDevice(service, max_batch=batch, depth=depth)
    sources = [PoolSource(f"pool-{k}", count=pictures // streams) for k in range(streams)]
    Pipeline(sources, device, [Outlet(NullSink())]).run()
    return usage_of(device.spans)


def staged(effort: Effort) -> list[Row]:
    """Decoder, device and sink each with its time: against the slowest, and against two loops."""
    rows = []
    streams = 2
    for full_ms in effort.service_ms:
        service = Service(full_ms)
        slowest, naive, newest, piped = [], [], [], []
        for _ in range(effort.rounds):
            alone_ms = {"decode": _decode_ms() / streams, "device": full_ms, "sink": _sink_ms()}
            rate = _piped(service, streams, effort.seconds)
            piped.append(rate)
            slowest.append(rate * max(alone_ms.values()) / 1e3)
            naive.append(rate / _serial(service, streams, effort.seconds))
            newest.append(rate / _latest(service, streams, effort.seconds))
        parts = (
            f"2 streams, decode {DECODE_MS:g}, device {full_ms:g}, sink {SINK_MS:g} ms a frame: "
            f"{median(piped):.0f} results/s"
        )
        name = f"device {full_ms:g} ms"
        rows.append(Row.of("slowest stage / pipeline", name, slowest, parts, AIM))
        rows.append(Row.of("pipeline / one-thread loop", name, naive, parts))
        rows.append(Row.of("pipeline / newest frame a thread, waiting", name, newest, parts))
    return sorted(rows, key=lambda row: row.part, reverse=True)


def _decode_ms() -> float:
    start_s = time.perf_counter()
    for _ in PoolSource("alone", count=_SAMPLES, decode_ms=DECODE_MS):
        pass
    return (time.perf_counter() - start_s) / _SAMPLES * 1e3


def _sink_ms() -> float:
    start_s = time.perf_counter()
    for _ in range(_SAMPLES):
        time.sleep(SINK_MS / 1e3)
    return (time.perf_counter() - start_s) / _SAMPLES * 1e3


def _sources(streams: int, count: int | None) -> list[PoolSource]:
    return [PoolSource(f"pool-{k}", count=count, decode_ms=DECODE_MS) for k in range(streams)]


def _piped(service: Service, streams: int, seconds: float) -> float:
    sink = Metered(SleepSink(SINK_MS))
    each = max(20, round(seconds * 1e3 / max(DECODE_MS, service.time_ms(1) * streams)))
    device = FakeDevice(service, depth=DEPTH)
    Pipeline(_sources(streams, each), device, [Outlet(sink)]).run()
    return sink.rate()


def _serial(service: Service, streams: int, seconds: float) -> float:
    device = FakeDevice(service)
    frames = max(20, round(seconds * 1e3 / (DECODE_MS + service.time_ms(1) + SINK_MS)))
    loops.serial(_sources(streams, frames), device, sink_ms=SINK_MS, frames=frames)
    return usage_of(device.spans).rate


def _latest(service: Service, streams: int, seconds: float) -> float:
    device = FakeDevice(service)
    loops.latest_of_each(_sources(streams, None), device, sink_ms=SINK_MS, seconds=seconds)
    return usage_of(device.spans).rate


def ablations(effort: Effort) -> list[Row]:
    """What is lost without one of the means, of 8 streams in batches of 8, handed over in 2 ms."""
    full_ms, batch, streams = 6.0, 8, 8
    service = replace(Service.of_full_batch(full_ms, batch), host_ms=2.0)
    pictures = max(20, round(effort.seconds / full_ms * 1e3)) * batch

    def run(streams: int = streams, batch: int = batch, depth: int = DEPTH) -> Usage:
        own = replace(service, host_ms=service.host_ms * batch / 8)
        return run_pooled(own, batch, streams, pictures * batch // 8, depth=depth)

    def without_graph(batches: int) -> Usage:
        return run_pooled(replace(service, launches=LAUNCHES), batch, streams, batches * batch)

    def beside_a_busy_thread(does: Callable[[], Usage], turn_s: float = SHORT_TURN_S) -> Usage:
        with _busy_thread(), turns_of(turn_s):
            return does()

    few = 6  # batches: each takes as long as hundreds of turns
    variants: Mapping[str, Callable[[], Usage]] = {
        "one stream": lambda: run(streams=1),
        "one picture a batch": lambda: run(batch=1),
        "one batch in flight": lambda: run(depth=1),
        f"no graph, {LAUNCHES} calls a batch": lambda: without_graph(pictures // batch),
        "beside a busy Python thread": lambda: beside_a_busy_thread(run),
        "beside it, with Python's own turns of 5 ms": lambda: beside_a_busy_thread(
            run, PYTHON_TURN_S
        ),
        "beside it, no graph": lambda: beside_a_busy_thread(lambda: without_graph(few)),
    }
    ratios: dict[str, list[float]] = {name: [] for name in variants}
    usages: dict[str, list[Usage]] = {name: [] for name in variants}
    for _ in range(effort.rounds):
        whole = run()
        for name, variant in variants.items():
            usage = variant()
            usages[name].append(usage)
            ratios[name].append(usage.rate / whole.rate)
    part = f"ablations, {full_ms:g} ms, batch {batch}, {streams} streams"
    return [Row.of(part, name, ratios[name], said(usages[name])) for name in variants]


@contextmanager
def _busy_thread() -> Iterator[None]:
    """One that computes in Python all the time."""
    stopping = threading.Event()

    def count() -> None:
        number = 0
        while not stopping.is_set():
            number += 1

    thread = threading.Thread(target=count, name="busy")
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


@contextmanager
def turns_of(seconds: float) -> Iterator[None]:
    """How long a thread may hold the interpreter's lock while others wait for it."""
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(seconds)
    try:
        yield
    finally:
        sys.setswitchinterval(before_s)
