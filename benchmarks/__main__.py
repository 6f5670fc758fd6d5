"""`python -m benchmarks`: one run, one table, ratios first; JSON beside it."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch
from rich.console import Console

from benchmarks import (
    best_of_kind,
    encoding,
    file_to_file,
    gpu_rows,
    live_load,
    record,
    scheduler,
    spine,
    stages,
    timers,
)
from benchmarks.fake_device import FakeDevice, Service
from benchmarks.file_to_file import Rates
from benchmarks.live_load import full_hd_pictures, held_row, streams_held
from benchmarks.rows import Row, table_of
from detector.config import DetectorConfig
from detector.contract import Detector
from detector.none import NoneDetector
from detector.parallelism import Parallelism
from detector.recipe import RECIPES
from detector.table import build_detector
from detector.yolox import YoloxDetector
from sinks.file import FileSink
from sinks.mp4 import FileConfig
from streamer.contract import Stage
from streamer.outlet import Outlet
from streamer.pipeline import Pipeline
from streamer.sources.synthetic import SyntheticConfig, SyntheticSource

DEFAULT_DETECTOR = "starter"  # its weights come with the program
MOST_STREAMS = 128
_WAYS = tuple(way for way in best_of_kind.WAYS if way[0] != "compile")  # which takes minutes
_QUICK_WAYS = (best_of_kind.WAYS[0], *best_of_kind.WAYS[-2:])
_FAKE_GPU = Service(0.9, 0.5, host_ms=0.5)  # what is hoped for of a large one: 1800 a second
_FAKE_GPU_BATCH = 16


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and save; returns the exit code."""
    with scheduler.turns_of(scheduler.SHORT_TURN_S):  # as run.py has them
        return _measure(_parse(arguments))


def _measure(options: argparse.Namespace) -> int:
    console = Console(width=None if sys.stdout.isatty() else 160)
    start_s = time.monotonic()
    head = record.print_head()
    if options.max_streams:
        return _max_streams(options, console)
    late = timers.measure(rounds=50 if options.quick else 200)
    console.print(str(late), highlight=False)
    cost = spine.measure()
    console.print(
        f"the pipeline adds {cost['added_ms_per_frame']:.3f} ms a frame (budget "
        f"{cost['budget_ms']} ms); memory grew {cost['memory_growth_mib']:.1f} MiB over "
        f"{cost['frames']:.0f} frames",
        highlight=False,
    )
    rows = [] if options.files_only else list(_rows(options))
    name = f"{options.detector} {Path(options.weights or 'default').name}"
    with tempfile.TemporaryDirectory() as folder:
        clips = options.clip or [_own_clip(Path(folder) / "synthetic.mp4", options)]
        rates = {clip.name: _file_to_file(clip, options) for clip in clips}
    for clip, each in rates.items():
        rows += _file_rows(f"{clip}, {name}, CPU: pipeline / other ways", each)
    if not options.files_only:
        rows += gpu_rows.rows(_gpu_results(options))
    console.print(table_of(rows))
    console.print(f"after {time.monotonic() - start_s:.0f} s; {timers.load_in_words()}")
    results = {
        "machine": head,
        "timers": dataclasses.asdict(late),
        "spine": cost,
        "rows": [dataclasses.asdict(row) for row in rows],
        "file_to_file": {"detector": name, "clips": {clip: _row(r) for clip, r in rates.items()}},
    }
    record.save(options, results)
    return 0


def _rows(options: argparse.Namespace) -> Iterator[Row]:
    """All but recordings: the scheduler, the streams it holds, the encoder, stages, the network."""
    effort, seconds, rounds, ways = scheduler.Effort(), 2.0, 3, _WAYS
    if options.quick or torch.cuda.is_available():  # a GPU's own rows take the minutes there
        effort = scheduler.Effort(
            seconds=0.2, rounds=1, service_ms=(3.0, 12.0), streams=(1, 8), batches=(1, 8)
        )
        seconds, rounds, ways = 0.4, 1, _QUICK_WAYS
    yield from scheduler.pooled(effort)
    yield from scheduler.staged(effort)
    yield from live_load.rows(seconds=seconds, rounds=rounds)
    held = streams_held(_fake_gpu, budget_ms=options.budget_ms, seconds=seconds, limit=MOST_STREAMS)
    yield held_row(held, budget_ms=options.budget_ms, best_rate=_FAKE_GPU.rate(_FAKE_GPU_BATCH))
    yield from encoding.rows(seconds=seconds, rounds=rounds)
    yield from scheduler.ablations(effort)
    yield from stages.rows(seconds=seconds / 4, rounds=rounds)
    side = options.imgsz or _side_of(options.detector)
    if options.detector in RECIPES and side.isdecimal():
        outcome = best_of_kind.compare(
            *(options.detector, int(side), ways),
            rounds=2 * rounds,
            pictures=8,
            seconds=10 * seconds,
        )
        yield from outcome.rows


def _side_of(detector: str) -> str:
    return RECIPES[detector].imgsz if detector in RECIPES else ""


def _fake_gpu() -> FakeDevice:
    return FakeDevice(_FAKE_GPU, max_batch=_FAKE_GPU_BATCH, depth=scheduler.DEPTH)


def _gpu_results(options: argparse.Namespace) -> Path:
    """What is known of a GPU: measured now where there is one."""
    if torch.cuda.is_available():
        from benchmarks.gpu.__main__ import main as measure_gpu

        # The tests, cameras, training and the soak are for its own command, which may take longer.
        speed = ["--quick"] if options.quick else []
        plan = ["--plan", "detector", "--skip", "tests"]
        measure_gpu([str(options.folder), *plan, *speed])
    return Path(options.folder) / "gpu.json"


def _max_streams(options: argparse.Namespace, console: Console) -> int:
    """The cameras that a detector holds; the fake one unless another is named."""
    make: Callable[[], Stage[object]] = _fake_gpu
    pictures = None
    if options.detector != DEFAULT_DETECTOR or options.weights is not None:
        config = DetectorConfig(name=options.detector, weights=options.weights, imgsz=options.imgsz)
        make, pictures = partial(build_detector, config), full_hd_pictures()
    held = streams_held(
        make, budget_ms=options.budget_ms, seconds=3.0, limit=MOST_STREAMS, pictures=pictures
    )
    console.print(held_row(held, budget_ms=options.budget_ms).says, highlight=False)
    return 0


def _file_to_file(clip: Path, options: argparse.Namespace) -> Rates:
    config = DetectorConfig(
        name=options.detector, weights=options.weights, imgsz=options.imgsz, device="cpu"
    )
    rounds = 1 if options.quick else file_to_file.ROUNDS
    return file_to_file.measure(
        clip, lambda: build_detector(config), lambda: _in_turn(config), rounds=rounds
    )


def _in_turn(config: DetectorConfig) -> Detector:
    """The detector for a caller that waits: all cores on one picture, as onnxruntime's default."""
    if config.name != "yolox" or config.weights is None:
        return build_detector(config)
    everything = Parallelism(1, os.cpu_count() or 1, spin=True)
    return YoloxDetector.from_config(config, Path(config.weights), parallelism=everything)


def _row(rates: Rates) -> dict[str, float]:
    return {
        "share_of_detector_alone": rates.share,
        "share_of_detector_in_turn": rates.share_in_turn,
        "speed_up_over_one_thread": rates.speed_up,
        **dataclasses.asdict(rates),
    }


def _file_rows(part: str, rates: Rates) -> list[Row]:
    """A recording to an annotated recording, frames a second."""
    says = (
        f"pipeline {rates.pipeline:.0f}, detector alone {rates.detector_alone:.0f}, in turn "
        f"{rates.detector_in_turn:.0f}, one thread {rates.one_thread:.0f} fps"
    )
    return [
        Row(part, "detector alone, several frames in flight", rates.share, None, says),
        Row(part, "detector alone, called in turn", rates.share_in_turn, None, says),
        Row(part, "decode, detect, draw, encode in one thread", rates.speed_up, None, says),
    ]


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = record.parser_of(
        "benchmarks", "Measure everything in one run; ratios first.", save="bench"
    )
    parser.add_argument(
        "--clip",
        type=Path,
        metavar="FILE",
        action="append",
        help="a recording; repeatable (default: a synthetic one)",
    )
    parser.add_argument(
        "--detector",
        metavar="NAME",
        default=DEFAULT_DETECTOR,
        help="as for run.py (default: starter)",
    )
    parser.add_argument("--weights", metavar="W", help="as for run.py")
    parser.add_argument("--imgsz", metavar="SIZE", help="as for run.py")
    parser.add_argument("--quick", action="store_true", help="one short round, within a minute")
    parser.add_argument(
        "--files-only", action="store_true", help="only recordings to annotated recordings"
    )
    parser.add_argument(
        "--max-streams",
        action="store_true",
        help="only the largest number of 30 fps cameras that keep --budget-ms: on a fake device, "
        "or with the --detector that is named",
    )
    parser.add_argument(
        "--budget-ms",
        type=float,
        metavar="MS",
        default=100.0,
        help="p95 from capture to result (default: 100)",
    )
    return parser.parse_args(arguments)


def _own_clip(target: Path, options: argparse.Namespace) -> Path:
    """A street scene of 5 seconds, or 2, encoded by our own sink."""
    frames = 50 if options.quick else 125
    source = SyntheticSource(SyntheticConfig(width=768, height=432, frames=frames))
    sink = FileSink(target, (), FileConfig())
    Pipeline([source], NoneDetector(DetectorConfig()), [Outlet(sink)]).run()
    return target


if __name__ == "__main__":
    sys.exit(main())
