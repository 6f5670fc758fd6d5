"""`python -m benchmarks.runtimes`: the same network by every runtime on the CPU, frames to boxes.

Decoded frames go through the whole detector with as many in flight as it likes: pictures are made,
the network runs, boxes are found. Variants take turns, so that what else the machine does falls on
all of them; the processor time of a frame is what a busy machine disturbs least.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction

from rich.console import Console
from rich.table import Table

from benchmarks import record
from detector.config import DetectorConfig, Precision, Runtime
from detector.contract import Detector
from detector.errors import DetectorError
from detector.table import build_detector
from detector.weights import UNTRAINED
from streamer.frame import Frame
from streamer.sources.synthetic import SyntheticConfig, SyntheticSource

NETWORKS = ("starter@320", "fchardnet70@320", "hardnet85@320")
WAYS: Sequence[tuple[Runtime, Precision]] = (
    ("torch", "fp32"),
    ("torch", "bf16"),
    ("onnx", "fp32"),
    ("openvino", "fp32"),
    ("openvino", "bf16"),
)
COMPILED: tuple[Runtime, Precision] = ("compile", "fp32")
TURN_S = 1.0  # of one variant, about


@dataclass(frozen=True, slots=True)
class Variant:
    """A network, and what runs it."""

    network: str
    size: str
    runtime: Runtime
    precision: Precision

    @property
    def way(self) -> str:
        """Runtime and precision, in words."""
        return f"{self.runtime} {self.precision}"


@dataclass(slots=True)
class Samples:
    """What was measured of a variant.

    Attributes:
        start_s: until the first boxes, with the preparing where it was needed.
        wall_ms: a frame, one sample a turn.
        cpu_ms: of all threads of this process, likewise.
        parts_ms: the means of the detector's own parts over all turns.
    """

    start_s: float = 0.0
    wall_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    parts_ms: dict[str, float] = field(default_factory=dict)

    @property
    def summary(self) -> dict[str, object]:
        """For a result."""
        return {
            "wall_ms_median": statistics.median(self.wall_ms),
            "wall_ms_best": min(self.wall_ms),
            "cpu_ms_median": statistics.median(self.cpu_ms),
            "cpu_ms_best": min(self.cpu_ms),
            "start_s": self.start_s,
            "parts_ms": self.parts_ms,
            "turns": len(self.wall_ms),
        }


def measure(variants: Sequence[Variant], *, rounds: int) -> dict[Variant, Samples]:
    """Each variant in turn, `rounds` times; those whose runtime is absent are left out."""
    frames = pool()
    found: dict[Variant, Samples] = {}
    with ExitStack() as stack:
        detectors: dict[Variant, Detector] = {}
        for variant in variants:
            started_s = time.perf_counter()
            try:
                detectors[variant] = stack.enter_context(build(variant))
            except DetectorError as error:
                print(f"{variant.network} {variant.way}: {error}", file=sys.stderr)
                continue
            through(detectors[variant], frames[:1])
            found[variant] = Samples(start_s=time.perf_counter() - started_s)
        for _ in range(rounds):
            for variant, detector in detectors.items():
                _take_turn(detector, frames, found[variant])
        for variant, detector in detectors.items():
            times = detector.times.snapshot()
            found[variant].parts_ms = {part: each.mean_ms for part, each in times.items()}
    return found


def _take_turn(detector: Detector, frames: Sequence[Frame], samples: Samples) -> None:
    guess_ms = samples.wall_ms[-1] if samples.wall_ms else TURN_S * 1e3 / 8
    count = max(4, min(64, round(TURN_S * 1e3 / guess_ms)))
    turn = [frames[index % len(frames)] for index in range(count)]
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    through(detector, turn)
    samples.wall_ms.append((time.perf_counter() - wall_s) / count * 1e3)
    samples.cpu_ms.append((time.process_time() - cpu_s) / count * 1e3)


def through(detector: Detector, frames: Sequence[Frame]) -> None:
    """One frame a batch, as many in flight as it likes."""
    in_flight: deque[object] = deque()
    for frame in frames:
        if len(in_flight) == detector.depth:
            detector.collect(in_flight.popleft())
        in_flight.append(detector.submit([frame]))
    while in_flight:
        detector.collect(in_flight.popleft())


def build(variant: Variant) -> Detector:
    """Not yet entered.

    Raises:
        DetectorError: its runtime is absent.
    """
    config = DetectorConfig(
        name=variant.network,
        weights=weights_of(variant.network),
        imgsz=variant.size,
        device="cpu",
        runtime=variant.runtime,
        precision=variant.precision,
    )
    return build_detector(config)


def weights_of(network: str) -> str:
    """Those that came with the program; random ones where none did: they are as fast."""
    return "starter_coco" if network == "starter" else UNTRAINED


def pool() -> list[Frame]:
    """Twelve of a street of 1280x720; who measures with the same ones measures the same."""
    config = SyntheticConfig(width=1280, height=720, rate=Fraction(25), frames=12)
    with SyntheticSource(config) as source:
        frames = list(source)
    for frame in frames:
        frame.bgr()
    return frames


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and save; returns the exit code."""
    options = _parse(arguments)
    console = Console()
    head = record.print_head()
    results: dict[str, object] = {"machine": head, "load_before": os.getloadavg()[0]}
    ways = [*WAYS, COMPILED] if options.compile else list(WAYS)
    for text in options.network or NETWORKS:
        network, _, size = text.partition("@")
        variants = [Variant(network, size or "320", *way) for way in ways]
        found = measure(variants, rounds=1 if options.quick else options.rounds)
        console.print(_table(text, found))
        results[text] = {variant.way: samples.summary for variant, samples in found.items()}
    results["load_after"] = os.getloadavg()[0]
    record.save(options, results)
    return 0


def _table(title: str, found: Mapping[Variant, Samples]) -> Table:
    """Ratios first: the first variant's time over each one's, turn against turn, and of the CPU."""
    table = Table(title=f"{title}, frames to boxes on the CPU, ms a frame")
    for heading in ("runtime", "speed", "of CPU", "wall", "best", "CPU", "network", "start s"):
        table.add_column(heading, justify="left" if heading == "runtime" else "right")
    first = next(iter(found.values()), Samples())
    for variant, samples in found.items():
        turns = zip(first.wall_ms, samples.wall_ms, strict=True)
        speed = statistics.median(base / own for base, own in turns)
        cheapness = statistics.median(first.cpu_ms) / statistics.median(samples.cpu_ms)
        row = [
            statistics.median(samples.wall_ms),
            min(samples.wall_ms),
            statistics.median(samples.cpu_ms),
            samples.parts_ms["network"],
            samples.start_s,
        ]
        table.add_row(
            variant.way, f"{speed:.2f}", f"{cheapness:.2f}", *(f"{value:.1f}" for value in row)
        )
    return table


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = record.parser_of(
        "benchmarks.runtimes",
        "Compare the runtimes on the CPU, from decoded frames to boxes.",
    )
    parser.add_argument(
        "--network",
        action="append",
        metavar="NAME@SIZE",
        help=f"repeatable (default: {', '.join(NETWORKS)})",
    )
    parser.add_argument(
        "--rounds", type=int, metavar="N", default=9, help="turns of each variant (default: 9)"
    )
    parser.add_argument(
        "--compile", action="store_true", help="torch.compile, too, which takes minutes"
    )
    parser.add_argument("--quick", action="store_true", help="one turn each")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
