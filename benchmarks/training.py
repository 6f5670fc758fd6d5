"""Pictures a second that training learns from, and how long it waits for them, beside a plain loop.

`python -m benchmarks.training --data labels.json --images FOLDER` prints it. The plain loop is what
one would write down from the paper: the published augmentation a sample, whole target maps and
float32 pictures from as many workers, float32 arithmetic, or bf16 by autocast. Rounds alternate, so
that what disturbs the machine disturbs all; the network, the pictures and the batch are the same.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, TypeVar

import cv2
import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from benchmarks import record
from benchmarks.augmentation import plain
from detector.device import choose_compute
from detector.geometry import Stretch, parse_imgsz
from detector.network import Heads, untrained
from detector.recipe import RECIPES, Recipe
from train.augment.chain import Augment
from train.augment.config import AugmentConfig
from train.batch import Batch, Encoder, Item
from train.data.config import DataConfig
from train.data.table import open_folder
from train.distributed import World
from train.errors import TrainError
from train.learner import Learner, LearnerConfig
from train.loader import Loader, make_loader
from train.losses import LossConfig
from train.normalise import Normalise
from train.optimizer import OptimizerConfig
from train.sample import Sample, Samples
from train.targets import TargetsConfig, encode

USUAL = ("a plain loop", "ours")  # compared where nothing else is asked for


@dataclass(frozen=True, slots=True)
class Speed:
    """Of one way to train.

    Attributes:
        pictures_per_second: median over the rounds, by the wall clock.
        data_wait: in 0..1; median share of that time spent waiting for pictures.
    """

    pictures_per_second: float
    data_wait: float


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """What all ways have in common.

    Attributes:
        samples: to learn from.
        recipe: of the network.
        size: of its input.
        device: to train on.
        batch: pictures a step.
        workers: processes that prepare pictures.
        steps: a round.
    """

    samples: Samples
    recipe: Recipe
    size: Stretch
    device: torch.device
    batch: int
    workers: int
    steps: int

    @property
    def classes(self) -> int:
        """Of the samples."""
        return len(self.samples.class_names)


def measure(
    setting: Setting,
    rounds: int,
    ways: Sequence[str] = USUAL,
    *,
    deadline_s: float = float("inf"),
) -> dict[str, Speed]:
    """Each way's speed: medians over the rounds, after one that is not counted.

    Args:
        setting: what they have in common.
        rounds: that count.
        ways: keys of WAYS.
        deadline_s: on `time.monotonic`: no round but the first that counts begins after it.
    """
    begun = {name: WAYS[name](setting) for name in ways}
    found: dict[str, list[Speed]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        if number > 1 and time.monotonic() > deadline_s:
            break
        for name, way in begun.items():
            speed = next(way)
            if number:
                found[name].append(speed)
    return {
        name: Speed(
            statistics.median(each.pictures_per_second for each in speeds),
            statistics.median(each.data_wait for each in speeds),
        )
        for name, speeds in found.items()
    }


def learner_of(setting: Setting, *, compiles: bool = False) -> Learner:
    """Ours, with an untrained network on the setting's device; in bf16 where that is fast."""
    network = untrained(setting.recipe.network, setting.classes).to(setting.device)
    return Learner(
        network,
        Normalise(setting.recipe.mean, setting.recipe.std, setting.device),
        setting.device,
        World(),
        loss=LossConfig(),
        optimizer=OptimizerConfig(lr=1e-4),
        config=LearnerConfig(when_diverged="skip", compiles=compiles),
    )


def loader_of(setting: Setting, stride: int) -> Loader[Item, Batch]:
    """Ours: batches for a network whose cells are of `stride` px."""
    return make_loader(
        setting.samples,
        Augment(AugmentConfig(), width=setting.size.width, height=setting.size.height),
        Encoder(setting.classes, stride, TargetsConfig()),
        batch=setting.batch,
        workers=setting.workers,
        seed=0,
        broken="skip",
        is_pinned=True,
    )


def _our_rounds(setting: Setting, *, compiles: bool) -> Iterator[Speed]:
    """A round of our loop at every `next`."""
    learner = learner_of(setting, compiles=compiles)
    loader = loader_of(setting, learner.network.stride)
    epoch = -1
    while True:
        epoch += 1
        loader.start(epoch)
        yield _round(loader, lambda batch: learner.step([batch], 1e-4), setting)


class _Dense(NamedTuple):
    """What the plain loop's workers send: everything, whole, in float32."""

    picture: Tensor  # (3, H, W)
    heatmap: Tensor  # (C, h, w)
    box: Tensor  # (4, h, w)
    weight: Tensor  # (1, h, w)


class _Remembering:
    """Samples of which the last is kept: the plain steps and the labels each ask for it."""

    def __init__(self, samples: Samples) -> None:
        self.class_names = samples.class_names
        self._samples = samples
        self._last: tuple[int, Sample] | None = None

    def __len__(self) -> int:
        return len(self._samples)

    def read(self, index: int) -> Sample:
        """The sample at `index`."""
        if self._last is None or self._last[0] != index:
            self._last = index, self._samples.read(index)
        return self._last[1]


class _PlainData(Dataset[_Dense]):
    """The published steps for one picture, and its targets as whole maps."""

    def __init__(self, setting: Setting, stride: int) -> None:
        self._samples = _Remembering(setting.samples)
        self._size = (setting.size.width, setting.size.height)
        self._classes = setting.classes
        self._stride = stride

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> _Dense:
        pixels = plain(self._samples, index, self._size)  # type: ignore[arg-type]  # it only reads
        picture = torch.from_numpy(pixels)
        w, h = (side // self._stride for side in self._size)
        targets = encode(self._labels(index), self._classes, self._stride, TargetsConfig())
        heatmap, box = torch.zeros(self._classes * h * w), torch.zeros(h * w, 4)
        weight = torch.zeros(h * w)
        heatmap[torch.from_numpy(targets.heat_at)] = torch.from_numpy(targets.heat)
        box[torch.from_numpy(targets.box_at)] = torch.from_numpy(targets.box)
        weight[torch.from_numpy(targets.box_at)] = torch.from_numpy(targets.box_weight)
        return _Dense(picture, heatmap.view(-1, h, w), box.T.reshape(4, h, w), weight.view(1, h, w))

    def _labels(self, index: int) -> Sample:
        """Boxes in the network's input; `plain` throws those away that it moves."""
        sample = self._samples.read(index)
        gain = np.array([self._size[0] / sample.width, self._size[1] / sample.height] * 2)
        return replace(
            sample,
            picture=np.empty((self._size[1], self._size[0], 3), np.uint8),
            boxes_xyxy=(sample.boxes_xyxy * gain).astype(np.float32),
            visible_xyxy=None,
        )


def _plain_rounds(setting: Setting, *, is_bf16: bool) -> Iterator[Speed]:
    """A round of the plain loop at every `next`."""
    network = untrained(setting.recipe.network, setting.classes).to(setting.device).train()
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-4, momentum=0.9, weight_decay=1e-4)
    loader = DataLoader(
        _PlainData(setting, network.stride),
        batch_size=setting.batch,
        shuffle=True,
        drop_last=True,
        num_workers=setting.workers,
        persistent_workers=setting.workers > 0,
        pin_memory=setting.device.type == "cuda",
        worker_init_fn=_one_core,
    )

    def step(batch: _Dense) -> None:
        picture, heatmap, box, weight = (part.to(setting.device) for part in batch)
        with torch.autocast(setting.device.type, torch.bfloat16, enabled=is_bf16):
            heads = Heads(*(part.float() for part in network(picture)))
        p = heads.heatmap.sigmoid().clamp(1e-4, 1 - 1e-4)
        at_peak = heatmap.eq(1).float() * (1 - p) ** 2 * p.log()
        elsewhere = heatmap.lt(1).float() * (1 - heatmap) ** 4 * p**2 * (1 - p).log()
        focal = -(at_peak.sum() + elsewhere.sum()) / heatmap.eq(1).sum().clamp(min=1)
        norm = 2 * weight.sum() + 1e-4
        size = (weight * (heads.size - box[:, :2])).abs().sum() / norm
        offset = (weight * (heads.offset - box[:, 2:])).abs().sum() / norm
        loss = focal + 0.05 * size + 0.5 * offset
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no types for it
        optimizer.step()
        loss.item()  # printed by everybody at every step

    while True:
        yield _round(loader, step, setting)


B = TypeVar("B")


def _round(batches: Iterable[B], step: Callable[[B], object], setting: Setting) -> Speed:
    """The speed of some steps after the first, which starts what is to be started."""
    coming = iter(batches)
    start_ns = waited_ns = done = 0
    while done <= setting.steps:
        asked_ns = time.monotonic_ns()
        batch = next(coming, None)
        if batch is None:
            break
        waited_ns += time.monotonic_ns() - asked_ns
        step(batch)
        if setting.device.type == "cuda":
            torch.cuda.synchronize(setting.device)
        done += 1
        if done == 1:
            start_ns, waited_ns = time.monotonic_ns(), 0
    spent_ns = time.monotonic_ns() - start_ns
    return Speed((done - 1) * setting.batch * 1e9 / spent_ns, waited_ns / spent_ns)


def _one_core(_: int) -> None:
    cv2.setNumThreads(0)
    torch.set_num_threads(1)


Way = Callable[[Setting], Iterator[Speed]]

WAYS: Mapping[str, Way] = MappingProxyType(
    {
        "a plain loop": partial(_plain_rounds, is_bf16=False),
        "a plain loop, bf16": partial(_plain_rounds, is_bf16=True),
        "ours": partial(_our_rounds, compiles=False),
        "ours, compiled": partial(_our_rounds, compiles=True),
    }
)


def table(speeds: Mapping[str, Speed]) -> Table:
    """Ratios to the first way, and the speeds they come from."""
    first = next(iter(speeds.values())).pictures_per_second
    shown = Table(title="training")
    for column in ("way", "times the first", "pictures/s", "waits for pictures"):
        shown.add_column(column, justify="left" if column == "way" else "right")
    for name, speed in speeds.items():
        rate = speed.pictures_per_second
        shown.add_row(name, f"{rate / first:.2f}", f"{rate:.2f}", f"{speed.data_wait:.1%}")
    return shown


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and save; returns the exit code."""
    options = _parse(arguments)
    console = Console()
    try:
        samples, _ = open_folder(DataConfig("coco", options.data, options.images, broken="skip"))
    except TrainError as error:
        console.print(f"error: {error}", markup=False, highlight=False)
        return 1
    size = parse_imgsz(options.imgsz)
    assert isinstance(size, Stretch), "a size such as 320x320"
    setting = Setting(
        samples,
        RECIPES[options.model],
        size,
        choose_compute(options.device, "fp32").device,
        options.batch,
        options.workers,
        options.steps,
    )
    speeds = measure(setting, options.rounds, options.ways)
    head = record.print_head()
    console.print(table(speeds))
    results = {
        "machine": head,
        "model": options.model,
        "imgsz": options.imgsz,
        "device": options.device,
        "batch": options.batch,
        "workers": options.workers,
        "pictures": len(samples),
        "load_average": os.getloadavg()[0],
        "training": {name: asdict(speed) for name, speed in speeds.items()},
    }
    record.save(options, results)
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = record.parser_of(
        "benchmarks.training",
        "Measure how many pictures training learns from per second, beside a plain loop.",
    )
    parser.add_argument("--data", type=Path, metavar="FILE", required=True, help="COCO JSON file")
    parser.add_argument(
        "--images", type=Path, metavar="DIR", required=True, help="folder of its pictures"
    )
    parser.add_argument("--model", metavar="NAME", choices=RECIPES, default="fchardnet70")
    parser.add_argument("--imgsz", default="320x320")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--steps", type=int, default=8, help="a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=USUAL, metavar="WAY")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
