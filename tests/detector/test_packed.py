"""Packed weights compute what torch computes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from detector.fold import fold_batch_norm
from detector.network import PointNetwork, untrained
from detector.packed import PackedConv, packed
from detector.recipe import RECIPES
from tests.detector.tiny import tiny_network

needs_packing = pytest.mark.skipif(
    not torch.backends.mkldnn.is_available(),  # type: ignore[no-untyped-call]  # is untyped
    reason="torch has no oneDNN here",
)


def folded(name: str, dtype: torch.dtype) -> PointNetwork:
    """Always the same."""
    network = tiny_network() if name == "tiny" else untrained(RECIPES[name].network, 80)
    fold_batch_norm(network.eval())
    return network.to(dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]  # not in the stub


def pictures(batch: int, height: int, width: int, dtype: torch.dtype = torch.float32) -> Tensor:
    stream = torch.Generator().manual_seed(0)
    x = torch.randn(batch, 3, height, width, generator=stream)
    return x.to(dtype).to(memory_format=torch.channels_last)


def count(network: nn.Module, kind: type[nn.Module]) -> int:
    return sum(type(each) is kind for each in network.modules())


@needs_packing
@pytest.mark.parametrize("name", ["tiny", "starter"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@torch.inference_mode()
def test_every_convolution_is_packed_and_gives_the_same_heads(
    name: str, dtype: torch.dtype
) -> None:
    x = pictures(2, 64, 96, dtype)
    network = folded(name, dtype)
    expected = network(x)

    twin = packed(network)

    if twin is network and dtype == torch.bfloat16:
        pytest.skip("the processor has no bfloat16")
    assert count(twin, PackedConv) == count(network, nn.Conv2d) > 10
    assert count(network, PackedConv) == 0
    for run in range(2):  # the first one packs
        for ours, theirs in zip(twin(x), expected, strict=True):
            # A sum in another order: 2e-5 of the largest value by one thread, less by more of them;
            # in bfloat16 it is rounded away.
            limit = 1e-4 * float(theirs.abs().max()) if dtype == torch.float32 else 0.0
            assert float((ours - theirs).abs().max()) <= limit, run


@needs_packing
@torch.inference_mode()
def test_inputs_of_other_shapes_than_the_first_are_computed_too() -> None:
    reference = folded("tiny", torch.float32)
    network = packed(reference)
    for batch, height, width in ((1, 64, 64), (2, 64, 64), (1, 32, 96), (1, 64, 64)):
        x = pictures(batch, height, width)
        for ours, theirs in zip(network(x), reference(x), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@needs_packing
def test_weights_are_shared_and_packed_once() -> None:
    network = folded("tiny", torch.float32)
    twin = packed(network)
    assert {id(each) for each in twin.parameters()} == {id(each) for each in network.parameters()}
    assert count(packed(twin), PackedConv) == count(twin, PackedConv) > 0


def test_precision_that_cannot_be_packed_is_left_as_it_is() -> None:
    network = folded("tiny", torch.float64)
    assert packed(network) is network


@needs_packing
@torch.inference_mode()
def test_only_a_relu_right_behind_a_convolution_joins_it() -> None:
    odd = nn.Conv2d(4, 4, 3, padding=1, padding_mode="replicate")
    layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.MaxPool2d(2), nn.ReLU(), odd, nn.ReLU())
    x = pictures(1, 16, 16)
    expected = layers(x)

    twin = packed(layers)

    assert [type(each) for each in twin] == [
        PackedConv,
        nn.MaxPool2d,
        nn.ReLU,
        nn.Conv2d,
        nn.ReLU,
    ]
    torch.testing.assert_close(twin(x), expected, rtol=1e-5, atol=1e-6)
