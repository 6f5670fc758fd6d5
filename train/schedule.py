"""The learning rate of every step, as a function of the step alone: nothing to save or restore."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Decay = Literal["constant", "step", "cosine"]


@dataclass(frozen=True, slots=True)
class ScheduleConfig:
    """How long to train, and how fast to learn when.

    Attributes:
        epochs: in all.
        decay: after the warm-up: "step" divides by ten after the epochs of `drops`, "cosine" falls
            to `final` of the rate, "constant" does nothing.
        drops: epochs, from 1, after which a step is taken down.
        final: in 0..1; the share of the rate that a cosine ends with.
        warmup: epochs of linear rise from `warmup_lr`; may be a part of one, 0 for none.
        warmup_lr: the rate it rises from.
    """

    epochs: int = 300
    decay: Decay = "step"
    drops: tuple[int, ...] = ()
    final: float = 0.01
    warmup: float = 1.0
    warmup_lr: float = 5e-5

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ValueError(f"epochs: expected at least 1, got {self.epochs!r}")
        if list(self.drops) != sorted(self.drops) or any(drop < 1 for drop in self.drops):
            raise ValueError(f"drops: expected rising epochs from 1, got {self.drops!r}")
        if not 0 <= self.final <= 1:
            raise ValueError(f"final: expected 0..1, got {self.final!r}")
        if not self.warmup >= 0 or not self.warmup_lr >= 0:
            raise ValueError("warmup: expected at least 0, as warmup_lr")


def learning_rate(config: ScheduleConfig, lr: float, step: int, steps_per_epoch: int) -> float:
    """Of the step with this number, from 0.

    Args:
        config: when.
        lr: where no warm-up and no decay change it.
        step: optimizer steps done before it.
        steps_per_epoch: optimizer steps.

    >>> config = ScheduleConfig(epochs=4, drops=(2,), warmup=1, warmup_lr=0)
    >>> [round(learning_rate(config, 1.0, step, 2), 2) for step in range(8)]
    [0.5, 1.0, 1.0, 1.0, 0.1, 0.1, 0.1, 0.1]
    """
    rising = round(config.warmup * steps_per_epoch)
    if step < rising:
        # Source: the published CenterNet-HarDNet: the last step of the warm-up has the full rate.
        return config.warmup_lr + (step + 1) / rising * (lr - config.warmup_lr)
    return lr * _DECAYS[config.decay](config, step, steps_per_epoch, rising)


def _constant(config: ScheduleConfig, step: int, steps_per_epoch: int, rising: int) -> float:
    del config, step, steps_per_epoch, rising  # the same arguments for every decay
    return 1.0


def _steps(config: ScheduleConfig, step: int, steps_per_epoch: int, rising: int) -> float:
    del rising
    epochs_done = step // steps_per_epoch
    return float(0.1 ** sum(drop <= epochs_done for drop in config.drops))


def _cosine(config: ScheduleConfig, step: int, steps_per_epoch: int, rising: int) -> float:
    length = max(1, config.epochs * steps_per_epoch - rising)
    share = min(1.0, (step - rising) / length)
    return config.final + (1 - config.final) * (1 + math.cos(math.pi * share)) / 2


_DECAYS: Mapping[Decay, Callable[[ScheduleConfig, int, int, int], float]] = MappingProxyType(
    {"constant": _constant, "step": _steps, "cosine": _cosine}
)
