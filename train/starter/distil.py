"""Teaches the starter what its teachers agree on; see `python -m train.starter.distil --help`.

Killed at any moment it goes on from its last exam with `--resume`: what a step sees depends on the
seed and the step's number alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from detector.about import FORMAT
from detector.checkpoint import load_weights
from detector.coco import COCO_CLASSES
from detector.failure import DONE
from detector.network import bare
from detector.recipe import RECIPES
from detector.starter import Starter
from streamer.clock import MonotonicClock
from train.checkpoint import (
    LAST,
    check_free,
    check_numbers,
    of_this_training,
    read_checkpoint,
    write_checkpoint,
    write_weights,
)
from train.command import Parser, Screen, run_command, run_module
from train.ema import Average
from train.errors import DataError
from train.occupied import occupied
from train.schedule import ScheduleConfig, learning_rate
from train.settings import add_settings, settings
from train.starter.balance import shares
from train.starter.config import DistilConfig
from train.starter.exam import examine, record
from train.starter.labels import Label, read_labels
from train.starter.lesson import Lesson, lesson
from train.starter.loss import box_loss, heat_loss
from train.starter.prepare import read_picture
from train.starter.view import view

RECIPE = RECIPES["starter"]
BEST = "student.safetensors"
_TOLD_EVERY = 20  # steps

_EPILOG = """\
examples:
  python -m train.starter.distil --config configs/train_starter.yaml
  python -m train.starter.distil --config configs/train_starter.yaml --resume
"""


def main(typed: Sequence[str]) -> int:
    """Teaches as the command line says; gives back the exit code."""
    return run_command(lambda screen, _: _distil(typed, screen), typed)


def _distil(typed: Sequence[str], screen: Screen) -> int:
    parser = Parser(
        "train.starter.distil", "Train the starter on the labels of its teachers.", epilog=_EPILOG
    )
    add_settings(parser, resumes_from="the last exam")
    given = parser.read(typed)
    config = settings(DistilConfig, given)
    torch.set_num_threads(config.threads)
    labels = read_labels(config.labels)
    if not labels:
        raise DataError(f"labels {str(config.labels)!r}: expected some, got none; prepare first")
    with occupied(config.output):
        if not given.resume:
            check_free(config.output)
        screen.say(f"{len(labels)} labelled pictures")
        school = School(config, labels)
        if given.resume:
            school.resume()
        school.run(screen)
    return DONE


class School:
    """One student, its running mean and the pictures.

    Args:
        config: of the trial.
        labels: at least one.
    """

    def __init__(self, config: DistilConfig, labels: Sequence[Label]) -> None:
        self._config = config
        self._labels = labels
        self._shares = shares(labels, classes=len(COCO_CLASSES), common=config.common)
        self._lookup = RECIPE.normalisation()
        self._student = bare(Starter, len(COCO_CLASSES))
        load_weights(self._student, config.start)
        self._student.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in the stub
        groups = _groups(self._student, config)
        self._optimizer = torch.optim.AdamW(groups, config.lr, weight_decay=config.weight_decay)
        self._average = Average(self._student, config.average, ramp=50)
        self._step = 0
        self._seconds = 0.0

    def run(self, screen: Screen, *, until: int | None = None) -> None:
        """To step `until`, or the last one, with exams on the way; what was learnt is kept."""
        config, clock = self._config, MonotonicClock()
        schedule = ScheduleConfig(
            epochs=1, decay="cosine", final=0.05, warmup=config.warmup, warmup_lr=0
        )
        heat_sum = box_sum = 0.0
        last = config.steps if until is None else until
        while self._step < last:
            started = clock.now_ns()
            lr = learning_rate(schedule, config.lr, self._step, config.steps)
            heat, box = self._learn(self._lesson(self._step), lr)
            self._step += 1
            self._seconds += (clock.now_ns() - started) / 1e9
            heat_sum, box_sum = heat_sum + heat, box_sum + box
            if self._step % _TOLD_EVERY == 0:
                screen.say(
                    f"step {self._step}: heat {heat_sum / _TOLD_EVERY:.4f}, box "
                    f"{box_sum / _TOLD_EVERY:.4f}, {self._seconds / self._step:.2f} s a step"
                )
                heat_sum = box_sum = 0.0
            if self._step == last or (config.exam and self._step % config.exam.every == 0):
                self._save()
                self._examine(screen)

    def resume(self) -> None:
        """Go on from what `_save` wrote.

        Raises:
            CheckpointError: there is nothing, it is damaged or of another training.
        """
        content = read_checkpoint(self._config.output / LAST)
        with of_this_training():
            saved = content["training"]
            self._student.load_state_dict(saved["student"])
            self._average.network.load_state_dict(content["state_dict"])
            self._average.steps = self._step = saved["step"]
            self._optimizer.load_state_dict(saved["optimizer"])
            self._seconds = saved["seconds"]

    def _lesson(self, step: int) -> Lesson:
        """What step number `step` learns from."""
        config = self._config
        rng = np.random.default_rng((config.seed, step))
        sides = np.array(config.sides)
        size = tuple(int(side) for side in rng.choice(sides, 2))
        while size[0] * size[1] > 64 * config.most_cells:
            size = tuple(int(side) for side in rng.choice(sides, 2))
        chosen = rng.choice(len(self._labels), config.batch, p=self._shares)
        views = [
            view(read_picture(label.path), label, (size[0], size[1]), rng, config.view)
            for label in (self._labels[index] for index in chosen)
        ]
        return lesson(views, self._lookup, classes=len(COCO_CLASSES), stride=Starter.stride)

    def _learn(self, given: Lesson, lr: float) -> tuple[float, float]:
        """One step; gives back both losses."""
        for group in self._optimizer.param_groups:
            group["lr"] = lr * group["share"]
        heads = self._student(given.pictures)
        heat, box = heat_loss(heads, given), box_loss(heads, given)
        self._optimizer.zero_grad()
        (heat + box).backward()  # type: ignore[no-untyped-call]  # torch's
        torch.nn.utils.clip_grad_norm_(self._student.parameters(), self._config.clip_norm)
        self._optimizer.step()
        self._average.follow(self._student)
        return float(heat.detach()), float(box.detach())

    def _save(self) -> None:
        folder, about = self._config.output, RECIPE.about("starter")
        state = self._average.network.state_dict()
        check_numbers([state, self._student.state_dict()], self._step)
        training = {
            "student": self._student.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "step": self._step,
            "seconds": self._seconds,
        }
        content: Mapping[str, object] = {"state_dict": state, "training": training}
        write_checkpoint(folder / LAST, {**about.content(), **content, "format": FORMAT})
        write_weights(folder / BEST, state, about)

    def _examine(self, screen: Screen) -> None:
        exam = self._config.exam
        if exam is None:
            return
        found = examine(self._average.network, exam)
        row: dict[str, object] = {
            "trial": self._config.name,
            "step": self._step,
            "views": self._step * self._config.batch,
            "minutes": f"{self._seconds / 60:.1f}",
        }
        for size, summary in found.items():
            row[f"AP {size}"], row[f"AP50 {size}"] = f"{summary.ap:.4f}", f"{summary.ap50:.4f}"
        screen.say(", ".join(f"{key} {value}" for key, value in row.items()))
        if exam.record is not None:
            record(exam.record, row)


def _groups(student: Starter, config: DistilConfig) -> list[dict[str, Any]]:
    """What learns, in two groups by their share of the rate; freezes the rest."""
    groups: list[dict[str, Any]] = [  # Any: as torch has it
        {"params": [], "share": 1.0},
        {"params": [], "share": config.cost_lr},
    ]
    for name, weight in student.named_parameters():
        weight.requires_grad = name.startswith(config.learns)
        if weight.requires_grad:
            groups[name == "off_centre_cost"]["params"].append(weight)
    return [group for group in groups if group["params"]]


if __name__ == "__main__":
    run_module(main)
