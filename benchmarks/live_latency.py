"""`python -m benchmarks.live_latency`: how old is a camera's picture when its result is there?

Cameras write the machine's monotonic clock into their pictures; a detector that takes a set time,
as a device would, reads it. Cameras, network, decoder, pipeline: all are the real ones.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks import barcode, record
from benchmarks.fake_device import FakeDevice, Service
from streamer.contract import HoldsNothing
from streamer.frame import Frame
from streamer.outlet import Outlet
from streamer.pipeline import Pipeline
from streamer.result import Result
from streamer.snapshot import RunSnapshot
from streamer.sources.inlets import open_inlets

SYSTEM_PYTHON = "/usr/bin/python3"  # has GStreamer's bindings
ROOT = Path(__file__).resolve().parents[1]
WARM_UP_S = 2.0  # connections settle, allocators fill


@dataclass(frozen=True, slots=True)
class Case:
    """One run.

    Attributes:
        name: of the case.
        cameras: how many, at 25 Hz each.
        detector_ms: that a batch takes.
        max_batch: frames a batch takes at most.
    """

    name: str
    cameras: int
    detector_ms: float
    max_batch: int


@dataclass(frozen=True, slots=True)
class Aim:
    """What a measure should reach.

    Attributes:
        case: name of the case.
        measure: name of a field of Measured.
        bound: itself still good.
        is_most: good is at or under the bound, else at or above.
    """

    case: str
    measure: str
    bound: float
    is_most: bool

    def is_met(self, value: float) -> bool:
        """The value is good."""
        return value <= self.bound if self.is_most else value >= self.bound


CASES = (
    Case("detector 20 ms", cameras=1, detector_ms=20, max_batch=1),
    Case("detector 80 ms", cameras=1, detector_ms=80, max_batch=1),
    Case("eight cameras", cameras=8, detector_ms=80, max_batch=8),
)
AIMS = (
    Aim("detector 20 ms", "result_p95_ms", 90, is_most=True),
    Aim("detector 80 ms", "result_p95_ms", 200, is_most=True),
    Aim("eight cameras", "results_hz", 98, is_most=False),
    Aim("eight cameras", "result_p95_ms", 210, is_most=True),
    Aim("eight cameras", "fairness", 0.97, is_most=False),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run gave.

    Attributes:
        captured_p50_ms: from the picture's making to its frame: coding, transport, decoding.
        captured_p95_ms: likewise.
        result_p50_ms: from the picture's making to its result at a sink.
        result_p95_ms: likewise.
        results_hz: results a second, all streams.
        fairness: results of the worst served stream / of the best served.
        batch_mean: frames a batch.
        unreadable: pictures whose code was damaged.
        load: processes that wanted to run, averaged over the minute that ends with the run.
    """

    captured_p50_ms: float
    captured_p95_ms: float
    result_p50_ms: float
    result_p95_ms: float
    results_hz: float
    fairness: float
    batch_mean: float
    unreadable: int
    load: float


class CodeReader(HoldsNothing):
    """Finds when each picture was made, on a device that takes a set time for a batch.

    The reading is part of the time. One batch at a time is worked on; a second may wait.

    Args:
        device: a fake one.
    """

    def __init__(self, device: FakeDevice) -> None:
        self.times = device.times
        self.max_batch = device.max_batch
        self.depth = device.depth
        self._device = device

    def submit(self, frames: Sequence[Frame]) -> object:
        """Begin as soon as the batch before is done."""
        return self._device.submit(frames), [barcode.read(frame.bgr()) for frame in frames]

    def collect(self, ticket: object) -> Sequence[int | None]:
        """When each picture was made, ns, or None where its code cannot be read."""
        assert isinstance(ticket, tuple)
        batch, moments = ticket
        self._device.collect(batch)
        return list(moments)


class AgeSink(HoldsNothing):
    """Notes each result and how old its picture was, captured and done."""

    name = "ages"

    def __init__(self) -> None:
        self.rows: list[tuple[str, int, int, int]] = []  # stream, made, captured, done; ns
        self.unreadable = 0

    def write(self, result: Result[int | None]) -> None:
        """Note one."""
        now_ns = time.monotonic_ns()
        if result.detections is None:
            self.unreadable += 1
            return
        frame = result.frame
        self.rows.append((frame.stream_id, result.detections, frame.captured_ns, now_ns))


@contextmanager
def cameras(count: int) -> Iterator[list[str]]:
    """Addresses of cameras that run within the block.

    Raises:
        RuntimeError: they cannot be started.
    """
    command = [SYSTEM_PYTHON, "-m", "benchmarks.latency_camera", "--cameras", str(count)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            if not port:
                raise RuntimeError(
                    "the cameras did not start: expected Debian's gir1.2-gst-rtsp-server-1.0, "
                    "python3-gi and gstreamer1.0-plugins-{base,good,ugly}; install them"
                )
            yield [f"rtsp://127.0.0.1:{port}/cam{number}" for number in range(count)]
        finally:
            process.kill()


def measure(case: Case, *, seconds: float) -> Measured:
    """Run one case for so long, from when every camera had given results for a while."""
    device = FakeDevice(Service(case.detector_ms), max_batch=case.max_batch)
    sink = AgeSink()
    with cameras(case.cameras) as addresses:
        pipeline: Pipeline[int | None] = Pipeline(
            open_inlets(addresses), CodeReader(device), [Outlet(sink)], is_fresh=True
        )
        begun_ns = 0

        def tick(snapshot: RunSnapshot) -> None:
            nonlocal begun_ns
            now_ns = time.monotonic_ns()
            if not begun_ns and all(stream.frames_done for stream in snapshot.streams):
                begun_ns = now_ns + int(WARM_UP_S * 1e9)
            if begun_ns and now_ns > begun_ns + seconds * 1e9:
                pipeline.stop()

        pipeline.run(tick)
    return _summed_up(sink, device, begun_ns, seconds)


def _summed_up(sink: AgeSink, device: FakeDevice, begun_ns: int, seconds: float) -> Measured:
    ends_ns = begun_ns + seconds * 1e9
    rows = [row for row in sink.rows if begun_ns <= row[3] < ends_ns]
    streams = {row[0] for row in sink.rows}
    counts = [sum(row[0] == stream for row in rows) for stream in streams]
    captured_ms = np.array([captured - made for _, made, captured, _ in rows]) / 1e6
    result_ms = np.array([done - made for _, made, _, done in rows]) / 1e6
    return Measured(
        captured_p50_ms=float(np.percentile(captured_ms, 50)),
        captured_p95_ms=float(np.percentile(captured_ms, 95)),
        result_p50_ms=float(np.percentile(result_ms, 50)),
        result_p95_ms=float(np.percentile(result_ms, 95)),
        results_hz=len(rows) / seconds,
        fairness=min(counts) / max(counts),
        batch_mean=float(np.mean([span.pictures for span in device.spans])),
        unreadable=sink.unreadable,
        load=os.getloadavg()[0],
    )


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; gives back 0 whether or not the aims are met."""
    parser = record.parser_of(
        "benchmarks.live_latency",
        "Measure how old the picture of a live RTSP camera is when its result is there.",
    )
    parser.add_argument(
        "--seconds", type=float, metavar="S", default=20, help="of each case (default: 20)"
    )
    options = parser.parse_args(arguments)
    head = record.print_head()
    results: dict[str, object] = {"machine": head, "seconds": options.seconds}
    for case in CASES:
        measured = asdict(measure(case, seconds=options.seconds))
        results[case.name] = measured
        print(f"\n{case.name} (load {measured['load']:.1f})")
        for name, value in measured.items():
            print(f"  {name:<16} {value:8.2f}{_verdict(case, name, value)}")
    record.save(options, results)
    return 0


def _verdict(case: Case, name: str, value: float) -> str:
    aim = next((aim for aim in AIMS if (aim.case, aim.measure) == (case.name, name)), None)
    if aim is None:
        return ""
    sign = "<=" if aim.is_most else ">="
    return f"  aim {sign} {aim.bound:g}: {'ok' if aim.is_met(value) else 'short'}"


if __name__ == "__main__":
    sys.exit(main())
