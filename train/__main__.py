"""`python -m train --config configs/train_coco.yaml`: from pictures to weights."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from configs.loader import dump
from configs.strict_yaml import to_yaml
from detector.failure import DONE
from streamer.signals import StopSignals
from train.build import prepare
from train.checkpoint import remove_leftovers
from train.command import Parser, Screen, run_command, run_module
from train.config import TrainConfig
from train.distributed import choose_device, joined, world_of
from train.eval.output import write_whole
from train.events import make_events
from train.observer import Observer
from train.occupied import occupied
from train.progress import ConsoleProgress
from train.records import Records
from train.settings import add_settings, settings
from train.snapshot import Position

_EPILOG = """\
examples:
  python -m train --config configs/train_coco.yaml
  python -m train --config configs/train_coco.yaml --set batch=24
  python -m train --config configs/train_coco.yaml --resume
  torchrun --nproc-per-node 2 -m train --config configs/train_coco.yaml

The output folder gets last.pth and best.pth (for run.py --weights),
history.csv, curves.png, pictures/ and TensorBoard's event files. Ctrl-C saves
a checkpoint; --resume continues from it.
"""


def main(typed: Sequence[str]) -> int:
    """Trains as the command line says; gives back the exit code."""
    return run_command(lambda screen, _: _train(typed, screen), typed)


def _train(typed: Sequence[str], screen: Screen) -> int:
    parser = Parser("train", "Train a network on labelled pictures.", epilog=_EPILOG)
    add_settings(parser, resumes_from="the last checkpoint")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="folder to write to (default: the configuration's)",
    )
    given = parser.read(typed)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    config = settings(TrainConfig, given, output=given.output and str(given.output))
    world = world_of(os.environ)
    device = choose_device(config.device, world)
    with ExitStack() as stack:
        stack.enter_context(joined(world, device))
        stop = stack.enter_context(StopSignals())
        prepared = prepare(
            config,
            world,
            device,
            resumes=given.resume,
            should_stop=lambda: stop.exit_code is not None,
        )
        observers = []
        if world.is_first:
            stack.enter_context(occupied(config.output))
            _keep_settings(config)
            observers = _observers(config, prepared.position, screen, stack)
        stop.defer()
        if world.is_first and prepared.position.epoch >= config.schedule.epochs:
            done = prepared.position.epoch
            screen.say(
                f"{done} epochs are done already; for more, --set schedule.epochs={done + 1}"
            )
        prepared.training.run(prepared.position, observers)
        if stop.exit_code is not None:
            if world.is_first:
                screen.say(f"stopped; continue with --resume --output {config.output}")
            return stop.exit_code
    return DONE


def _keep_settings(config: TrainConfig) -> None:
    """In the output folder, beside what comes of them."""
    remove_leftovers(config.output)
    write_whole(config.output / "config.yaml", to_yaml(dump(config)).encode())


def _observers(
    config: TrainConfig, position: Position, screen: Screen, stack: ExitStack
) -> list[Observer]:
    """Whoever is told; closed with the stack."""
    observers: list[Observer] = [
        stack.enter_context(ConsoleProgress(screen, config.schedule.epochs)),
        stack.enter_context(Records(config.output)),
    ]
    if config.tensorboard:
        events = stack.enter_context(make_events(config.output, from_step=position.step))
        observers += [events] if events is not None else []
    return observers


if __name__ == "__main__":
    run_module(main)
