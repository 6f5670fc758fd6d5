from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from detector.fold import fold_batch_norm
from detector.fuse import fuse_relu
from detector.padding import pad_channels
from tests.detector.tiny import tiny_network


def _one_call(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    groups: int,
) -> Tensor:
    """What cuDNN's call computes, by its own signature."""
    return F.conv2d(x, weight, bias, stride, padding, dilation, groups).relu_()


def test_joined_layers_compute_the_same() -> None:
    network = tiny_network().eval()
    fold_batch_norm(network)
    pad_channels(network)
    relus = sum(isinstance(module, nn.ReLU) for module in network.modules())
    pictures = torch.randn(2, 3, 64, 96)
    with torch.inference_mode():
        expected = network(pictures)
        assert fuse_relu(network, _one_call) == relus
        pad_channels(network)  # as when a detector is entered again: nothing is left to do
        assert fuse_relu(network, _one_call) == 0
        found = network(pictures)
    assert not any(isinstance(module, nn.ReLU) for module in network.modules())
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_layers_without_bias_or_relu_are_left_alone() -> None:
    plain = nn.Sequential(
        *(nn.Conv2d(3, 4, 1, bias=False), nn.ReLU()),
        *(nn.Conv2d(4, 4, 1, padding="same"), nn.ReLU()),
        *(nn.Conv2d(4, 4, 1), nn.Sigmoid()),
    )
    assert fuse_relu(plain, _one_call) == 0


def test_torch_has_the_call_that_a_gpu_needs() -> None:
    assert callable(torch.cudnn_convolution_relu)
