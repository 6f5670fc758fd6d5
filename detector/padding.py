"""Channel counts brought to multiples of 8 with zeros, which tensor cores want; exactly.

A padded channel has zero weights and zero bias, and whoever reads it has zero weights for it, so
every sum stays what it was. The network's own code does not change: only convolutions do.

Which convolution reads whose channels is not declared anywhere; it is watched on one forward pass
over a small picture. Where channels meet anything but a known operation their counts stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

MULTIPLE = 8  # of channels, for float16 and bfloat16
_PROBE_PX = 64  # a side of the picture that is watched going through

# Every output channel of these comes from the same channel of their inputs alone. (A padded one
# may hold anything finite: its readers' weights are zero.)
_CHANNELWISE: frozenset[Callable[..., object]] = frozenset(
    {
        *(F.relu, F.relu_, F.avg_pool2d, F.interpolate, torch.relu, torch.relu_),
        *(Tensor.float, Tensor.to, Tensor.contiguous, Tensor.add, Tensor.div, Tensor.mul),
        *(Tensor.__add__, Tensor.__truediv__, Tensor.__mul__),
    }
)


def pad_channels(
    network: nn.Module, multiple: int = MULTIPLE, *, pads_picture: bool = False
) -> int:
    """Pads the convolutions inside `network`, in place; gives back how many were misaligned.

    With `pads_picture` the network is afterwards given (B, `picture_channels(network)`, H, W), of
    which the first three are blue, green and red and the others anything finite.

    Args:
        network: in evaluation mode, batch normalisation folded; takes pictures of its own
            number format where it lies.
        multiple: of channels.
        pads_picture: the picture's three channels, too.
    """
    before = len(misaligned(network, multiple))
    if before:
        watched = _watch(network, keeps_picture=not pads_picture)
        padded: dict[_Producer, int] = {
            conv: _rounded(conv.out_channels, multiple)
            for conv, seen in watched.items()
            if seen.is_free
        }
        convolutions = [conv for conv in watched if isinstance(conv, nn.Conv2d)]
        # Inputs first: they are told apart by the widths that their producers still have.
        columns = {conv: _columns(watched[conv].inputs, padded) for conv in convolutions}
        for conv in convolutions:
            _rewrite(conv, columns[conv], padded.get(conv, conv.out_channels))
    return before


def picture_channels(network: nn.Module) -> int:
    """How many channels the first convolution wants."""
    return next(m.in_channels for m in network.modules() if isinstance(m, nn.Conv2d))


def misaligned(network: nn.Module, multiple: int = MULTIPLE) -> list[str]:
    """The names of the convolutions with a channel count that is no multiple."""
    return [
        name
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d)
        and (module.in_channels % multiple or module.out_channels % multiple)
    ]


@dataclass(frozen=True, slots=True, eq=False)
class _Picture:
    """Where channels begin."""

    out_channels: int


_Producer = nn.Conv2d | _Picture


@dataclass(frozen=True, slots=True)
class _Segment:
    """Channels that lie side by side: all those of a producer, or `count` of anything else."""

    producer: _Producer | None
    count: int


@dataclass(slots=True)
class _Watched:
    """What the forward pass has shown of a producer."""

    inputs: Sequence[_Segment]
    is_free: bool = True  # nobody minds how many channels it gives


def _watch(network: nn.Module, *, keeps_picture: bool) -> dict[_Producer, _Watched]:
    parameter = next(network.parameters())
    by_weight = {
        id(module.weight): module for module in network.modules() if isinstance(module, nn.Conv2d)
    }
    picture = parameter.new_zeros(1, picture_channels(network), _PROBE_PX, _PROBE_PX)
    watcher = _Watcher(by_weight, picture)
    if keeps_picture:
        watcher.pin(picture)
    with torch.inference_mode(), watcher:
        watcher.pin(network(picture))
    return watcher.watched


class _Watcher(TorchFunctionMode):
    """Follows channels from convolution to convolution through one forward pass."""

    def __init__(self, by_weight: Mapping[int, nn.Conv2d], picture: Tensor) -> None:
        super().__init__()
        self._by_weight = by_weight
        source = _Picture(picture.shape[1])
        self.watched: dict[_Producer, _Watched] = {source: _Watched(())}
        self._seen: dict[int, tuple[Tensor, Sequence[_Segment]]] = {}  # the tensor is kept alive
        self._note(picture, [_Segment(source, source.out_channels)])

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: object,
        args: tuple[Any, ...] = (),  # Any: whatever the network calls with
        kwargs: Mapping[str, Any] | None = None,  # likewise
    ) -> object:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        tensors = _tensors([*args, *kwargs.values()])
        given = [each for each in tensors if id(each) in self._seen]
        others = [each for each in tensors if id(each) not in self._seen and each.numel() > 1]
        if func in {F.conv2d, torch.conv2d}:
            self._convolved(args, kwargs, result)
        elif func is torch.cat and (kwargs.get("dim", args[1] if len(args) > 1 else 0) == 1):
            self._note(result, [part for each in args[0] for part in self._segments(each)])
        elif given and not others and _is_channelwise(func, args, kwargs):
            self._carried(given, result)
        elif given and _tensors([result]):
            self.pin(given)
        return result

    def pin(self, value: object) -> None:
        """Whatever made these tensors has to keep its number of channels."""
        for tensor in _tensors([value]):
            self._pin(self._segments(tensor))

    def _pin(self, segments: Sequence[_Segment]) -> None:
        for segment in segments:
            if segment.producer is not None:
                self.watched[segment.producer].is_free = False

    def _convolved(self, args: Sequence[Any], kwargs: Mapping[str, Any], result: object) -> None:
        tensor, weight = args[0], args[1] if len(args) > 1 else kwargs["weight"]
        conv = self._by_weight.get(id(weight))
        if conv is None or conv.groups != 1 or conv in self.watched:
            self.pin([tensor])
            if conv is not None and conv in self.watched:  # used twice, perhaps on other channels
                self.watched[conv].is_free = False
                self._pin(self.watched[conv].inputs)
            return
        self.watched[conv] = _Watched(self._segments(tensor))
        self._note(result, [_Segment(conv, conv.out_channels)])

    def _carried(self, given: Sequence[Tensor], result: object) -> None:
        """One outcome with the channels of its only kind of input; else all of them are pinned."""
        segments = self._segments(given[0])
        if isinstance(result, Tensor) and all(self._segments(each) == segments for each in given):
            self._note(result, segments)
        else:
            self.pin(given)

    def _note(self, result: object, segments: Sequence[_Segment]) -> None:
        assert isinstance(result, Tensor)
        self._seen[id(result)] = (result, segments)

    def _segments(self, tensor: Tensor) -> Sequence[_Segment]:
        if id(tensor) in self._seen:
            return self._seen[id(tensor)][1]
        return [_Segment(None, tensor.shape[1])]


def _tensors(values: Iterable[object]) -> list[Tensor]:
    found = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, tuple | list):
            found += _tensors(value)
    return found


def _is_channelwise(
    func: Callable[..., object], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> bool:
    if func is Tensor.sum:
        return tuple(args[1] if len(args) > 1 else kwargs.get("dim") or ()) == (2, 3)
    return func in _CHANNELWISE


def _columns(inputs: Sequence[_Segment], padded: Mapping[_Producer, int]) -> Tensor:
    """For every input channel to be, the one it has now, or -1 for zeros."""
    columns: list[int] = []
    begin = 0
    for segment in inputs:
        columns += range(begin, begin + segment.count)
        begin += segment.count
        if segment.producer is not None:
            columns += [-1] * (padded.get(segment.producer, segment.count) - segment.count)
    return torch.tensor(columns)


def _rewrite(conv: nn.Conv2d, columns: Tensor, outputs: int) -> None:
    old = conv.weight.detach()
    weight = old.new_zeros(outputs, len(columns), *old.shape[2:])
    weight[: len(old), columns >= 0] = old[:, columns[columns >= 0]]
    conv.weight = nn.Parameter(weight, requires_grad=False)
    if conv.bias is not None:
        bias = conv.bias.detach()
        conv.bias = nn.Parameter(
            torch.cat([bias, bias.new_zeros(outputs - len(bias))]), requires_grad=False
        )
    conv.out_channels, conv.in_channels = outputs, len(columns)


def _rounded(count: int, multiple: int) -> int:
    return -(-count // multiple) * multiple
