"""Convolution, bias and ReLU in one call, where the library has such a call."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

# input, weight, bias, stride, padding, dilation, groups
Operation = Callable[[Tensor, Tensor, Tensor, list[int], list[int], list[int], int], Tensor]


class ConvRelu(nn.Module):
    """A convolution with bias and the ReLU behind it."""

    def __init__(self, conv: nn.Conv2d, operation: Operation) -> None:
        super().__init__()
        self.conv = conv
        self._operation = operation

    def forward(self, x: Tensor) -> Tensor:
        """As the two do one after the other."""
        conv, bias = self.conv, self.conv.bias
        assert bias is not None
        padding = [int(side) for side in conv.padding]
        where = (list(conv.stride), padding, list(conv.dilation), conv.groups)
        return self._operation(x, conv.weight, bias, *where)


def fuse_relu(network: nn.Module, operation: Operation | None = None) -> int:
    """Joins every convolution in an nn.Sequential with the ReLU behind it, in place.

    Args:
        network: batch normalisation folded; it can still be moved and cast.
        operation: what computes the three; None for cuDNN's, which is for CUDA alone.

    Returns:
        How many were joined.
    """
    operation = operation or torch.cudnn_convolution_relu
    joined = 0
    for module in list(network.modules()):
        if isinstance(module, nn.Sequential):
            joined += _fuse_in(module, operation)
    return joined


def _fuse_in(layers: nn.Sequential, operation: Operation) -> int:
    joined = 0
    named = [(name, layer) for name, layer in layers.named_children() if not _is_nothing(layer)]
    for (name, layer), (next_name, following) in pairwise(named):
        if _is_plain(layer) and isinstance(following, nn.ReLU):
            assert isinstance(layer, nn.Conv2d)
            setattr(layers, name, ConvRelu(layer, operation))
            setattr(layers, next_name, nn.Identity())
            joined += 1
    return joined


def _is_nothing(layer: nn.Module) -> bool:
    return isinstance(layer, nn.Identity)


def _is_plain(layer: nn.Module) -> bool:
    """A convolution with bias whose padding is zeros, counted in numbers."""
    return (
        isinstance(layer, nn.Conv2d)
        and layer.bias is not None
        and layer.padding_mode == "zeros"
        and not isinstance(layer.padding, str)
    )
