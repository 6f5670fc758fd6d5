"""Batch normalisation over the pictures of all processes, as if they were one batch.

torch's own does this on GPUs alone; this one computes the same on any device.

Source: Ioffe and Szegedy 2015, Batch Normalization, algorithm 1.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


class _Added(torch.autograd.Function):
    """Every process's tensor becomes the sum over all, and so does its gradient."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:  # Any: torch's own, untyped
        """Blocks until all processes are here."""
        del ctx  # a sum needs nothing from before
        total = value.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:  # Any: torch's own, untyped
        """Blocks likewise."""
        del ctx
        total = gradients[0].clone()
        dist.all_reduce(total)
        return total


class HostSyncNorm(nn.BatchNorm2d):
    """A BatchNorm2d whose mean and variance are those of every process's pictures together."""

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, h, w) normalised; in evaluation mode what BatchNorm2d does."""
        if not self.training:
            return super().forward(input)
        x = input.float()
        wide = x.double()  # a mean square less a squared mean would lose half of float32's digits
        count = wide.new_tensor([x[:, 0].numel()])
        here = torch.cat([wide.sum((0, 2, 3)), wide.square().sum((0, 2, 3)), count])
        everywhere: Tensor = _Added.apply(here)  # type: ignore[no-untyped-call]  # torch's
        total, squares, count = everywhere.tensor_split([self.num_features, 2 * self.num_features])
        mean = total / count
        variance = squares / count - mean.square()
        with torch.no_grad():
            self._remember(mean, variance * count / (count - 1))
        gain = (self.weight * (variance + self.eps).rsqrt()).float()
        shift = (self.bias - mean * gain).float()
        normalised: Tensor = x * gain[:, None, None] + shift[:, None, None]
        return normalised.to(input.dtype)

    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        """Into the running statistics."""
        share = 0.1 if self.momentum is None else self.momentum
        self.get_buffer("running_mean").lerp_(mean.float(), share)
        self.get_buffer("running_var").lerp_(variance.float(), share)
        self.get_buffer("num_batches_tracked").add_(1)


def sync_norms(network: nn.Module, device: torch.device) -> None:
    """Lets every BatchNorm2d inside `network` normalise over all processes; names stay."""
    for name, module in list(network.named_modules()):
        if type(module) is nn.BatchNorm2d:
            parent, _, own = name.rpartition(".")
            setattr(network.get_submodule(parent), own, _synced(module, device))


def _synced(module: nn.BatchNorm2d, device: torch.device) -> nn.Module:
    """The same weights and statistics, not copied."""
    if device.type == "cuda":
        synced: nn.Module = nn.SyncBatchNorm(
            module.num_features, eps=module.eps, momentum=module.momentum
        )
    else:
        synced = HostSyncNorm(module.num_features, eps=module.eps, momentum=module.momentum)
    for name, value in (*module.named_parameters(), *module.named_buffers()):
        setattr(synced, name, value)
    return synced
