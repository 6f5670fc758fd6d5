"""The weights of an ncnn file, in its order.

Source: ncnn's param and model file structure. Read here are files of format version 7767517 whose
only layers with weights are convolutions, each a fp16 or fp32 kernel and a float32 bias.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from detector.errors import WeightsError

_MAGIC = "7767517"
_HALF, _WHOLE = 0x01306B47, 0  # the flag before a kernel: fp16, fp32
_KERNEL_SIZE = "6="  # the field that says how many weights a kernel has
_OUTPUTS = "0="


def fill_from_ncnn(network: nn.Module, param: Path, weights: Path) -> None:
    """Gives the convolutions of `network`, in the order of its modules, those of an ncnn file.

    Args:
        network: its convolutions have biases.
        param: the text that names the layers.
        weights: the file beside it that ends in .bin.

    Raises:
        WeightsError: a file cannot be read, or is for another network.
    """
    sizes = _convolutions(param)
    convs = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    got = [(conv.out_channels, conv.weight.numel()) for conv in convs]
    if got != sizes:
        raise WeightsError(
            f"weights {str(param)!r}: expected {len(convs)} convolutions of this network's sizes, "
            f"got {len(sizes)}; choose the file it is made for"
        )
    for conv, (kernel, bias) in zip(convs, _tensors(weights, sizes), strict=True):
        conv.weight.data = kernel.reshape(conv.weight.shape)
        conv.bias = nn.Parameter(bias)


def _convolutions(param: Path) -> list[tuple[int, int]]:
    """Outputs and weights of every convolution."""
    try:
        magic, _, *lines = param.read_text("ascii").splitlines()
    except (OSError, ValueError) as error:
        raise WeightsError(f"weights {str(param)!r}: cannot be read: {error}") from error
    if magic != _MAGIC:
        raise WeightsError(
            f"weights {str(param)!r}: expected an ncnn param file, which begins with {_MAGIC}, "
            f"got {magic[:20]!r}"
        )
    found = []
    for line in lines:
        words = line.split()
        if words and words[0].startswith("Convolution"):
            fields = [_value(words, _OUTPUTS), _value(words, _KERNEL_SIZE)]
            found.append((fields[0], fields[1]))
    return found


def _value(words: list[str], field: str) -> int:
    return next(int(word.removeprefix(field)) for word in words if word.startswith(field))


def _tensors(weights: Path, sizes: list[tuple[int, int]]) -> Iterator[tuple[Tensor, Tensor]]:
    """Kernel, flat, and bias of each convolution, float32."""
    content = weights.read_bytes()
    at = 0

    def take(count: int, dtype: type[np.generic]) -> Tensor:
        nonlocal at
        try:
            values = np.frombuffer(content, dtype, count, at)
        except ValueError as error:
            raise WeightsError(
                f"weights {str(weights)!r}: expected more than {len(content)} bytes; "
                "download it again"
            ) from error
        at += -(-values.nbytes // 4) * 4  # padded to 4 bytes
        return torch.from_numpy(values.astype(np.float32))

    for outputs, size in sizes:
        flag = int.from_bytes(content[at : at + 4], "little")
        at += 4
        if flag not in (_HALF, _WHOLE):
            raise WeightsError(
                f"weights {str(weights)!r}: expected kernels in fp16 or fp32, got flag {flag:#x}"
            )
        yield take(size, np.float16 if flag == _HALF else np.float32), take(outputs, np.float32)
    if at != len(content):
        raise WeightsError(f"weights {str(weights)!r}: expected {at} bytes, got {len(content)}")
