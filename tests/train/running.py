"""Runs a training inside a test, and remembers every step."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence

import torch

from streamer.contract import HoldsNothing
from streamer.picture import BgrArray
from train.build import opened, prepare
from train.config import TrainConfig
from train.distributed import World, joined
from train.errors import DistributedError
from train.history import EpochRow
from train.observer import StepReport
from train.records import Records


class Notebook(HoldsNothing):
    """An observer that keeps what it was told.

    Args:
        stop_after: steps after which it wishes to stop; None for never.
    """

    def __init__(self, stop_after: int | None = None) -> None:
        self.steps: list[StepReport] = []
        self.rows: list[EpochRow] = []
        self.pictures: list[BgrArray] = []
        self._stop_after = stop_after

    def began(self, rows: Sequence[EpochRow]) -> None:
        self.rows = list(rows)

    def stepped(self, report: StepReport) -> None:
        self.steps.append(report)

    def finished(self, rows: Sequence[EpochRow], pictures: Sequence[BgrArray]) -> None:
        self.rows, self.pictures = list(rows), list(pictures)

    def should_stop(self) -> bool:
        return self._stop_after is not None and len(self.steps) >= self._stop_after


def run(config: TrainConfig, *, resumes: bool = False, stop_after: int | None = None) -> Notebook:
    """Trains in this process until it is done or wishes to stop."""
    notebook = Notebook(stop_after)
    prepared = prepare(
        config,
        World(),
        torch.device("cpu"),
        resumes=resumes,
        should_stop=notebook.should_stop,
    )
    prepared.training.run(prepared.position, [notebook])
    return notebook


def run_to_the_end(config: TrainConfig) -> None:
    """The target of a process that may be killed: goes on where the last one was."""
    torch.set_num_threads(1)
    notebook = Notebook()
    prepared = prepare(
        config, World(), torch.device("cpu"), resumes=True, should_stop=notebook.should_stop
    )
    prepared.training.run(prepared.position, [Records(config.output)])  # not entered: no curves


def run_as_one_of(config: TrainConfig, world: World, port: int) -> None:
    """The target of one of the processes that train together."""
    torch.set_num_threads(1)
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    device = torch.device("cpu")
    with joined(world, device):
        prepared = prepare(config, world, device, resumes=False, should_stop=lambda: False)
        observers = [Records(config.output)] if world.is_first else []
        prepared.training.run(prepared.position, observers)
    told = [row.ap for row in prepared.position.rows]
    (config.output.parent / f"precision_{world.rank}.json").write_text(json.dumps(told))


def open_as_one_of(config: TrainConfig, world: World, port: int) -> None:
    """Likewise; leaves what was logged of drawing, ends early in the first and tells the rest."""
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    told = config.output.parent / f"told_{world.rank}.txt"
    logging.basicConfig(filename=told, level=logging.INFO, format="%(message)s")
    try:
        with joined(world, torch.device("cpu")):
            opened(config, world)
            if world.is_first:
                os._exit(1)
            world.wait()
    except DistributedError as error:
        logging.getLogger(__name__).info("%s", error)
