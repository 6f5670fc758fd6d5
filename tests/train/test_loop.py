from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch

from detector.checkpoint import read_checkpoint as read_weights
from tests.detector.tiny import tiny_network
from tests.train.running import Notebook, run, run_to_the_end
from tests.train.shapes import configured
from train.build import prepare
from train.checkpoint import BEST, LAST, read_checkpoint
from train.distributed import World
from train.errors import CheckpointError, DivergedError
from train.history import HISTORY_FILE

CONSTANT = {"decay": "constant", "warmup": 0}


def test_loss_falls_and_history_says_so(tmp_path: Path) -> None:
    gentle = {"schedule": {"epochs": 3, **CONSTANT}, "optimizer": {"lr": 0.003}}
    notebook = run(configured(tmp_path, gentle, count=16))
    assert [row.epoch for row in notebook.rows] == [1, 2, 3]
    assert [row.steps for row in notebook.rows] == [4, 8, 12]
    assert notebook.rows[2].loss < notebook.rows[0].loss
    assert notebook.rows[2].val_loss is not None
    steps = [step.losses.total for step in notebook.steps[8:]]
    assert notebook.rows[2].loss == pytest.approx(sum(steps) / 4)
    assert len(notebook.pictures) == 8


@pytest.mark.parametrize("stop_after", [1, 2, 3], ids=["in the first", "between", "in the second"])
def test_resumed_training_has_the_losses_of_one_that_was_never_stopped(
    tmp_path: Path, stop_after: int
) -> None:
    """To the last bit: weights, momentum, average, order, chances and schedule are restored."""
    changes = {
        "optimizer": {"kind": "adamw", "lr": 0.01, "clip_norm": 5.0},
        "schedule": {"epochs": 2, "decay": "cosine", "warmup": 0.5},
    }
    whole = run(configured(tmp_path / "whole", changes))
    config = configured(tmp_path / "parts", changes)
    first = run(config, stop_after=stop_after)
    second = run(config, resumes=True)
    losses = [step.losses for step in (*first.steps, *second.steps)]
    assert losses == [step.losses for step in whole.steps]
    assert [row.loss for row in second.rows] == [row.loss for row in whole.rows]
    assert [row.ap for row in second.rows] == [row.ap for row in whole.rows]
    one = read_checkpoint(tmp_path / "whole" / "run" / LAST)
    other = read_checkpoint(tmp_path / "parts" / "run" / LAST)
    assert _same(one["state_dict"], other["state_dict"])
    assert _same(one["training"]["learner"]["network"], other["training"]["learner"]["network"])


def test_checkpoint_can_be_used_for_detecting_and_says_for_what(tmp_path: Path) -> None:
    run(configured(tmp_path))
    for name in (LAST, BEST):
        weights = read_weights(tmp_path / "run" / name)
        weights.fill(tiny_network())
        assert weights.about is not None
        assert weights.about.class_names == ("person", "car", "bicycle")
        assert weights.about.imgsz == "64"
    assert "training" in read_checkpoint(tmp_path / "run" / LAST)
    assert "training" not in read_checkpoint(tmp_path / "run" / BEST)


def test_table_that_was_not_written_before_a_kill_is_written_later(tmp_path: Path) -> None:
    config = configured(tmp_path, {"val": None})
    run(config)  # writes no table, as if killed before
    assert not (config.output / HISTORY_FILE).exists()
    run_to_the_end(config)
    assert len((config.output / HISTORY_FILE).read_text().splitlines()) == 1 + 2


def test_finished_training_that_is_resumed_does_nothing(tmp_path: Path) -> None:
    config = configured(tmp_path)
    run(config)
    assert run(config, resumes=True).steps == []


def test_output_of_another_training_is_not_overwritten(tmp_path: Path) -> None:
    config = configured(tmp_path)
    run(config, stop_after=1)
    with pytest.raises(
        CheckpointError, match="holds a training already; continue it with --resume"
    ):
        run(config)


def test_resuming_with_another_optimizer_is_refused(tmp_path: Path) -> None:
    run(configured(tmp_path), stop_after=1)
    with pytest.raises(CheckpointError, match="another training"):
        run(configured(tmp_path, {"optimizer": {"kind": "adamw"}}), resumes=True)


def test_going_on_with_other_settings_is_told_and_done(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(configured(tmp_path), stop_after=1)
    slower = {"optimizer": {"kind": "sgd", "lr": 0.001, "weight_decay": 0.5}}
    notebook = run(configured(tmp_path, slower), resumes=True, stop_after=1)
    assert notebook.steps[0].lr == 0.001
    assert "optimizer.lr: 0.01 -> 0.001, optimizer.weight_decay: 0.0001 -> 0.5" in caplog.text


def test_rate_goes_by_epochs_when_a_training_goes_on_with_another_batch(tmp_path: Path) -> None:
    """Such as on more devices: 4 steps an epoch become 2, and the drop stays where it was."""
    schedule = {"schedule": {"epochs": 4, "decay": "step", "drops": [3], "warmup": 0}}
    changes = {**schedule, "val": None, "optimizer": {"lr": 0.001}}
    first = run(configured(tmp_path, {**changes, "batch": 2}), stop_after=8)
    assert [step.lr for step in first.steps] == [0.001] * 8
    second = run(configured(tmp_path, {**changes, "batch": 4}), resumes=True)
    assert [step.epoch for step in second.steps] == [3, 3, 4, 4]
    assert [step.lr for step in second.steps] == pytest.approx([0.001, 0.001, 0.0001, 0.0001])
    assert [row.lr for row in second.rows] == pytest.approx([0.001, 0.001, 0.001, 0.0001])


def test_stop_wished_during_a_look_at_other_pictures_loses_nothing(tmp_path: Path) -> None:
    """A look may take an hour: it is broken off, and done when the training goes on."""
    changes = {"schedule": {"epochs": 2, **CONSTANT}}
    whole = run(configured(tmp_path / "whole", changes))
    config = configured(tmp_path / "parts", changes)
    asked = itertools.count(1)
    prepared = prepare(
        config,
        World(),
        torch.device("cpu"),
        resumes=False,
        should_stop=lambda: next(asked) >= 4,  # after steps 1 and 2, then before looks 1 and 2
    )
    prepared.training.run(prepared.position, [first := Notebook()])
    assert (len(first.steps), first.rows) == (2, [])
    second = run(config, resumes=True)
    assert len(second.steps) == 2
    for name in ("loss", "val_loss", "ap", "steps", "lr"):
        assert [getattr(row, name) for row in second.rows] == [
            getattr(row, name) for row in whole.rows
        ]


def test_training_ends_early_when_nothing_gets_better(tmp_path: Path) -> None:
    """At a rate of next to nothing the first epoch's AP, 0, stays the best."""
    changes = {
        "optimizer": {"lr": 1e-30},
        "learner": {"precision": "fp32", "averages": False},
        "schedule": {"epochs": 9, **CONSTANT},
        "keep": {"patience": 2, "every_epochs": 2},
        "batch": 8,
    }
    config = configured(tmp_path, changes)
    notebook = run(config)
    found = [row.ap for row in notebook.rows]
    best = max(range(len(found)), key=lambda i: (found[i], -(notebook.rows[i].val_loss or 0)))
    assert len(found) == best + 1 + 2 < 9
    kept = sorted(path.name for path in config.output.glob("epoch_*.pth"))
    assert kept == [f"epoch_{epoch:04d}.pth" for epoch in range(2, len(found) + 1, 2)]
    assert run(config, resumes=True).steps == []


def test_loss_that_is_no_number_stops_and_leaves_the_checkpoint_before(tmp_path: Path) -> None:
    changes = {"optimizer": {"lr": 1e18}, "keep": {"every_steps": 1}, "val": None}
    config = configured(tmp_path, changes, count=16)
    with pytest.raises(DivergedError, match=r"NaN or infinite .* a learning rate of 1e\+18"):
        run(config)
    state = read_checkpoint(tmp_path / "run" / LAST)["training"]["learner"]["network"]
    assert all(bool(torch.isfinite(value).all()) for value in state.values())


def test_weights_that_are_no_numbers_are_never_kept(tmp_path: Path) -> None:
    """One step of an endless rate: its loss and gradient were numbers still."""
    changes = {"optimizer": {"lr": 1e38}, "batch": 8, "val": None}
    with pytest.raises(DivergedError, match="the weights are NaN or infinite after step 1"):
        run(configured(tmp_path, changes))
    assert not (tmp_path / "run" / LAST).exists()


def _same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)
