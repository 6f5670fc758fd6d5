"""One step of learning: a group of batches forward and back, then the weights move once."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from configs.errors import ConfigError
from detector.network import Heads, PointNetwork
from train.batch import Batch
from train.distributed import World
from train.ema import Average
from train.errors import DivergedError
from train.losses import LossConfig, Losses, LossValues, Norms, losses, norms
from train.normalise import Normalise
from train.optimizer import OptimizerConfig, make_optimizer, set_learning_rate
from train.sync_norm import sync_norms

Precision = Literal["auto", "fp32", "bf16", "fp16"]
WhenDiverged = Literal["stop", "skip"]


@dataclass(frozen=True, slots=True)
class LearnerConfig:
    """How steps are computed.

    Attributes:
        precision: of the network's arithmetic; "auto" is bf16 where the device is good at it.
        averages: keep a running mean of the weights, and use that.
        average_decay: in 0..1; see Average.
        average_ramp: steps; see Average.
        when_diverged: what a loss that is no number does: stop the training, or skip the step.
        compiles: let torch.compile make kernels of the network first; minutes.
        syncs_norms: batch normalisation over all processes, not each for itself.
    """

    precision: Precision = "auto"
    averages: bool = True
    average_decay: float = 0.9998
    average_ramp: float = 2000.0
    when_diverged: WhenDiverged = "stop"
    compiles: bool = False
    syncs_norms: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.average_decay < 1:
            raise ValueError(
                f"average_decay: expected 0 or more and less than 1, got {self.average_decay!r}"
            )
        if not self.average_ramp > 0:
            raise ValueError(f"average_ramp: expected more than 0, got {self.average_ramp!r}")


class Step(NamedTuple):
    """What a step gave.

    Attributes:
        losses: of the whole group, over all processes.
        gradient_norm: before clipping.
        was_skipped: the weights did not move.
    """

    losses: LossValues
    gradient_norm: float
    was_skipped: bool


class Learner:
    """A network, what moves it, and its average.

    Args:
        network: on the device already.
        normalise: of its pictures.
        device: where all of it is.
        world: the processes that learn together.
        loss: what is minimised.
        optimizer: how weights move.
        config: how steps are computed.
    """

    def __init__(
        self,
        network: PointNetwork,
        normalise: Normalise,
        device: torch.device,
        world: World,
        *,
        loss: LossConfig,
        optimizer: OptimizerConfig,
        config: LearnerConfig,
    ) -> None:
        if world.size > 1 and config.syncs_norms:
            sync_norms(network, device)
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs miss it
        self.device = device
        self.skipped = 0
        self.optimizer = make_optimizer(self.network, optimizer)
        self.average = (
            Average(self.network, config.average_decay, config.average_ramp)
            if config.averages
            else None
        )
        self.dtype = autocast_dtype(config.precision, device)
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.dtype == torch.float16)
        self._normalise = normalise
        self._world = world
        self._loss = loss
        self._clip_norm = optimizer.clip_norm
        self._when_diverged = config.when_diverged
        self._forward = _prepared(self.network, world, device, compiles=config.compiles)

    @property
    def trained(self) -> PointNetwork:
        """The network to use: the average where there is one."""
        return self.network if self.average is None else self.average.network

    def heads(self, network: nn.Module, batch: Batch) -> Heads:
        """What a network says of a batch on the device; float32."""
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            said = network(self._normalise(batch.pictures))
        return Heads(*(part.float() for part in said))

    def step(self, group: Sequence[Batch], lr: float) -> Step:
        """Learn from batches as if they were one.

        Args:
            group: one batch, or several whose gradients are added up.
            lr: learning rate.

        Raises:
            DivergedError: the loss is no number and the training should stop then.
        """
        self.network.train()
        set_learning_rate(self.optimizer, lr)
        batches = [batch.to(self.device) for batch in group]
        over = self._norms(batches)
        remembered = self._remembered()
        self.optimizer.zero_grad(set_to_none=True)
        sums = torch.zeros(len(Losses._fields), device=self.device)
        for index, batch in enumerate(batches):
            with self._quiet(is_last=index == len(batches) - 1):
                heads = self._learnt_heads(batch)
                found = losses(heads, batch.targets, over, self._loss)
                # The processes' gradients are averaged, and should be added.
                scaled: Tensor = self.scaler.scale(found.total * self._world.size)
                scaled.backward()  # type: ignore[no-untyped-call]  # torch has no types for it
            sums += torch.stack(found).detach()
        self._world.add(sums)
        # One wait for the device a step, when all of it is queued.
        *terms, norm = torch.cat([sums, self._gradient_norm()[None]]).tolist()
        values = LossValues(*terms)
        # With a scaler, endless gradients are its sign to scale less.
        numbers = values if self.scaler.is_enabled() else (*values, norm)
        if not all(math.isfinite(number) for number in numbers):
            for value, before in zip(self.network.buffers(), remembered, strict=False):
                value.copy_(before)
            return self._diverged(values, norm, lr)
        return Step(values, norm, was_skipped=not self._move())

    def _learnt_heads(self, batch: Batch) -> Heads:
        """What the network says while it learns.

        Raises:
            ConfigError: the batch is too small to be normalised.
        """
        try:
            return self.heads(self._forward, batch)
        except ValueError as error:
            if "more than 1 value per channel" not in str(error):
                raise
            raise ConfigError(
                "batch",
                f"expected 2 or more, got {len(batch.truths)}: the deepest map of this input is "
                "one cell, which alone cannot be normalised",
            ) from error

    def _remembered(self) -> list[Tensor]:
        """Copies of what batch normalisation remembers, where steps may be skipped.

        It takes in what a batch gave before anybody knows whether that were numbers.
        """
        if self._when_diverged == "stop":
            return []
        return [value.clone() for value in self.network.buffers()]

    def _norms(self, batches: Sequence[Batch]) -> Norms:
        """Of all batches of all processes together."""
        each = [torch.stack(norms(batch.targets)) for batch in batches]
        total = torch.stack(each).sum(0)
        self._world.add(total)
        return Norms(*total.unbind())

    def _gradient_norm(self) -> Tensor:
        """() the length of all gradients together, which are shortened if that is wished."""
        if self.scaler.is_enabled():
            self.scaler.unscale_(self.optimizer)
        weights = [weight for weight in self.network.parameters() if weight.grad is not None]
        length = nn.utils.get_total_norm([weight.grad for weight in weights])
        if self._clip_norm > 0:
            nn.utils.clip_grads_with_norm_(weights, self._clip_norm, length)
        return length

    def _move(self) -> bool:
        """The weights follow their gradients, and the average the weights; or fp16 overflowed."""
        scale = self.scaler.get_scale()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        has_moved = self.scaler.get_scale() >= scale
        if self.average is not None and has_moved:
            self.average.follow(self.network)
        return has_moved

    def _diverged(self, values: LossValues, norm: float, lr: float) -> Step:
        if self._when_diverged == "stop":
            terms = ", ".join(
                f"{name} {value:g}" for name, value in zip(values._fields, values, strict=True)
            )
            raise DivergedError(
                f"the loss or its gradient is NaN or infinite ({terms}, gradient {norm:g}) at a "
                f"learning rate of {lr:g}; continue with --resume and a lower rate, or clip "
                "gradients (optimizer.clip_norm)"
            )
        self.scaler.update()
        self.skipped += 1
        return Step(values, norm, was_skipped=True)

    def _quiet(self, *, is_last: bool) -> contextlib.AbstractContextManager[None]:
        """Gradients cross between processes once a group, with the last batch."""
        if isinstance(self._forward, DistributedDataParallel) and not is_last:
            quiet: contextlib.AbstractContextManager[None] = self._forward.no_sync()
            return quiet
        return contextlib.nullcontext()

    def kept(self) -> list[Mapping[str, Tensor]]:
        """All weights, and what batch normalisation remembers."""
        return [self.network.state_dict(), self.trained.state_dict()]

    def state(self) -> dict[str, Any]:  # Any: what torch calls a state dict
        """All that a step depends on but the batches."""
        average = None
        if self.average is not None:
            average = {"state": self.average.network.state_dict(), "steps": self.average.steps}
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "average": average,
            "skipped": self.skipped,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`.

        Raises:
            RuntimeError, ValueError, KeyError: it is another network's or another optimizer's.
        """
        self.network.load_state_dict(state["network"])
        chosen = [
            {name: value for name, value in group.items() if name != "params"}
            for group in self.optimizer.param_groups
        ]
        self.optimizer.load_state_dict(state["optimizer"])
        for group, options in zip(self.optimizer.param_groups, chosen, strict=True):
            group.update(options)  # who goes on with another momentum or decay means it
        self.scaler.load_state_dict(state["scaler"])
        self.skipped = state["skipped"]
        if self.average is not None and state["average"] is not None:
            self.average.network.load_state_dict(state["average"]["state"])
            self.average.steps = state["average"]["steps"]


def autocast_dtype(precision: Precision, device: torch.device) -> torch.dtype:
    """What convolutions are computed in: bf16 needs no scaling, so it is taken where it is fast."""
    chosen = precision
    if chosen == "auto":
        chosen = _automatic(device)
    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[chosen]


def _automatic(device: torch.device) -> Literal["fp32", "bf16", "fp16"]:
    if device.type == "cuda":
        with torch.cuda.device(device):
            return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    able = torch.cpu.get_capabilities()
    return "bf16" if able.get("avx512_bf16") or able.get("amx_bf16") else "fp32"


def _prepared(
    network: PointNetwork, world: World, device: torch.device, *, compiles: bool
) -> nn.Module:
    """The network as the steps call it."""
    forward: nn.Module = network
    if world.size > 1:
        places = [device] if device.type == "cuda" else None
        forward = DistributedDataParallel(forward, device_ids=places)
    if compiles:
        forward = torch.compile(forward)  # type: ignore[assignment]  # it wraps a Module in one
    return forward
