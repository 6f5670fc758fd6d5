"""What a person may choose about a training."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from train.augment.config import AugmentConfig
from train.data.config import DataConfig
from train.data.synthetic import SyntheticDataConfig
from train.keep import KeepConfig
from train.learner import LearnerConfig
from train.losses import LossConfig
from train.optimizer import OptimizerConfig
from train.schedule import ScheduleConfig
from train.targets import TargetsConfig

Source = DataConfig | SyntheticDataConfig


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The network and what it starts from.

    Attributes:
        name: a key of RECIPES, or `package.module:NAME` of a Recipe elsewhere.
        imgsz: the network's input, "512" or "WIDTHxHEIGHT"; None for the recipe's.
        weights: a checkpoint to start from, but for heads of other classes; None for fresh ones.
        base: weights of the body alone, as published for image classification; None for none.
    """

    name: str = "hardnet85"
    imgsz: str | None = None
    weights: Path | None = None
    base: Path | None = None


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """A training, from pictures to weights.

    Attributes:
        train: what is learnt.
        val: what is held against; None for nothing.
        model: the network.
        augment: how pictures are varied.
        targets: what they are turned into.
        loss: what is minimised.
        optimizer: how weights move.
        schedule: how long, and how fast when.
        learner: how steps are computed.
        keep: which checkpoints.
        batch: pictures a step and process.
        accumulate: batches whose gradients are added up to one step.
        workers: processes that prepare pictures; 0 for the training one itself.
        seed: of the first weights, the order and the augmentation.
        device: "auto", "cpu", "cuda" or "cuda:N".
        val_every: epochs between two looks at `val`.
        val_batch: pictures a look; 0 for `batch`.
        pictures: how many of `val` are drawn with what was found; 0 for none.
        tensorboard: write events for it, where it is installed.
        output: the folder to write to.
    """

    train: Source
    val: Source | None = None
    model: ModelConfig = field(default_factory=ModelConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    targets: TargetsConfig = field(default_factory=TargetsConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    learner: LearnerConfig = field(default_factory=LearnerConfig)
    keep: KeepConfig = field(default_factory=KeepConfig)
    batch: int = 48
    accumulate: int = 1
    workers: int = 8
    seed: int = 317
    device: str = "auto"
    val_every: int = 1
    val_batch: int = 0
    pictures: int = 8
    tensorboard: bool = True
    output: Path = Path("runs/train")

    def __post_init__(self) -> None:
        for name in ("batch", "accumulate", "val_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)!r}")
        for name in ("workers", "val_batch", "pictures", "seed"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: expected at least 0, got {getattr(self, name)!r}")
