from __future__ import annotations

import multiprocessing
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from configs.loader import dump
from tests.paths import ROOT
from tests.train.running import run_to_the_end
from tests.train.shapes import configured
from train.checkpoint import LAST, read_checkpoint, remove_leftovers
from train.config import TrainConfig
from train.history import HISTORY_FILE

# Starts a training that goes on where the last one was; gives whether it is alive, and its end.
Start = Callable[[TrainConfig], tuple[Callable[[], bool], Callable[[], None]]]


def _as_command(config: TrainConfig) -> tuple[Callable[[], bool], Callable[[], None]]:
    """The command that people type."""
    path = config.output.parent / "config.yaml"
    path.write_text(yaml.safe_dump(dump(config)))
    process = subprocess.Popen(
        [sys.executable, "-m", "train", "--config", str(path), "--resume"],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def kill() -> None:
        process.kill()
        process.wait()

    return lambda: process.poll() is None, kill


def _as_fork(config: TrainConfig) -> tuple[Callable[[], bool], Callable[[], None]]:
    """The same work in a process that need not load torch first, which takes seconds."""
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["tests.train.running"])
    process = server.Process(target=run_to_the_end, args=(config,))
    process.start()

    def kill() -> None:
        process.kill()
        process.join()

    return process.is_alive, kill


@pytest.mark.parametrize(
    ("start", "kills"),
    [
        pytest.param(_as_fork, 2, id="two"),
        pytest.param(_as_fork, 10, id="ten", marks=pytest.mark.slow),
        pytest.param(_as_command, 2, id="two of the command", marks=pytest.mark.slow),
    ],
)
def test_training_killed_at_any_moment_goes_on_and_ends_as_if_it_never_was(
    tmp_path: Path, start: Start, kills: int
) -> None:
    seed = random.randrange(1 << 30)
    chances = random.Random(seed)
    config = _configured(tmp_path / "killed", epochs=4 * kills)
    for _ in range(kills):
        with _running(start, config) as is_alive:
            _wait_for_a_moment(config.output / LAST, is_alive, chances)
        # Whole, whenever the kill came: in a step, in a write, or between.
        assert read_checkpoint(config.output / LAST)["training"]["step"] > 0, f"seed {seed}"
    run_to_the_end(config)
    remove_leftovers(config.output)
    whole = _configured(tmp_path / "whole", epochs=4 * kills)
    run_to_the_end(whole)
    assert _losses(config.output) == _losses(whole.output), f"seed {seed}"


@contextmanager
def _running(start: Start, config: TrainConfig) -> Iterator[Callable[[], bool]]:
    """A training that is killed at the end."""
    is_alive, kill = start(config)
    try:
        yield is_alive
    finally:
        kill()


def _wait_for_a_moment(last: Path, is_alive: Callable[[], bool], chances: random.Random) -> None:
    """Until one to four more checkpoints are there, and then a random while."""
    for _ in range(chances.randint(1, 4)):
        before = _written_ns(last)
        while is_alive() and _written_ns(last) == before:
            pass
    for _ in range(chances.randrange(100_000)):  # some milliseconds: parts of a step or a write
        pass


def _written_ns(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


def _configured(folder: Path, *, epochs: int) -> TrainConfig:
    changes = {
        "schedule": {"epochs": epochs, "decay": "cosine", "warmup": 0},
        "keep": {"every_steps": 1},
        "val": None,
        "tensorboard": False,
    }
    return configured(folder, changes)


def _losses(folder: Path) -> list[str]:
    """Epoch, steps, rate and losses of every epoch, to six digits."""
    table = (folder / HISTORY_FILE).read_text()
    return [",".join(line.split(",")[:8]) for line in table.splitlines()]
