"""`python -m benchmarks.live_streams`: does a stream starve among many, does latency grow?

Cameras are drawn scenes played at their own pace; drawn ahead, so that drawing is not measured.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from benchmarks import machine, record
from benchmarks.fake_device import FakeDevice, Service
from detector.config import DetectorConfig
from detector.none import NoneDetector
from streamer.contract import HoldsNothing, Stage
from streamer.feed import Inlet
from streamer.outlet import Outlet
from streamer.pipeline import Pipeline
from streamer.result import Result
from streamer.snapshot import RunSnapshot
from streamer.sources.pace import Paced
from streamer.sources.synthetic import SyntheticConfig, SyntheticSource

CORES = 2
STREAMS = 32
STREAM_RATE = Fraction(10)
FAIRNESS_WANTED = 0.9
DETECTOR_MS = 80
CAMERA_RATE = Fraction(25)
ALLOWANCE = 1.5
WARM_UP_S = 5.0  # allocators and caches fill


@dataclass(frozen=True, slots=True)
class Fairness:
    """How evenly many streams are served.

    Attributes:
        streams: how many.
        wanted_hz: pictures a second each of them gives.
        seconds: measured, from when all had begun.
        lowest_hz: results a second of the worst served.
        highest_hz: of the best served.
        share: lowest / highest.
        latency_p95_ms: capture to done, all streams.
    """

    streams: int
    wanted_hz: float
    seconds: float
    lowest_hz: float
    highest_hz: float
    share: float
    latency_p95_ms: float

    @property
    def is_good(self) -> bool:
        """No stream starves."""
        return self.share > FAIRNESS_WANTED


@dataclass(frozen=True, slots=True)
class Growth:
    """What a detector slower than the camera does over time.

    Attributes:
        seconds: measured, after warming up.
        results_hz: results a second.
        latency_p95_ms: capture to done.
        first_third_p95_ms: of the first third of the time.
        last_third_p95_ms: of the last.
        bound_ms: (one detector time + one frame interval) x 1.5.
        memory_mib: held at the end.
        memory_slope_mib_per_min: fitted over one reading a second.
        dropped_share: of the camera's frames.
    """

    seconds: float
    results_hz: float
    latency_p95_ms: float
    first_third_p95_ms: float
    last_third_p95_ms: float
    bound_ms: float
    memory_mib: float
    memory_slope_mib_per_min: float
    dropped_share: float

    @property
    def is_good(self) -> bool:
        """Pictures stay young to the end."""
        return max(self.latency_p95_ms, self.last_third_p95_ms) < self.bound_ms


class ArrivalSink(HoldsNothing):
    """Notes when each result is done and how old its picture is by then."""

    name = "arrivals"

    def __init__(self) -> None:
        self.done_ns: dict[str, list[int]] = {}
        self.age_ns: dict[str, list[int]] = {}

    def write(self, result: Result[object]) -> None:
        """Note one."""
        now_ns = time.monotonic_ns()
        self.done_ns.setdefault(result.frame.stream_id, []).append(now_ns)
        self.age_ns.setdefault(result.frame.stream_id, []).append(now_ns - result.frame.captured_ns)


class Watch:
    """Ends a run a set time after every stream has begun, and reads the memory once a second."""

    def __init__(self, pipeline: Pipeline[object], sink: ArrivalSink, *, seconds: float) -> None:
        self._pipeline, self._sink, self._seconds = pipeline, sink, seconds
        self.begun_ns: int | None = None
        self.memory: list[tuple[float, float]] = []  # s since begun, MiB

    def tick(self, snapshot: RunSnapshot) -> None:
        """Called by the pipeline several times a second."""
        now_ns = time.monotonic_ns()
        if self.begun_ns is None:
            if len(self._sink.done_ns) == len(snapshot.streams):
                self.begun_ns = now_ns
            return
        elapsed_s = (now_ns - self.begun_ns) / 1e9
        if elapsed_s >= self._seconds:
            self._pipeline.stop()
        if elapsed_s >= len(self.memory):
            self.memory.append((elapsed_s, held_memory_mib()))


def held_memory_mib() -> float:
    """What this process holds now, MiB; where the system does not tell, the most it ever held."""
    status = Path("/proc/self/statm")
    if not status.exists():
        return machine.peak_memory_mib()
    return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def make_camera(stream_id: str, rate: Fraction) -> Inlet:
    """A live 640x360 stream without an end, of which the newest frame wins."""
    config = SyntheticConfig(rate=rate, frames=None, cache=2, objects=2)
    return Inlet.live(Paced(SyntheticSource(config, stream_id=stream_id)))


def run_for(
    cameras: Sequence[Inlet], stage: Stage[object], seconds: float
) -> tuple[ArrivalSink, Watch, RunSnapshot]:
    """Run cameras through a stage for so long."""
    sink = ArrivalSink()
    pipeline: Pipeline[object] = Pipeline(cameras, stage, [Outlet(sink)])
    watch = Watch(pipeline, sink, seconds=seconds)
    return sink, watch, pipeline.run(watch.tick)


def measure_fairness(*, seconds: float) -> Fairness:
    """Many streams through a detector that costs nothing."""
    cameras = [make_camera(f"camera-{number}", STREAM_RATE) for number in range(STREAMS)]
    sink, watch, _ = run_for(cameras, NoneDetector(DetectorConfig()), seconds)
    begun_ns = watch.begun_ns or 0
    end_ns = begun_ns + int(seconds * 1e9)
    counts = [sum(begun_ns <= at < end_ns for at in done) for done in sink.done_ns.values()]
    ages = np.concatenate([np.asarray(ages) for ages in sink.age_ns.values()])
    return Fairness(
        streams=STREAMS,
        wanted_hz=float(STREAM_RATE),
        seconds=seconds,
        lowest_hz=min(counts) / seconds,
        highest_hz=max(counts) / seconds,
        share=min(counts) / max(counts),
        latency_p95_ms=float(np.percentile(ages, 95)) / 1e6,
    )


def measure_growth(*, seconds: float) -> Growth:
    """One camera, and a detector that takes longer than a frame lasts."""
    cameras = [make_camera("camera", CAMERA_RATE)]
    slow = FakeDevice(Service(DETECTOR_MS), depth=1)
    sink, watch, snapshot = run_for(cameras, slow, WARM_UP_S + seconds)
    begun_ns = (watch.begun_ns or 0) + int(WARM_UP_S * 1e9)
    done_s = (np.asarray(sink.done_ns["camera"]) - begun_ns) / 1e9
    age_ms = np.asarray(sink.age_ns["camera"]) / 1e6

    def p95(start_s: float, end_s: float) -> float:
        return float(np.percentile(age_ms[(done_s >= start_s) & (done_s < end_s)], 95))

    memory = np.asarray([reading for reading in watch.memory if reading[0] >= WARM_UP_S])
    (stream,) = snapshot.streams
    return Growth(
        seconds=seconds,
        results_hz=float(np.count_nonzero((done_s >= 0) & (done_s < seconds)) / seconds),
        latency_p95_ms=p95(0, seconds),
        first_third_p95_ms=p95(0, seconds / 3),
        last_third_p95_ms=p95(seconds * 2 / 3, seconds),
        bound_ms=(DETECTOR_MS + 1e3 / float(CAMERA_RATE)) * ALLOWANCE,
        memory_mib=float(memory[-1, 1]),
        memory_slope_mib_per_min=float(np.polyfit(memory[:, 0], memory[:, 1], 1)[0] * 60),
        dropped_share=stream.dropped / stream.frames_in,
    )


MEASURES: dict[str, Callable[..., Fairness | Growth]] = {
    "fairness": measure_fairness,
    "growth": measure_growth,
}


def use_cores(count: int) -> int:
    """Keep this process to so many cores where the system can; returns how many it may use."""
    if not hasattr(os, "sched_setaffinity"):
        return os.cpu_count() or 1
    allowed = sorted(os.sched_getaffinity(0))[:count]
    os.sched_setaffinity(0, allowed)
    return len(allowed)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; gives back 1 if a bound is missed."""
    parser = record.parser_of(
        "benchmarks.live_streams",
        "Measure fairness among many streams, and whether latency or memory grow.",
    )
    parser.add_argument(
        "--seconds", type=float, metavar="S", default=30, help="of each run (default: 30)"
    )
    parser.add_argument("--only", choices=MEASURES, help="one of the two runs")
    options = parser.parse_args(arguments)
    head = record.print_head()
    head["cores used"] = str(use_cores(CORES))
    print(f"cores used: {head['cores used']}")
    results: dict[str, object] = {"machine": head}
    is_good = True
    for name in (options.only,) if options.only else MEASURES:
        measured = MEASURES[name](seconds=options.seconds)
        results[name] = asdict(measured)
        for key, number in asdict(measured).items():
            print(f"{name}.{key}: {number:.3f}")
        print(f"{name}: {'within' if measured.is_good else 'OUT OF'} bounds")
        is_good &= measured.is_good
    record.save(options, results)
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
