"""Pictures a second that one core decodes and augments, beside the published steps done plainly.

`python -m benchmarks.augmentation --data labels.json --images FOLDER` prints it. Both sides read
the same JPEG files and use the same chances; all rounds alternate, so that what disturbs the
machine disturbs both. Rates are pictures a second of processor time.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from rich.console import Console
from rich.table import Table

from benchmarks import record
from train.augment.chain import Augment
from train.augment.colour import CONTRAST, SATURATION, ColourDraw
from train.augment.config import AugmentConfig, ColourConfig, MosaicConfig, PlacementConfig
from train.augment.published import draw_warp
from train.data.config import DataConfig
from train.data.folder import FolderSamples
from train.data.mask import expand
from train.data.table import open_folder
from train.errors import TrainError
from train.sample import Sample

MEAN = np.array([0.40789654, 0.44719302, 0.47026115], np.float32)  # published, blue first
STD = np.array([0.28863828, 0.27408164, 0.27809835], np.float32)

Step = Callable[[int], object]  # augments the picture of that index


def measure(
    samples: FolderSamples, *, width: int, height: int, pictures: int, rounds: int
) -> Mapping[str, float]:
    """Pictures a second of processor time of each way, medians over the rounds, on one core.

    Args:
        samples: read from a disk that the machine has in memory after the first round.
        width: of the network's input, px.
        height: likewise.
        pictures: a round.
        rounds: of each way, after one that is not counted.
    """
    ways: Mapping[str, Step] = {
        "published steps, plainly": lambda index: plain(samples, index, (width, height)),
        "ours": _ours(samples, AugmentConfig(), width, height),
        "ours, small decoding": _ours(samples, AugmentConfig(is_exact=False), width, height),
        "ours, every one a mosaic": _ours(
            samples, AugmentConfig(mosaic=MosaicConfig(probability=1)), width, height
        ),
    }
    threads = cv2.getNumThreads()
    cv2.setNumThreads(0)
    try:
        rates: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(rounds + 1):
            for name, step in ways.items():
                rate = _rate(step, pictures, len(samples))
                if number:
                    rates[name].append(rate)
    finally:
        cv2.setNumThreads(threads)
    return {name: statistics.median(of_it) for name, of_it in rates.items()}


def plain(samples: FolderSamples, index: int, size: tuple[int, int]) -> NDArray[np.float32]:
    """The published steps as one would write them down: the normalised input (3, H, W) float32.

    Whole masks for every object, colours one after the other in float32; what it finds out about
    the boxes is thrown away.
    """
    rng = np.random.default_rng([0, index])
    sample = samples.read(index)
    warp = draw_warp(rng, PlacementConfig(), (sample.width, sample.height), size)
    image = warp.pixels(sample.picture).astype(np.float32) / 255
    draw = ColourDraw.draw(rng, ColourConfig())
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    mean = grey.mean()
    for which, factor in zip(draw.order, draw.factor, strict=True):
        image *= np.float32(factor)
        rest = np.float32(1 - factor)
        if which == CONTRAST:
            image += mean * rest
        if which == SATURATION:
            image += (grey * rest)[:, :, None]
    image += draw.matrix(0.0)[:, 3].astype(np.float32)  # the lighting: nothing else is left
    for outlines in sample.polygons:
        if outlines:
            _edges(sample, [outline.reshape(-1).tolist() for outline in outlines], warp.matrix)
    return np.ascontiguousarray(((image - MEAN) / STD).transpose(2, 0, 1))


def _edges(
    sample: Sample, outlines: list[list[float]], matrix: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Where the rows of an object's mask begin and end, in the input."""
    runs = coco_mask.frPyObjects(outlines, sample.height, sample.width)
    mask = expand(coco_mask.merge(runs))
    framed = np.concatenate([[0], np.pad(mask, ((0, 0), (0, 1))).reshape(-1), [0]])
    ends = np.flatnonzero(framed[1:] != framed[:-1])
    points = np.stack([ends % (sample.width + 1), ends // (sample.width + 1), np.ones_like(ends)])
    moved: NDArray[np.float64] = matrix @ points
    return moved


def _ours(samples: FolderSamples, config: AugmentConfig, width: int, height: int) -> Step:
    augment = Augment(config, width=width, height=height)
    return lambda index: augment(index, samples, np.random.default_rng([0, index]))


def _rate(step: Step, pictures: int, count: int) -> float:
    before_ns = time.process_time_ns()  # a core's own time: others use the machine, too
    for index in range(pictures):
        step(index % count)
    return pictures * 1e9 / (time.process_time_ns() - before_ns)


def table(rates: Mapping[str, float]) -> Table:
    """Ratios to the first way, and the rates they come from."""
    first = next(iter(rates.values()))
    shown = Table(title="decoding and augmentation, one core")
    shown.add_column("way")
    shown.add_column("times the first", justify="right")
    shown.add_column("pictures/s", justify="right")
    for name, rate in rates.items():
        shown.add_row(name, f"{rate / first:.2f}", f"{rate:.0f}")
    return shown


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and save; returns the exit code."""
    parser = record.parser_of(
        "benchmarks.augmentation",
        "Measure how many pictures one core decodes and augments per second.",
    )
    parser.add_argument("--data", type=Path, metavar="FILE", required=True, help="COCO JSON file")
    parser.add_argument(
        "--images", type=Path, metavar="DIR", required=True, help="folder of its pictures"
    )
    parser.add_argument(
        "--imgsz", type=int, metavar="N", default=512, help="side of the input (default: 512)"
    )
    parser.add_argument(
        "--pictures", type=int, metavar="N", default=200, help="pictures a round (default: 200)"
    )
    parser.add_argument("--rounds", type=int, metavar="N", default=5, help="rounds (default: 5)")
    options = parser.parse_args(arguments)
    console = Console()
    try:
        samples, _ = open_folder(DataConfig("coco", options.data, options.images, broken="skip"))
        rates = measure(
            samples,
            width=options.imgsz,
            height=options.imgsz,
            pictures=options.pictures,
            rounds=options.rounds,
        )
    except TrainError as error:
        console.print(f"error: {error}", markup=False, highlight=False)
        return 1
    head = record.print_head()
    console.print(table(rates))
    results = {
        "machine": head,
        "imgsz": options.imgsz,
        "pictures": len(samples),
        "pictures_per_second": rates,
    }
    record.save(options, results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
