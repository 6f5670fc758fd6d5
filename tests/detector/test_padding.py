from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from detector.centernet import CenterNet
from detector.fold import fold_batch_norm
from detector.hardnet import HARDNET85, ConvLayer
from detector.network import untrained
from detector.padding import misaligned, pad_channels, picture_channels
from detector.recipe import RECIPES
from tests.detector.tiny import tiny_network


def _heads(network: CenterNet, pictures: Tensor) -> list[Tensor]:
    """The raw heads, in the network's own number format."""
    features = network.features(pictures)
    return [network.hm(features), network.wh(features)]


def _random_biases(network: nn.Module) -> None:
    stream = torch.Generator().manual_seed(5)
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.bias is not None:
            module.bias.data.normal_(generator=stream)


def test_padded_network_computes_the_same() -> None:
    network = untrained(lambda n: CenterNet(HARDNET85, n), 80).double().eval()
    fold_batch_norm(network)
    _random_biases(network)
    pictures = torch.randn(1, 3, 64, 96, dtype=torch.float64)
    with torch.inference_mode():
        expected = _heads(network, pictures)
        assert pad_channels(network) == 86  # of 114
        found = _heads(network, pictures)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.shape == theirs.shape
        assert float((ours - theirs).abs().max() / theirs.abs().max()) < 1e-12
    assert misaligned(network) == ["base.0.conv", "wh.2"]  # 3 colours in, 4 numbers out


def test_a_network_whose_splits_are_misaligned_computes_the_same() -> None:
    network = tiny_network().double().eval()
    fold_batch_norm(network)
    _random_biases(network)
    pictures = torch.randn(2, 3, 96, 64, dtype=torch.float64)
    with torch.inference_mode():
        expected = _heads(network, pictures)
        assert pad_channels(network) > len(misaligned(network)) > 0
        found = _heads(network, pictures)
    for ours, theirs in zip(found, expected, strict=True):
        assert float((ours - theirs).abs().max() / theirs.abs().max()) < 1e-12


def test_a_padded_picture_s_further_channels_do_not_matter() -> None:
    network = tiny_network().double().eval()
    fold_batch_norm(network)
    pictures = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    with torch.inference_mode():
        expected = _heads(network, pictures)
        pad_channels(network, pads_picture=True)
        assert picture_channels(network) == 8
        pad_channels(network, pads_picture=True)  # again, which changes nothing
        found = _heads(network, torch.cat([pictures, torch.randn(2, 5, 64, 64).double()], 1))
    for ours, theirs in zip(found, expected, strict=True):
        assert float((ours - theirs).abs().max() / theirs.abs().max()) < 1e-12


def test_padding_again_changes_nothing() -> None:
    network = tiny_network().eval()
    fold_batch_norm(network)
    pad_channels(network)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    pad_channels(network)
    after = network.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_a_network_with_batch_normalisation_is_left_alone() -> None:
    network = tiny_network().eval()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    pad_channels(network)
    after = network.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)


class _Strange(nn.Module):
    """Operations that look at channels, or use a convolution in unusual ways."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 5, 3, padding=1), nn.Conv2d(5, 5, 1)
        self.shuffled, self.grouped = nn.Conv2d(3, 6, 1), nn.Conv2d(6, 6, 1, groups=2)
        self.shifted, self.gain = nn.Conv2d(3, 7, 1), nn.Parameter(torch.randn(1, 7, 1, 1))
        self.free, self.last = nn.Conv2d(3, 9, 1), nn.Conv2d(27, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        twice = self.second(self.second(self.first(x)))
        grouped = self.grouped(self.shuffled(x).roll(1, 1))
        shifted = (self.shifted(x) * self.gain).relu()
        free = self.free(x).relu()
        # Not torch.cat, so nothing is known of what it joins; `free` goes in directly as well.
        joined = torch.stack([torch.cat([twice, grouped, shifted, free], 1)]).squeeze(0)
        value: Tensor = self.last(joined) + self.last(joined + 1)
        return value


def test_what_is_not_understood_is_left_alone() -> None:
    torch.manual_seed(0)
    network = _Strange().double().eval()
    pictures = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    with torch.inference_mode():
        expected = network(pictures)
        pad_channels(network)
        torch.testing.assert_close(network(pictures), expected, rtol=1e-12, atol=1e-12)


def test_what_is_understood_beside_it_is_padded() -> None:
    layers = nn.Sequential(ConvLayer(3, 5), ConvLayer(5, 6), nn.AvgPool2d(2), nn.Conv2d(6, 2, 1))
    network = layers.eval()
    fold_batch_norm(network)
    pad_channels(network)
    widths = [
        (m.in_channels, m.out_channels) for m in network.modules() if isinstance(m, nn.Conv2d)
    ]
    assert widths == [(3, 8), (8, 8), (8, 2)]


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_every_network_of_ours_computes_the_same(name: str) -> None:
    recipe = RECIPES[name]
    network = untrained(recipe.network, len(recipe.class_names)).eval()
    fold_batch_norm(network)
    _random_biases(network)
    network.double()
    pictures = torch.randn(1, 3, 64, 96, dtype=torch.float64)
    with torch.inference_mode():
        expected = [head.clone() for head in network(pictures)]
        pad_channels(network)
        found = network(pictures)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)  # heads are float32
