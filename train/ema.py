"""A network whose weights are the running mean of another's: steadier, and usually better.

Source: Polyak and Juditsky 1992, Acceleration of Stochastic Approximation by Averaging; the
exponential form with a ramp is common practice.
"""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor

from detector.network import PointNetwork


class Average:
    """Follows a network; its own is in evaluation mode and learns nothing.

    Args:
        network: as it is now.
        decay: in 0..1: the share that stays at every step, once there were many.
        ramp: steps until about two thirds of `decay` count, so that the random start is forgotten.
    """

    def __init__(self, network: PointNetwork, decay: float, ramp: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(requires_grad=False)
        self.steps = 0
        self._decay = decay
        self._ramp = ramp

    @torch.no_grad()
    def follow(self, network: PointNetwork) -> None:
        """One step."""
        self.steps += 1
        share = 1 - self._decay * (1 - math.exp(-self.steps / self._ramp))
        own, new = _state(self.network), _state(network)
        pairs = [(own[name], value) for name, value in new.items()]
        floats = [pair for pair in pairs if pair[0].is_floating_point()]
        torch._foreach_lerp_([a for a, _ in floats], [b for _, b in floats], share)
        for mean, value in pairs:
            if not mean.is_floating_point():  # the counters of batch normalisation
                mean.copy_(value)


def _state(network: PointNetwork) -> dict[str, Tensor]:
    return dict(network.state_dict())
