from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import cv2
import pytest
import yaml

from configs.document import read
from configs.loader import load
from tests.paths import ROOT
from tests.train.shapes import settings
from train.__main__ import main
from train.config import TrainConfig
from train.history import HISTORY_FILE

QUICK = {"schedule": {"epochs": 1, "decay": "constant", "warmup": 0}, "tensorboard": False}


def test_command_leaves_weights_table_pictures_and_curves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = _written(tmp_path, {**QUICK, "tensorboard": True})
    assert main(["--config", str(config)]) == 0
    said = capsys.readouterr().err
    assert said.startswith("epoch 1/1  loss ")
    assert " AP " in said
    folder = tmp_path / "run"
    names = {path.name for path in folder.iterdir()}
    assert names >= {"best.pth", "last.pth", "config.yaml", "curves.png", HISTORY_FILE, "pictures"}
    assert any(name.startswith("events.out.tfevents") for name in names)
    assert len((folder / HISTORY_FILE).read_text().splitlines()) == 2
    picture = cv2.imread(str(folder / "pictures" / "epoch_0001.jpg"))
    assert picture is not None
    assert picture.shape[0] > 64  # two rows of 64 px
    assert load(TrainConfig, read(folder / "config.yaml")).batch == 4


def test_command_that_is_not_told_to_go_on_overwrites_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = _written(tmp_path, {**QUICK, "val": None})
    assert main(["--config", str(config)]) == 0
    assert main(["--config", str(config)]) == 1
    assert "holds a training already; continue it with --resume" in capsys.readouterr().err
    assert main(["--config", str(config), "--resume"]) == 0


@pytest.mark.parametrize(
    ("changes", "code", "word"),
    [
        pytest.param({"batch": 0}, 2, "batch: expected at least 1, got 0", id="no batch"),
        pytest.param({"bach": 4}, 2, "bach: unknown key; did you mean 'batch'?", id="slip"),
        pytest.param({"batch": 99}, 2, "batch: 8 pictures do not fill", id="too few pictures"),
        pytest.param(
            {"model": {"name": "hardnet58"}}, 2, "did you mean 'hardnet85'?", id="no such model"
        ),
        pytest.param(
            {"model": {"name": "tests.detector.tiny:RECIPE", "imgsz": "100"}},
            2,
            "model.imgsz: expected multiples of 32",
            id="size",
        ),
        pytest.param(
            {"model": {"name": "tests.detector.tiny:RECIPE", "weights": "none.pth"}},
            5,
            "'none.pth': cannot be read",
            id="no weights",
        ),
        pytest.param(
            {"train": {"type": "coco", "annotations": "none.json", "images": "."}},
            3,
            "none.json",
            id="no data",
        ),
        pytest.param({"device": "cuda:9"}, 5, "device 'cuda:9'", id="no device"),
    ],
)
def test_what_cannot_be_trained_is_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    changes: Mapping[str, object],
    code: int,
    word: str,
) -> None:
    config = _written(tmp_path, {**QUICK, **changes})
    assert main(["--config", str(config)]) == code
    said = capsys.readouterr().err
    assert word in said
    assert said.count("\n") == 1


def test_broken_picture_is_an_error_or_a_counted_skip_as_configured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    config = _written(tmp_path, {**QUICK, "val": None})
    broken = tmp_path / "shapes" / "003.png"
    broken.write_bytes(broken.read_bytes()[:200])
    assert main(["--config", str(config)]) == 3
    assert "003.png" in capsys.readouterr().err
    assert not (tmp_path / "run" / "last.pth").exists()
    assert main(["--config", str(config), "--set", "train.broken=skip"]) == 0
    assert "1 broken pictures skipped so far" in caplog.text


def test_class_without_a_box_is_an_error_or_learnt_to_be_absent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = _written(tmp_path, {**QUICK, "val": None})
    labels = tmp_path / "shapes" / "labels.json"
    content = json.loads(labels.read_text())
    content["annotations"] = [note for note in content["annotations"] if note["category_id"] != 1]
    labels.write_text(json.dumps(content))
    assert main(["--config", str(config)]) == 3
    assert "class without a box: 'car'" in capsys.readouterr().err
    assert main(["--config", str(config), "--set", "train.broken=skip"]) == 0


@pytest.mark.slow
def test_ctrl_c_keeps_what_was_learnt(tmp_path: Path) -> None:
    long = {"schedule": {"epochs": 10_000, "decay": "constant", "warmup": 0}, "val": None}
    config = _written(tmp_path, {**QUICK, **long})
    command = [sys.executable, "-m", "train", "--config", str(config)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        process.stderr.readline()  # the line of the first epoch
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 130
    assert "stopped; continue with --resume" in rest
    assert (tmp_path / "run" / "last.pth").exists()


def test_published_recipe_is_what_the_configuration_says() -> None:
    config = load(TrainConfig, read(ROOT / "configs" / "train_coco.yaml"))
    assert (config.batch, config.optimizer.kind, config.optimizer.lr) == (48, "sgd", 0.01)
    assert (config.schedule.epochs, config.schedule.drops) == (300, (230, 280))
    assert (config.loss.heatmap, config.loss.size, config.loss.offset) == (1, 0.05, 0.5)
    assert config.targets.regression == "dense"


def _written(folder: Path, changes: Mapping[str, object]) -> Path:
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({**settings(folder, 8), **changes}))
    return path
