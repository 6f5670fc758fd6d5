"""`python -m benchmarks`: one run, one table, ratios first; JSON beside it."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import file_to_file, machine, spine
from detector.config import DetectorConfig
from detector.none import NoneDetector
from detector.table import build_detector
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
    results: dict[str, object] = {"machine": head, "spine": spine.measure()}
    with tempfile.TemporaryDirectory() as folder:
        clip = options.clip or _own_clip(Path(folder) / "synthetic.mp4")
        config = DetectorConfig(
            name=options.detector, weights=options.weights, imgsz=options.imgsz, device="cpu"
        )
        rates = file_to_file.measure(
            clip, lambda: build_detector(config), rounds=1 if options.quick else file_to_file.ROUNDS
        )
    results["file_to_file"] = {
        "clip": clip.name,
        "detector": f"{options.detector} {Path(options.weights).name}",
        **dataclasses.asdict(rates),
        "share": rates.share,
        "speed_up": rates.speed_up,
    }
    _print(console, results)
    if options.save:
        RESULTS.mkdir(exist_ok=True)
        target = RESULTS / f"{options.save}.json"
        target.write_text(json.dumps(results, indent=2) + "\n")
        console.print(f"saved {target.name}")
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--clip", type=Path, help="a recording; default: a synthetic one")
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


def _print(console: Console, results: dict[str, object]) -> None:
    table = Table("what", "value", title="results")
    for section, values in results.items():
        if section == "machine" or not isinstance(values, dict):
            continue
        for key, value in values.items():
            shown = f"{value:.3f}" if isinstance(value, float) else str(value)
            table.add_row(f"{section}.{key}", shown)
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
