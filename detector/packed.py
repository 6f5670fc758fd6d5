"""Convolutions whose weights lie as the processor wants them.

torch keeps weights in an order that everything can read, and oneDNN, which computes on them, brings
them into its own order at every run: HarDNet-85 has 37 million. Here they are brought into it once.
What is computed is the same; in float32 it may be rounded another way.

The operations are those that torch's compiler calls for convolutions with constant weights. They
have no public name, so where they are not as they were in torch 2.13 nothing is packed.
"""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)


class PackedConv(nn.Module):
    """A convolution on the CPU, with the ReLU behind it or without; any number of threads may run.

    oneDNN's order depends on the size of the maps, and in the wrong one it is ten times slower
    (HarDNet-85 at 96). So weights are packed for the first input, and inputs of other sizes are
    computed as torch does.
    """

    def __init__(self, conv: nn.Conv2d, *, has_relu: bool) -> None:
        super().__init__()
        self.conv = conv
        self._has_relu = has_relu
        self._packed: tuple[torch.Size, Tensor] | None = None  # for inputs of this shape

    def forward(self, x: Tensor) -> Tensor:
        """As the two do one after the other."""
        if self._packed is None:  # two threads may both do it, and find the same
            self._packed = x.shape, _reorder(self.conv, x)
        shape, weight = self._packed
        if x.shape == shape:
            return _compute(self.conv, weight, x, has_relu=self._has_relu)
        found: Tensor = self.conv(x)
        return F.relu(found, inplace=True) if self._has_relu else found


def packed(network: Network) -> Network:
    """The same network with packed convolutions, where torch and the processor can; else itself.

    Args:
        network: batch normalisation folded; on the CPU, in the precision that it will run in. Its
            own weights are shared, and it stays what it is: exporters cannot read packed ones.
    """
    if not _is_able(next(network.parameters()).dtype):
        return network
    shared = {id(each): each for each in (*network.parameters(), *network.buffers())}
    twin = copy.deepcopy(network, shared)
    for module in list(twin.modules()):
        if not isinstance(module, PackedConv):
            _pack_in(module)
    return twin


def _pack_in(module: nn.Module) -> None:
    relus = _relus(module)
    for name, layer in list(module.named_children()):
        if _is_plain(layer):
            assert isinstance(layer, nn.Conv2d)
            relu = relus.get(name)
            setattr(module, name, PackedConv(layer, has_relu=relu is not None))
            if relu is not None:
                setattr(module, relu, nn.Identity())


def _relus(module: nn.Module) -> dict[str, str]:
    """The names of ReLUs, by those of the layers right before them."""
    if not isinstance(module, nn.Sequential):
        return {}
    layers = [each for each in module.named_children() if not isinstance(each[1], nn.Identity)]
    return {
        name: next_name
        for (name, _), (next_name, following) in pairwise(layers)
        if isinstance(following, nn.ReLU)
    }


def _is_plain(layer: nn.Module) -> bool:
    """A convolution whose padding is zeros, counted in numbers."""
    return (
        type(layer) is nn.Conv2d
        and layer.padding_mode == "zeros"
        and not isinstance(layer.padding, str)
    )


def _is_able(dtype: torch.dtype) -> bool:
    """The operations are there, and the processor has the instructions."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]  # is untyped
        return False
    conv = nn.Conv2d(3, 8, 3, padding=1).to(dtype)
    x = torch.ones(1, 3, 8, 8, dtype=dtype)
    try:
        with torch.inference_mode():
            _compute(conv, _reorder(conv, x), x, has_relu=True)
    except (AttributeError, RuntimeError):
        return False
    return True


def _reorder(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """The weights for inputs like `x`: oneDNN's own, which nothing else can read."""
    reorder = torch.ops.mkldnn._reorder_convolution_weight  # noqa: SLF001 - see above
    weight: Tensor = reorder(conv.weight.detach(), *_where(conv), list(x.shape))
    return weight


def _compute(conv: nn.Conv2d, weight: Tensor, x: Tensor, *, has_relu: bool) -> Tensor:
    compute = torch.ops.mkldnn._convolution_pointwise  # noqa: SLF001 - see above
    behind = "relu" if has_relu else "none"
    found: Tensor = compute(x, weight, conv.bias, *_where(conv), behind, [], "")
    return found


def _where(conv: nn.Conv2d) -> tuple[list[int], list[int], list[int], int]:
    """Padding, stride, dilation and groups."""
    padding = [int(side) for side in conv.padding]
    return padding, list(conv.stride), list(conv.dilation), conv.groups
