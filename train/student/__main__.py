"""Teaches a student from nothing; see `python -m train.student --help`.

Killed at any moment it goes on from its last save with `--resume`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import torch

from detector.about import FORMAT
from detector.failure import DONE
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
from train.command import Parser, Screen, run_command, run_module, usage_errors
from train.distributed import World, choose_device, joined, world_of
from train.errors import DataError
from train.occupied import occupied
from train.settings import add_settings, settings
from train.starter.exam import examine, record
from train.student.batch import Batches
from train.student.config import StudentConfig
from train.student.school import NAME, RECIPE, School
from train.student.store import about, open_store

BEST = "student.safetensors"
_TOLD_EVERY = 20  # steps

_EPILOG = """\
examples, after python -m train.student.prepare:
  python -m train.student --config configs/train_photos.yaml
  python -m train.student --config configs/train_photos.yaml --resume
  OMP_NUM_THREADS=1 torchrun --nproc-per-node 2 -m train.student \\
      --config configs/train_photos.yaml
"""


def main(typed: Sequence[str]) -> int:
    """Teaches as the command line says; gives back the exit code."""
    return run_command(lambda screen, _: _teach(typed, screen), typed)


def _teach(typed: Sequence[str], screen: Screen) -> int:
    parser = Parser(
        "train.student",
        "Train a network from random weights on the labels of its teachers.",
        epilog=_EPILOG,
    )
    add_settings(parser, resumes_from="the last save")
    given = parser.read(typed)
    config = settings(StudentConfig, given)
    known = about(config.store)
    if known is not None and known.done < known.count:
        raise DataError(
            f"store {str(config.store)!r}: expected {known.count} prepared pictures, got "
            f"{known.done}; run python -m train.student.prepare again"
        )
    store = open_store(config.store)
    world = world_of(os.environ)
    with usage_errors():
        device = choose_device(config.device, world)
    config = replace(config, device=str(device))
    with ExitStack() as stack:
        stack.enter_context(joined(world, device))
        if world.is_first:
            stack.enter_context(occupied(config.output))
        if not given.resume:
            check_free(config.output)
        school = School(config, world, sights=store.sights)
        if given.resume:
            resume(school, config.output)
        batches = Batches(config, store, RECIPE, stride=school.student.stride)
        if world.is_first:
            screen.say(f"{len(store)} pictures, step {school.step} of {config.steps}")
        run(school, batches, config, world, screen)
    return DONE


def run(
    school: School,
    batches: Batches,
    config: StudentConfig,
    world: World,
    screen: Screen,
    *,
    until: int | None = None,
) -> None:
    """To step `until`, or the last one, with saves and exams on the way."""
    clock = MonotonicClock()
    last = config.steps if until is None else until
    sums, started = torch.zeros(3), clock.now_ns()
    while school.step < last:
        sums += school.learn(batches.at(school.step, rank=world.rank)).cpu()
        if world.is_first and school.step % _TOLD_EVERY == 0:
            heat, box, sight = (sums / _TOLD_EVERY).tolist()
            pace = (clock.now_ns() - started) / 1e9 / _TOLD_EVERY
            rate = config.batch * world.size / pace
            screen.say(
                f"step {school.step} of {config.steps}: heat {heat:.4f}, box {box:.4f}, "
                f"sight {sight:.4f}, {rate:.1f} views a second"
            )
        if school.step % _TOLD_EVERY == 0:
            sums, started = torch.zeros(3), clock.now_ns()
        is_end = school.step == last
        if world.is_first and (is_end or school.step % config.save_every == 0):
            save(school, config.output)
        if config.exam and (is_end or school.step % config.exam.every == 0):
            if world.is_first:
                _examine(school, config, world, screen)
            world.wait()


def save(school: School, folder: Path) -> None:
    """Everything that going on needs, and the running mean as weights for `run.py --weights`.

    Raises:
        DivergedError: the weights are no numbers, and what was saved before is to stay.
        CheckpointError: it cannot be written.
    """
    check_numbers([school.average.network.state_dict(), school.student.state_dict()], school.step)
    state = school.average.network.state_dict()
    content = {
        **RECIPE.about(NAME).content(),
        "format": FORMAT,
        "state_dict": state,
        "training": {
            "student": school.student.state_dict(),
            "eye": school.eye.state_dict(),
            "optimizer": school.optimizer.state_dict(),
            "step": school.step,
        },
    }
    write_checkpoint(folder / LAST, content)
    write_weights(folder / BEST, state, RECIPE.about(NAME))


def resume(school: School, folder: Path) -> None:
    """Go on from what `save` wrote.

    Raises:
        CheckpointError: there is nothing, it is damaged or of another training.
    """
    content = read_checkpoint(folder / LAST)
    with of_this_training():
        saved = content["training"]
        school.student.load_state_dict(saved["student"])
        school.eye.load_state_dict(saved["eye"])
        school.optimizer.load_state_dict(saved["optimizer"])
        school.average.network.load_state_dict(content["state_dict"])
        school.average.steps = school.step = saved["step"]


def _examine(school: School, config: StudentConfig, world: World, screen: Screen) -> None:
    if config.exam is None:
        return
    found = examine(school.average.network, config.exam, name=NAME)
    row: dict[str, object] = {
        "step": school.step,
        "views": school.step * config.batch * world.size,
    }
    for size, summary in found.items():
        person = next((each.ap50 for each in summary.classes if each.name == "person"), 0.0)
        row[f"AP {size}"], row[f"AP50 {size}"] = f"{summary.ap:.4f}", f"{summary.ap50:.4f}"
        row[f"person AP50 {size}"] = f"{person:.4f}"
    screen.say(", ".join(f"{key} {value}" for key, value in row.items()))
    if config.exam.record is not None:
        record(config.exam.record, row)


if __name__ == "__main__":
    run_module(main)
