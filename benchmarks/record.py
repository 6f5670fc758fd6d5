"""The record of a measurement: machine and versions at its head, as JSON where one asks for it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

from benchmarks import machine

RESULTS = Path(__file__).resolve().parent / "results"


def parser_of(module: str, description: str, *, save: str | None = None) -> argparse.ArgumentParser:
    """The command line of a benchmark, with `--save` and `--folder`.

    Args:
        module: such as `benchmarks.tracking`.
        description: what it measures.
        save: the name where none is given; None to write nothing.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    default = "not written" if save is None else save
    parser.add_argument(
        "--save", metavar="NAME", default=save, help=f"write NAME.json (default: {default})"
    )
    parser.add_argument(
        "--folder",
        type=Path,
        metavar="DIR",
        default=RESULTS,
        help="where --save writes (default: benchmarks/results)",
    )
    return parser


def print_head() -> dict[str, str]:
    """Print what machine and which versions the figures belong to; gives them back."""
    head = machine.describe()
    for key, value in head.items():
        print(f"{key}: {value}")
    return head


def save(options: argparse.Namespace, results: Mapping[str, object]) -> None:
    """Write the file if `--save` asks for it, and say so."""
    if options.save is None:
        return
    options.folder.mkdir(parents=True, exist_ok=True)
    target = options.folder / f"{options.save}.json"
    target.write_text(json.dumps(results, indent=2) + "\n")
    print(f"saved {target.name}")
