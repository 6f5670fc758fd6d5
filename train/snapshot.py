"""What a checkpoint holds, and a training at the place where one was taken."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from detector.about import About
from train.checkpoint import Content, of_this_training
from train.errors import CheckpointError
from train.history import EpochRow
from train.learner import Learner
from train.losses import LossValues


@dataclass(slots=True)
class Position:
    """Where a training stands, between two steps.

    Attributes:
        epoch: the one that is going on, from 0.
        batch: batches of it that are learnt, by each process.
        step: optimizer steps in all.
        sums: of the epoch's losses so far.
        learnt: steps that they are the sums of.
        seconds: that the epoch took so far.
        rows: the epochs that are done.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    sums: LossValues = field(default_factory=LossValues)
    learnt: int = 0
    seconds: float = 0.0
    rows: list[EpochRow] = field(default_factory=list)


def snapshot(
    about: About,
    position: Position,
    learner: Learner,
    config: object,
    *,
    is_resumable: bool,
) -> Content:
    """A checkpoint's content: plain values and tensors.

    Args:
        about: what the weights are for.
        position: where the training stands.
        learner: what it learns with.
        config: the training's, as plain data.
        is_resumable: whether training can go on from it: three to five times as large.
    """
    content: Content = {
        **about.content(),
        "state_dict": learner.trained.state_dict(),
        "epoch": position.epoch,
        "history": {"epochs": [row.plain() for row in position.rows]},
        "config": config,
    }
    if is_resumable:
        content["training"] = {
            "batch": position.batch,
            "step": position.step,
            "sums": list(position.sums),
            "learnt": position.learnt,
            "seconds": position.seconds,
            "learner": learner.state(),
            "random": random_state(),
        }
    return content


def resume(content: Content, about: About, learner: Learner) -> Position:
    """Puts the learner where the checkpoint was taken.

    Raises:
        CheckpointError: it is of another network, other classes or another optimizer, or holds
            weights alone.
    """
    for name, wanted in about.content().items():
        if content.get(name) != wanted:
            raise CheckpointError(
                f"resume: {name} was {_brief(content.get(name))} and is now {_brief(wanted)}; "
                "choose the settings that it began with, or another output folder"
            )
    training = content.get("training")
    if not isinstance(training, Mapping):
        raise CheckpointError(
            "resume: the checkpoint holds weights alone; start from it with model.weights"
        )
    with of_this_training():
        learner.restore(training["learner"])
        set_random_state(training["random"])
        rows = [EpochRow.read(row) for row in content["history"]["epochs"]]
        return Position(
            epoch=content["epoch"],
            batch=training["batch"],
            step=training["step"],
            sums=LossValues(*training["sums"]),
            learnt=training["learnt"],
            seconds=training["seconds"],
            rows=rows,
        )


def changed_settings(before: object, now: object, path: str = "") -> list[str]:
    """Where two configurations differ, as plain data: `optimizer.lr: 0.01 -> 0.001`.

    >>> changed_settings({"a": {"b": 1}, "c": 2}, {"a": {"b": 3}, "c": 2})
    ['a.b: 1 -> 3']
    """
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        return [
            text
            for name in sorted({*before, *now})
            for text in changed_settings(
                before.get(name), now.get(name), f"{path}.{name}" if path else name
            )
        ]
    return [] if before == now else [f"{path}: {_brief(before)} -> {_brief(now)}"]


def random_state() -> dict[str, Any]:  # Any: what each library calls its state
    """Of all generators that a step may draw from."""
    version, words, gauss = random.getstate()
    legacy = np.random.get_state(legacy=False)  # noqa: NPY002 - it may be somebody's, not ours
    return {
        "python": [version, list(words), gauss],
        "numpy": {
            "key": torch.from_numpy(legacy["state"]["key"].astype(np.int64)),
            "pos": int(legacy["state"]["pos"]),
            "has_gauss": int(legacy["has_gauss"]),
            "gauss": float(legacy["gauss"]),
        },
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def set_random_state(state: Mapping[str, Any]) -> None:
    """The inverse; GPUs beyond those of then keep theirs.

    Raises:
        KeyError, TypeError, ValueError, RuntimeError: it is no such state.
    """
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    legacy = state["numpy"]
    inner = {"key": legacy["key"].numpy().astype(np.uint32), "pos": legacy["pos"]}
    rest = {"has_gauss": legacy["has_gauss"], "gauss": legacy["gauss"]}
    np.random.set_state({"bit_generator": "MT19937", "state": inner, **rest})  # noqa: NPY002
    torch.set_rng_state(state["torch"])
    for index, words in enumerate(state["cuda"][: torch.cuda.device_count()]):
        torch.cuda.set_rng_state(words, index)


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
