from __future__ import annotations

from functools import partial

import pytest
import torch

from detector.centernet import CenterNet
from detector.hardnet import (
    HARDNET68,
    HARDNET85,
    HarDBlock,
    HarDNetSpec,
    layer_width,
    links,
    share,
    triple,
)
from detector.network import bare
from tests.detector.networks import convolution_macs
from tests.detector.tiny import tiny_network

LINKS = {
    1: [0],
    2: [1, 0],
    3: [2],
    4: [3, 2, 0],
    5: [4],
    6: [5, 4],
    7: [6],
    8: [7, 6, 4, 0],
    9: [8],
    10: [9, 8],
    11: [10],
    12: [11, 10, 8],
    13: [12],
    14: [13, 12],
    15: [14],
    16: [15, 14, 12, 8, 0],
}


@pytest.mark.parametrize(("layer", "expected"), LINKS.items(), ids=str)
def test_layer_reads_those_a_power_of_two_before_it(layer: int, expected: list[int]) -> None:
    assert links(layer) == expected


@pytest.mark.parametrize(
    ("growth", "widths"),
    [
        pytest.param(24, [24, 40, 70, 118, 200], id="24"),
        pytest.param(28, [28, 48, 80, 138, 234], id="28"),
        pytest.param(36, [36, 62, 104, 176, 300], id="36"),
        pytest.param(48, [48, 82, 138, 236, 400], id="48"),
        pytest.param(64, [64, 108, 184, 314], id="64"),
        pytest.param(80, [80, 136, 232, 394], id="80"),
    ],
)
def test_layer_widens_with_each_link_and_stays_even(growth: int, widths: list[int]) -> None:
    assert [layer_width(2**i, growth) for i in range(len(widths))] == widths


def test_block_gives_its_odd_layers_and_the_last() -> None:
    # 24 + 24 + 24 + 24 + 118: layers 1, 3, 5, 7, 8
    assert HarDBlock(96, 24, 8).channels == 214


@pytest.mark.parametrize(
    ("spec", "parameters", "macs"),
    [
        pytest.param(HARDNET85, 37_274_988, 87.715e9, id="hardnet85"),
        pytest.param(HARDNET68, 20_732_028, 46.914e9, id="hardnet68"),
    ],
)
def test_network_is_as_large_and_as_dear_as_published(
    spec: HarDNetSpec, parameters: int, macs: float
) -> None:
    network = bare(partial(CenterNet, spec), 80)
    assert sum(value.numel() for value in network.parameters()) == parameters
    assert convolution_macs(network, 512) == pytest.approx(macs, rel=1e-5)


@pytest.mark.parametrize(
    ("height", "width"),
    [
        pytest.param(32, 32, id="the smallest"),
        pytest.param(33, 47, id="odd"),
        pytest.param(100, 100, id="no multiple of 32"),
        pytest.param(64, 160, id="wide"),
    ],
)
def test_map_has_a_cell_for_every_fourth_pixel(height: int, width: int) -> None:
    features = tiny_network().eval().features(torch.zeros(2, 3, height, width))
    assert features.shape[2:] == (-(-height // 4), -(-width // 4))


def test_share_sums_to_nearly_one() -> None:
    # 4 cells of 2: 8 / 8.1
    assert share(torch.full((1, 1, 2, 2), 2.0)).sum().item() == pytest.approx(8 / 8.1)


def test_share_of_an_empty_map_is_zero() -> None:
    assert share(torch.zeros(1, 1, 3, 3)).abs().max() == 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_share_survives_sums_beyond_float16(dtype: torch.dtype) -> None:
    """128 x 128 cells of 50 sum to 819,200; float16 ends at 65,504."""
    x = torch.full((1, 1, 128, 128), 50.0, dtype=dtype)
    assert share(x).dtype == dtype
    # bfloat16 rounds to 8 bits: 0.4 %
    torch.testing.assert_close(share(x), torch.full_like(x, 50 / 819_200.1), rtol=4e-3, atol=0)


def test_mean_of_the_triple_counts_cells_beyond_the_border() -> None:
    x = torch.ones(1, 1, 20, 20)
    mean = triple(x)[0, 1]
    assert mean[10, 10].item() == pytest.approx(1)
    assert mean[0, 0].item() == pytest.approx(25 / 81)  # 5 x 5 of 9 x 9 cells lie inside
