"""A configuration becomes the objects that train: the only file that knows them all."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable
from dataclasses import dataclass

import torch

from configs.errors import ConfigError
from configs.loader import dump, suggestion
from detector.about import About
from detector.geometry import Stretch, parse_imgsz
from detector.network import PointNetwork, untrained
from detector.recipe import RECIPES, Recipe
from streamer.clock import MonotonicClock
from train.augment.chain import Augment, Stretched
from train.batch import Batch, Encoder, Item
from train.checkpoint import LAST, check_free, read_checkpoint
from train.config import Source, TrainConfig
from train.data.config import Broken, DataConfig
from train.data.synthetic import SyntheticDataConfig, SyntheticSamples
from train.data.table import build_samples
from train.distributed import World
from train.learner import Learner
from train.loader import Loader, make_loader
from train.loop import Plan, Training
from train.normalise import Normalise
from train.sample import Samples
from train.snapshot import Position, changed_settings, resume
from train.start import start_from
from train.validation import Validation

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A training that only has to be run.

    Attributes:
        training: to run.
        position: where from.
    """

    training: Training
    position: Position


def prepare(
    config: TrainConfig,
    world: World,
    device: torch.device,
    *,
    resumes: bool,
    should_stop: Callable[[], bool],
) -> Prepared:
    """Everything built, and put where an earlier run was killed.

    Args:
        config: what a person chose.
        world: the processes that train together; already joined.
        device: of this process.
        resumes: go on from the output folder's last checkpoint, if there is one.
        should_stop: asked after every step.

    Raises:
        ConfigError: a setting is impossible.
        DataError: pictures or labels cannot be used.
        WeightsError: weights to start from cannot be.
        CheckpointError: the output folder holds another training.
    """
    recipe = _recipe(config)
    size = _size(config.model.imgsz or recipe.imgsz)
    samples, held = opened(config, world)
    names = samples.class_names
    if held is not None and held.class_names != names:
        raise ConfigError(
            "val", f"expected the classes of `train` ({len(names)}), got {held.class_names!r:.80}"
        )
    network = _network(config, recipe, len(names)).to(device)
    torch.backends.cudnn.benchmark = True  # every batch has the same shape, as published
    imgsz = config.model.imgsz or recipe.imgsz
    about = About(config.model.name, names, recipe.mean, recipe.std, imgsz)
    learner = Learner(
        network,
        Normalise(recipe.mean, recipe.std, device),
        device,
        world,
        loss=config.loss,
        optimizer=config.optimizer,
        config=config.learner,
    )
    encoder = Encoder(len(names), network.stride, config.targets)
    feed = _feed(config, samples, encoder, size, world)
    validation = None
    if held is not None:
        looked = _held_feed(config, held, encoder, size, world)
        validation = Validation(looked, names, config.loss, world, drawn=config.pictures)
    plan = _plan(config, len(feed))
    if world.is_first:
        logger.info(
            "%d pictures to learn, %d to look at, %d classes; on %s in %s",
            len(samples),
            0 if held is None else len(held),
            len(names),
            device,
            str(learner.dtype).removeprefix("torch."),
        )
    position = _position(config, about, learner, resumes=resumes)
    training = Training(
        plan,
        learner,
        feed,
        validation,
        about,
        dump(config),
        world=world,
        clock=MonotonicClock(),
        should_stop=should_stop,
    )
    return Prepared(training, position)


def _plan(config: TrainConfig, batches: int) -> Plan:
    """For epochs of so many batches a process."""
    plan = Plan(
        schedule=config.schedule,
        keep=config.keep,
        lr=config.optimizer.lr,
        accumulate=config.accumulate,
        batches=batches,
        val_every=config.val_every,
        folder=config.output,
    )
    if not plan.steps:
        raise ConfigError(
            "accumulate", f"an epoch of {batches} batches has no step of {config.accumulate}"
        )
    return plan


def opened(config: TrainConfig, world: World) -> tuple[Samples, Samples | None]:
    """What is learnt from and held against; what has to be drawn, the first process draws alone."""
    sources = [each for each in (config.train, config.val) if each is not None]
    draws = any(isinstance(each, SyntheticDataConfig) and each.cache for each in sources)
    if draws and not world.is_first:
        world.wait()
    samples, *held = [open_samples(each) for each in sources]
    if draws and world.is_first:
        world.wait()
    return samples, held[0] if held else None


def open_samples(config: Source) -> Samples:
    """The data set that a person chose.

    Raises:
        DataError: it cannot be used.
    """
    if isinstance(config, DataConfig):
        return build_samples(config)
    return SyntheticSamples(config)


def _size(imgsz: str) -> Stretch:
    """The network's input, whose sides are multiples of 32."""
    try:
        size = parse_imgsz(imgsz)
    except ValueError as error:
        raise ConfigError("model.imgsz", str(error).removeprefix("imgsz: ")) from error
    if not isinstance(size, Stretch) or size.width % 32 or size.height % 32:
        raise ConfigError("model.imgsz", f"expected multiples of 32, as in 416x320, got {imgsz!r}")
    return size


def _feed(
    config: TrainConfig, samples: Samples, encoder: Encoder, size: Stretch, world: World
) -> Loader[Item, Batch]:
    """What is learnt from, varied."""
    try:
        return make_loader(
            samples,
            Augment(config.augment, width=size.width, height=size.height),
            encoder,
            batch=config.batch,
            workers=config.workers,
            seed=config.seed,
            rank=world.rank,
            world=world.size,
            broken=_broken(config.train),
            is_pinned=True,
        )
    except ValueError as error:
        raise ConfigError("batch", str(error).removeprefix("batch: ")) from error


def _held_feed(
    config: TrainConfig, samples: Samples, encoder: Encoder, size: Stretch, world: World
) -> Loader[Item, Batch]:
    """What is held against, as it is."""
    return make_loader(
        samples,
        Stretched(width=size.width, height=size.height),
        encoder,
        batch=config.val_batch or config.batch,
        workers=min(config.workers, 2),  # nothing is varied, so a few keep up
        seed=config.seed,
        rank=world.rank,
        world=world.size,
        broken=_broken(config.val),
        is_shuffled=False,
        is_dropping_last=False,
        is_pinned=True,
    )


def _broken(config: Source | None) -> Broken:
    return config.broken if isinstance(config, DataConfig) else "error"


def _recipe(config: TrainConfig) -> Recipe:
    name = config.model.name
    if ":" in name:
        return _outside_recipe(name)
    if name not in RECIPES:
        raise ConfigError("model.name", f"unknown {name!r}{suggestion(name, RECIPES)}")
    return RECIPES[name]


def _outside_recipe(name: str) -> Recipe:
    """The Recipe that `package.module:NAME` means."""
    module, _, own = name.partition(":")
    try:
        recipe = getattr(importlib.import_module(module), own)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError("model.name", f"{name!r} cannot be imported: {error}") from error
    if not isinstance(recipe, Recipe):
        raise ConfigError("model.name", f"expected a Recipe, got {name!r}")
    return recipe


def _network(config: TrainConfig, recipe: Recipe, classes: int) -> PointNetwork:
    network = untrained(recipe.network, classes, seed=config.seed)
    if config.model.base is not None:
        start_from(network, config.model.base, is_body=True)
    if config.model.weights is not None:
        start_from(network, config.model.weights, is_body=False)
    return network


def _position(config: TrainConfig, about: About, learner: Learner, *, resumes: bool) -> Position:
    """The beginning, or where the last checkpoint in the output folder was taken."""
    folder, settings = config.output, dump(config)
    path = folder / LAST
    if not resumes:
        check_free(folder)
    if not path.exists():
        return Position()
    content = read_checkpoint(path)
    position = resume(content, about, learner)
    changed = changed_settings(content.get("config"), settings)
    if changed:
        logger.warning("resuming with other settings than before: %s", ", ".join(changed))
    return position
