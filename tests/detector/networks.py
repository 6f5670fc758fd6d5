"""What tests of several networks ask of each."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from detector.fold import fold_batch_norm
from detector.network import PointNetwork


def convolution_macs(network: nn.Module, size: int) -> int:
    """Multiply-accumulates of all convolutions on one square picture."""
    macs = 0

    def count(conv: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal macs
        macs += conv.get_parameter("weight").numel() * output.shape[2] * output.shape[3]

    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count)
    network(torch.empty(1, 3, size, size, device="meta"))
    return macs


def assert_folding_keeps(network: PointNetwork, *, share: float) -> None:
    """Normalisations of any statistics fold away; heads stay within a share of their largest."""
    stream = torch.Generator().manual_seed(2)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for name, low in {"weight": 0.5, "bias": -0.5, "running_mean": -0.5}.items():
                value = getattr(module, name)
                value.data.copy_(torch.rand(value.shape, generator=stream) + low)
            module.get_buffer("running_var").uniform_(0.5, 2, generator=stream)
    pictures = torch.randn(2, 3, 64, 96, generator=stream)
    with torch.inference_mode():
        expected = network(pictures)
        fold_batch_norm(network)
        folded = network(pictures)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    for ours, theirs in zip(folded, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=share * float(theirs.abs().max()))
