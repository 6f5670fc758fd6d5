"""`python -m benchmarks`: one run, one table, ratios first; JSON beside it."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import file_to_file, machine, spine
from benchmarks.file_to_file import Rates
from detector.config import DetectorConfig
from detector.contract import Detector
from detector.none import NoneDetector
from detector.parallelism import Parallelism
from detector.table import build_detector
from detector.yolox import YoloxDetector
from sinks.file import FileSink
from sinks.mp4 import FileConfig
from streamer.outlet import Outlet
from streamer.pipeline import Pipeline
from streamer.sources.synthetic import SyntheticConfig, SyntheticSource

RESULTS = Path(__file__).resolve().parent / "results"


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and save; returns the exit code."""
    options = _parse(arguments)
    console = Console()
    head = machine.describe()
    for key, value in head.items():
        console.print(f"{key}: {value}", highlight=False)
    cost = spine.measure()
    console.print(
        f"the pipeline adds {cost['added_ms_per_frame']:.3f} ms a frame (budget "
        f"{cost['budget_ms']} ms); memory grew {cost['memory_growth_mib']:.1f} MiB over "
        f"{cost['frames']:.0f} frames",
        highlight=False,
    )
    name = f"{options.detector} {Path(options.weights).name}"
    with tempfile.TemporaryDirectory() as folder:
        clips = options.clip or [_own_clip(Path(folder) / "synthetic.mp4")]
        rates = {clip.name: _file_to_file(clip, options) for clip in clips}
    console.print(_table(name, rates))
    results = {
        "machine": head,
        "spine": cost,
        "file_to_file": {"detector": name, "clips": {clip: _row(r) for clip, r in rates.items()}},
    }
    if options.save:
        RESULTS.mkdir(exist_ok=True)
        target = RESULTS / f"{options.save}.json"
        target.write_text(json.dumps(results, indent=2) + "\n")
        console.print(f"saved {target.name}")
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


def _table(detector: str, rates: Mapping[str, Rates]) -> Table:
    """Ratios first; the rates they come from behind them, frames a second."""
    table = Table(title=f"recording to annotated recording, {detector}, CPU")
    table.add_column("clip", max_width=24)
    for heading in ("of alone", "of in turn", "over 1 thread", "alone", "in turn", "1 thread"):
        table.add_column(heading, justify="right")
    table.add_column("pipeline", justify="right")
    for clip, each in rates.items():
        ratios = [f"{value:.2f}" for value in (each.share, each.share_in_turn, each.speed_up)]
        fps = [each.detector_alone, each.detector_in_turn, each.one_thread, each.pipeline]
        table.add_row(clip, *ratios, *(f"{value:.0f}" for value in fps))
    return table


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--clip", type=Path, action="append", help="a recording; default: a synthetic one"
    )
    parser.add_argument("--detector", default="hardnet85")
    parser.add_argument("--weights", default="untrained")
    parser.add_argument("--imgsz", default=None)
    parser.add_argument("--quick", action="store_true", help="one round instead of several")
    parser.add_argument("--save", metavar="NAME", help="write benchmarks/results/NAME.json")
    return parser.parse_args(arguments)


def _own_clip(target: Path) -> Path:
    """A street scene of 5 seconds, encoded by our own sink."""
    source = SyntheticSource(SyntheticConfig(width=768, height=432, frames=125))
    sink = FileSink(target, (), FileConfig())
    Pipeline([source], NoneDetector(DetectorConfig()), [Outlet(sink)]).run()
    return target


if __name__ == "__main__":
    sys.exit(main())
