from __future__ import annotations

from functools import partial

import pytest
import torch

from detector.fchardnet import FCHARDNET70, FCHarDNet
from detector.network import bare, untrained
from tests.detector.networks import assert_folding_keeps, convolution_macs

make = partial(FCHarDNet, FCHARDNET70)


@pytest.fixture(scope="module")
def network() -> FCHarDNet:
    return untrained(make, 3).eval()


def test_size_is_what_the_family_promises() -> None:
    parameters = sum(value.numel() for value in bare(make, 80).parameters())
    assert parameters == 4_122_442
    assert round(parameters / 1e6, 1) == 4.1


@pytest.mark.parametrize(
    ("size", "macs"), [pytest.param(320, 1.74e9, id="320"), pytest.param(512, 4.45e9, id="512")]
)
def test_cost_is_what_the_family_promises(size: int, macs: float) -> None:
    # 80 classes; the promise has three digits
    assert convolution_macs(bare(make, 80), size) == pytest.approx(macs, rel=2e-3)


@pytest.mark.parametrize(
    ("height", "width"),
    [
        pytest.param(32, 32, id="the smallest"),
        pytest.param(64, 128, id="a multiple of 64"),
        pytest.param(96, 160, id="of 32 only"),
    ],
)
def test_heads_have_a_cell_for_every_fourth_pixel(
    network: FCHarDNet, height: int, width: int
) -> None:
    with torch.inference_mode():
        heads = network(torch.zeros(2, 3, height, width))
    cells = (height // 4, width // 4)
    assert heads.heatmap.shape == (2, 3, *cells)
    assert heads.size.shape == heads.offset.shape == (2, 2, *cells)


def test_fresh_network_calls_a_centre_rare(network: FCHarDNet) -> None:
    pictures = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        score = network(pictures).heatmap.sigmoid()
    # bias -2.19 is 0.1; the quiet first weights add little to it
    assert float(score.mean()) == pytest.approx(0.1, abs=0.03)


def test_same_seed_gives_the_same_weights() -> None:
    one, two = untrained(make, 3, seed=4).state_dict(), untrained(make, 3, seed=4).state_dict()
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_folded_network_computes_the_same() -> None:
    # float32 carries 1e-7; some sixty layers of it
    assert_folding_keeps(untrained(make, 3, seed=1).eval(), share=1e-4)
