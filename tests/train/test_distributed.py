from __future__ import annotations

import multiprocessing
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
import yaml
from torch import Tensor, nn

from configs.loader import dump
from detector.network import untrained
from tests.detector.tiny import make_tiny
from tests.paths import ROOT
from tests.train.running import open_as_one_of, run, run_as_one_of
from tests.train.shapes import configured
from train.checkpoint import LAST, read_checkpoint
from train.config import TrainConfig
from train.distributed import World, world_of
from train.errors import DistributedError
from train.history import HISTORY_FILE
from train.sync_norm import HostSyncNorm, sync_norms

GENTLE = {
    "optimizer": {"kind": "sgd", "lr": 1e-5},  # Adam divides by gradients' last bits
    "learner": {"precision": "fp32", "average_ramp": 4},
    "schedule": {"epochs": 1, "decay": "constant", "warmup": 0},
    "tensorboard": False,
}
# How far apart the weights' ways may be. Measured: 0.03, for this network makes much of the last
# bits of torch's own normalisation; 0.5 with gradients halved, 1.1 with norms not synced.
ROUNDING = 0.08


@pytest.mark.parametrize(
    "start",
    [pytest.param("forks", id="forks"), pytest.param("torchrun", marks=pytest.mark.slow)],
)
def test_two_processes_learn_what_one_with_the_same_global_batch_does(
    tmp_path: Path, start: str
) -> None:
    """Over gloo: losses, batch statistics, weights, and the precision at the end."""
    alone = run(configured(tmp_path / "one", {**GENTLE, "batch": 8}, count=16))
    config = configured(tmp_path / "two", {**GENTLE, "batch": 4, "val_batch": 3}, count=16)
    {"forks": _forks, "torchrun": _torchrun}[start](2, config)
    row = _last_row(config.output)
    for name in ("loss", "heatmap", "size", "offset", "val_loss"):
        assert float(row[name]) == pytest.approx(getattr(alone.rows[-1], name), rel=1e-4), name
    assert float(row["ap"]) == pytest.approx(alone.rows[-1].ap, abs=0.01)
    origin = untrained(make_tiny, 3, seed=config.seed).state_dict()
    one, two = (_moved(folder, origin) for folder in (tmp_path / "one" / "run", config.output))
    assert float((two - one).norm() / one.norm()) < ROUNDING


def test_first_process_draws_alone_and_its_end_is_told_to_the_others(tmp_path: Path) -> None:
    drawn = {"type": "synthetic", "scenes": 1, "frames": 1, "width": 64, "height": 64}
    source = {**drawn, "cache": str(tmp_path / "drawn"), "processes": 1}
    config = configured(tmp_path, {"train": source, "val": None})
    assert _exit_codes(2, config, open_as_one_of) == [1, 0]
    assert "drawing 1 pictures" in (tmp_path / "told_0.txt").read_text()
    told = (tmp_path / "told_1.txt").read_text()
    assert told == "process 1 of 2: another one ended; its own message says why\n"


def _moved(folder: Path, start: Mapping[str, Tensor]) -> Tensor:
    """How far all weights went from the start."""
    end = read_checkpoint(folder / LAST)["training"]["learner"]["network"]
    assert end.keys() == start.keys()
    weights = [name for name in start if name.endswith(("weight", "bias"))]
    return torch.cat([(end[name] - start[name]).flatten().double() for name in weights])


def _last_row(folder: Path) -> dict[str, str]:
    names, *_, last = (folder / HISTORY_FILE).read_text().splitlines()
    return dict(zip(names.split(","), last.split(","), strict=True))


def test_synced_norm_of_one_process_is_batch_norm(tmp_path: Path) -> None:
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path / 'meeting'}", rank=0, world_size=1
    )
    try:
        plain, synced = nn.Sequential(nn.BatchNorm2d(3)), nn.Sequential(nn.BatchNorm2d(3))
        sync_norms(synced, torch.device("cpu"))
        assert isinstance(synced[0], HostSyncNorm)
        assert plain.state_dict().keys() == synced.state_dict().keys()
        x = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(1)) * 3 + 1
        results = []
        for network in (plain, synced):
            given = x.clone().requires_grad_()
            said = network(given)
            said.square().sum().add(said[0, 0, 0, 0]).backward()
            results.append((said.detach(), given.grad))
        for a, b in zip(*results, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)
        for a, b in zip(plain.buffers(), synced.buffers(), strict=True):
            torch.testing.assert_close(a, b)
        torch.testing.assert_close(plain.eval()(x), synced.eval()(x))
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        pytest.param({}, World(), id="alone"),
        pytest.param(
            {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1"}, World(3, 4, 1), id="of four"
        ),
    ],
)
def test_environment_says_which_process_this_is(
    environment: Mapping[str, str], wanted: World
) -> None:
    assert world_of(environment) == wanted


def test_environment_that_is_half_set_is_refused() -> None:
    with pytest.raises(DistributedError, match="expected numbers in RANK, WORLD_SIZE"):
        world_of({"WORLD_SIZE": "2", "RANK": "x"})


def _forks(processes: int, config: TrainConfig) -> None:
    assert _exit_codes(processes, config, run_as_one_of) == [0] * processes
    # They decide by it which epoch is the best, and wait for each other where it is written.
    told = [path.read_text() for path in config.output.parent.glob("precision_*.json")]
    assert len(told) == processes
    assert len(set(told)) == 1


def _exit_codes(processes: int, config: TrainConfig, target: Callable[..., None]) -> list[int]:
    """In processes that need not load torch first, which takes seconds."""
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["tests.train.running"])
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    started = [
        server.Process(target=target, args=(config, World(rank, processes, rank), port))
        for rank in range(processes)
    ]
    for process in started:
        process.start()
    for process in started:
        process.join()
    return [int(process.exitcode or 0) for process in started]


def _torchrun(processes: int, config: TrainConfig) -> None:
    """As people do on machines with several GPUs."""
    path = config.output.parent / "config.yaml"
    path.write_text(yaml.safe_dump(dump(config)))
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command = [*launcher, "--nproc-per-node", str(processes), "-m", "train", "--config", str(path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
