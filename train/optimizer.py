"""What moves the weights along their gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import torch
from torch import nn

Kind = Literal["sgd", "adamw"]


@dataclass(frozen=True, slots=True)
class OptimizerConfig:
    """How steps are made from gradients; the defaults are HarDNet-85's published ones.

    Attributes:
        kind: SGD with momentum, or AdamW.
        lr: the learning rate that the schedule shapes.
        momentum: in 0..1, of SGD; the first beta of AdamW.
        weight_decay: of all weights, a step.
        decays_norms: whether normalisations and biases decay too, as published.
        clip_norm: gradients longer than this are shortened to it; 0 for never.
    """

    kind: Kind = "sgd"
    lr: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 1e-4
    decays_norms: bool = True
    clip_norm: float = 0.0

    def __post_init__(self) -> None:
        if not self.lr > 0:
            raise ValueError(f"lr: expected more than 0, got {self.lr!r}")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum: expected 0 or more and less than 1, got {self.momentum!r}")
        for name in ("weight_decay", "clip_norm"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name}: expected at least 0, got {getattr(self, name)!r}")


def make_optimizer(network: nn.Module, config: OptimizerConfig) -> torch.optim.Optimizer:
    """For the weights of `network`, in one group that decays and, if need be, one that does not."""
    learnt = [weight for weight in network.parameters() if weight.requires_grad]
    plain = [weight for weight in learnt if weight.ndim < 2 and not config.decays_norms]
    untouched = {id(weight) for weight in plain}
    groups: list[dict[str, Any]] = [  # Any: lists and numbers, as torch has it
        {"params": [weight for weight in learnt if id(weight) not in untouched]},
        {"params": plain, "weight_decay": 0.0},
    ]
    return _KINDS[config.kind]([group for group in groups if group["params"]], config)


def set_learning_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """In every group."""
    for group in optimizer.param_groups:
        group["lr"] = lr


Groups = list[dict[str, Any]]  # Any: as torch has it


def _sgd(groups: Groups, config: OptimizerConfig) -> torch.optim.Optimizer:
    return torch.optim.SGD(
        groups, lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay
    )


def _adamw(groups: Groups, config: OptimizerConfig) -> torch.optim.Optimizer:
    betas = (config.momentum, 0.999)
    return torch.optim.AdamW(groups, lr=config.lr, betas=betas, weight_decay=config.weight_decay)


_KINDS: Mapping[Kind, Callable[[Groups, OptimizerConfig], torch.optim.Optimizer]] = (
    MappingProxyType({"sgd": _sgd, "adamw": _adamw})
)
