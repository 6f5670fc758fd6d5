"""Data workers when a whole job is told to end, and when one of them dies."""

from __future__ import annotations

import multiprocessing
import subprocess
from pathlib import Path

import pytest
import torch

from tests.train.data_sets import MemorySamples
from tests.train.running import Notebook
from tests.train.shapes import configured
from train.augment.chain import Stretched
from train.batch import Encoder
from train.build import prepare
from train.checkpoint import LAST, read_checkpoint
from train.distributed import World
from train.errors import TrainError
from train.loader import make_loader, told_of_dead_workers
from train.observer import StepReport
from train.targets import TargetsConfig


class Ending(Notebook):
    """Has another process tell every data worker to end after the first of six steps."""

    def stepped(self, report: StepReport) -> None:
        super().stepped(report)
        if len(self.steps) == 1:
            workers = multiprocessing.active_children()
            assert workers
            for each in workers:
                subprocess.run(["sh", "-c", f"kill -TERM {each.ident}"], check=True)


def test_workers_outlive_what_ends_the_whole_job(tmp_path: Path) -> None:
    """A service manager and torchrun signal every process; the trainer answers for all."""
    schedule = {"epochs": 1000, "decay": "constant", "warmup": 0}
    config = configured(tmp_path, {"workers": 1, "val": None, "schedule": schedule})
    notebook = Ending(stop_after=6)
    prepared = prepare(
        config, World(), torch.device("cpu"), resumes=False, should_stop=notebook.should_stop
    )
    prepared.training.run(prepared.position, [notebook])
    assert read_checkpoint(config.output / LAST)["training"]["step"] == 6


def test_workers_end_when_their_trainer_says_so() -> None:
    """As Python does at its end to those that are left, and then waits for them."""
    loader = make_loader(
        MemorySamples(8),
        Stretched(width=32, height=32),
        Encoder(2, 4, TargetsConfig()),
        batch=2,
        workers=1,
        seed=0,
    )
    batches = iter(loader)
    next(batches)
    (worker,) = multiprocessing.active_children()
    worker.terminate()
    worker.join(timeout=20)
    assert worker.exitcode == 0


def test_worker_that_dies_is_one_line_wherever_torch_says_so() -> None:
    """In a signal's handler, so while anything is done; not tried with a real one here, for the
    handler may strike in the test's own machinery.
    """
    with (
        pytest.raises(TrainError, match=r"^a data worker died: .* Killed\.; .* fewer workers"),
        told_of_dead_workers(),
    ):
        raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. ")
    with pytest.raises(RuntimeError, match="of another kind"), told_of_dead_workers():
        raise RuntimeError("of another kind")
