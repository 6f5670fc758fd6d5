"""Teaching: it can be stopped and go on, only learns what it should, and fails in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml

from detector.checkpoint import read_checkpoint as read_weights
from detector.network import untrained
from detector.recipe import RECIPES
from detector.safetensors_file import write_safetensors
from detector.starter import Starter
from tests.train.starter.lessons import exam, painted
from train.checkpoint import LAST, read_checkpoint
from train.command import Screen
from train.starter.config import DistilConfig
from train.starter.distil import BEST, School, main
from train.starter.labels import read_labels, write_labels


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four labelled pictures and an untaught starter."""
    (tmp_path / "labels").mkdir()
    write_labels(
        tmp_path / "labels", [painted(tmp_path / f"{seed}.png", seed) for seed in range(4)]
    )
    state = untrained(Starter, 80).state_dict()
    write_safetensors(tmp_path / "start.safetensors", state, RECIPES["starter"].about("starter"))
    return tmp_path


def _config(folder: Path, name: str, *, learns: tuple[str, ...] = ("",)) -> DistilConfig:
    return DistilConfig(
        name=name,
        start=folder / "start.safetensors",
        labels=folder / "labels",
        output=folder / name,
        steps=3,
        batch=2,
        sides=(64, 96),
        learns=learns,
        lr=1e-3,
    )


def _school(config: DistilConfig) -> School:
    return School(config, read_labels(config.labels))


def test_stopped_teaching_goes_on_as_if_it_had_not_been(folder: Path) -> None:
    screen = Screen(quiet=True)
    _school(_config(folder, "whole")).run(screen)
    _school(_config(folder, "parts")).run(screen, until=2)
    again = _school(_config(folder, "parts"))
    again.resume()
    again.run(screen)
    whole, parts = (read_checkpoint(folder / name / LAST) for name in ("whole", "parts"))
    assert whole["training"]["step"] == parts["training"]["step"] == 3
    for key, value in whole["state_dict"].items():
        assert torch.equal(value, parts["state_dict"][key]), key
    for key, value in whole["training"]["student"].items():
        assert torch.equal(value, parts["training"]["student"][key]), key


def test_only_what_should_learns(folder: Path) -> None:
    config = _config(folder, "towers", learns=("towers", "off_centre"))
    _school(config).run(Screen(quiet=True))
    before = read_weights(config.start).state_dict
    after = read_checkpoint(folder / "towers" / LAST)["state_dict"]
    changed = {key.split(".")[0] for key in before if not torch.equal(before[key], after[key])}
    assert changed == {"towers", "off_centre_cost"}


def test_command_teaches_and_records_its_exam(folder: Path) -> None:
    settings = {
        "name": "one step",
        "start": str(folder / "start.safetensors"),
        "labels": str(folder / "labels"),
        "output": str(folder / "out"),
        "exam": exam(folder, folder),
        "steps": 9,
        "batch": 2,
        "sides": [64],
    }
    (folder / "settings.yaml").write_text(yaml.safe_dump(settings), "utf-8")
    assert main(["--config", str(folder / "settings.yaml"), "--set", "steps=1"]) == 0
    head, _, row = (folder / "trials.md").read_text("utf-8").splitlines()
    assert head == "| trial | step | views | minutes | AP 64 | AP50 64 |"
    assert row.startswith("| one step | 1 | 2 | ")
    network = untrained(Starter, 80)
    read_weights(folder / "out" / BEST).fill(network)
    assert main(["--config", str(folder / "settings.yaml"), "--set", "steps=1"]) == 1  # not anew
    assert main(["--config", str(folder / "settings.yaml"), "--set", "steps=1", "--resume"]) == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param({"labels": "nowhere"}, "expected some, got none; prepare first", id="labels"),
        pytest.param({"sides": [100]}, "multiples of 32", id="sides"),
        pytest.param({"steps": 0}, "steps: expected at least 1", id="steps"),
    ],
)
def test_what_cannot_be_taught_is_one_line(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    settings: dict[str, object],
    message: str,
) -> None:
    wanted = {"name": "x", "start": "start", "labels": str(folder / "labels"), "output": "out"}
    (folder / "settings.yaml").write_text(yaml.safe_dump({**wanted, **settings}), "utf-8")
    assert main(["--config", str(folder / "settings.yaml")]) > 0
    [line] = capsys.readouterr().err.strip().splitlines()
    assert message in line
