"""Batch normalisation folded into the convolution before it, for inference."""

from __future__ import annotations

from torch import nn

from detector.hardnet import ConvLayer


def fold_batch_norm(network: nn.Module) -> None:
    """Rewrites every ConvLayer inside `network`, in place, as a convolution with bias and a ReLU.

    The network computes the same function in evaluation mode, and can no longer be trained or
    filled from a checkpoint. The arithmetic is float64, rounded once.
    """
    for module in network.modules():
        if isinstance(module, ConvLayer) and isinstance(module.norm, nn.BatchNorm2d):
            module.conv = _folded(module.conv, module.norm)
            module.norm = nn.Identity()


def _folded(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Conv2d:
    mean, variance = norm.get_buffer("running_mean"), norm.get_buffer("running_var")
    gain = norm.weight.double() / (variance.double() + norm.eps).sqrt()  # (outputs,)
    weight = conv.weight.double() * gain[:, None, None, None]
    bias = norm.bias.double() - mean.double() * gain
    conv.weight = nn.Parameter(weight.to(conv.weight.dtype), requires_grad=False)
    conv.bias = nn.Parameter(bias.to(conv.weight.dtype), requires_grad=False)
    return conv
