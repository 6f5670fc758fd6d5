from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from detector.centernet import CenterNet
from detector.geometry import parse_imgsz
from detector.network import Heads, bare, untrained
from detector.recipe import RECIPES
from tests.detector import oracle
from tests.detector.tiny import make_tiny, tiny_network
from tests.paths import GOLDEN, SHARED, needs_shared


def test_keys_and_shapes_are_those_of_the_published_checkpoint() -> None:
    recipe = RECIPES["hardnet85"]
    state = bare(recipe.network, len(recipe.class_names)).state_dict()
    assert {key: list(value.shape) for key, value in state.items()} == oracle.published_shapes()
    assert len(state) == 668


@pytest.mark.parametrize("mode", oracle.MODES)
def test_heads_on_the_blocks_are_the_published_ones(oracle_network: CenterNet, mode: str) -> None:
    """With the mirrored picture the published sums ran in another order, even its own rerun's."""
    imgsz, flip = oracle.MODES[mode]
    with np.load(GOLDEN / "golden_blocks_small.npz") as golden:
        x = _network_input(imgsz, flip)
        np.testing.assert_array_equal(x[..., ::8, ::8], golden[f"{mode}/input_every8"])
        logits, boxes = _logits_and_boxes(_run(oracle_network, x))
        expected_logits = golden[f"{mode}/hm_logits_every8"]
        expected_boxes = golden[f"{mode}/wh4_every8"]
    of_spread = oracle.ROUNDING if flip else 0
    logit_tolerance = max(oracle.LOGIT_TOLERANCE, of_spread * expected_logits.std())
    box_tolerance = max(oracle.BOX_TOLERANCE, of_spread * expected_boxes.std())
    _assert_close(logits[..., ::8, ::8], expected_logits, logit_tolerance)
    _assert_close(boxes[..., ::8, ::8], expected_boxes, box_tolerance)


@needs_shared("oracle")
@pytest.mark.parametrize("picture", ["blocks", "24274813513"])
def test_heads_on_stored_inputs_are_the_published_ones(
    oracle_network: CenterNet, picture: str
) -> None:
    with np.load(SHARED / "oracle" / f"golden__{picture}__fix512.npz") as golden:
        logits, boxes = _logits_and_boxes(_run(oracle_network, golden["input"]))
        _assert_close(logits, golden["hm_logits"], oracle.LOGIT_TOLERANCE)
        _assert_close(boxes, golden["wh4"], oracle.BOX_TOLERANCE)


@needs_shared("oracle")
@pytest.mark.parametrize("picture", ["blocks", "24274813513"])
def test_folded_channels_last_network_says_the_same(
    folded_network: CenterNet, picture: str
) -> None:
    """Other orders of summation: 1.5e-4 of the heads' spread was seen on the photograph."""
    with np.load(SHARED / "oracle" / f"golden__{picture}__fix512.npz") as golden:
        network = folded_network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in the stub
        logits, boxes = _logits_and_boxes(_run(network, golden["input"]))
        _assert_close(logits, golden["hm_logits"], oracle.ROUNDING * golden["hm_logits"].std())
        _assert_close(boxes, golden["wh4"], oracle.ROUNDING * golden["wh4"].std())


def test_untrained_weights_are_the_same_for_the_same_seed() -> None:
    first, again, other = (untrained(make_tiny, 3, seed=seed).state_dict() for seed in (4, 4, 5))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["wh.0.weight"], other["wh.0.weight"])


def test_making_untrained_weights_leaves_the_global_stream_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    tiny_network()
    assert torch.equal(torch.rand(1), expected)


def test_untrained_network_finds_every_centre_unlikely() -> None:
    heads = _run(tiny_network().eval(), np.zeros((1, 3, 64, 64), np.float32))
    # sigmoid(-2.19) = 0.1006
    assert heads.heatmap.sigmoid().mean().item() == pytest.approx(0.1, abs=0.02)


def test_heads_are_float32_whatever_the_network_computes_in() -> None:
    network = tiny_network().eval()
    x = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        exact = network(x)
        rough = network.to(torch.bfloat16)(x.to(torch.bfloat16))
    for fine, coarse in zip(exact, rough, strict=True):
        assert coarse.dtype == torch.float32
        # bfloat16 keeps 8 bits, and some twenty layers follow each other
        torch.testing.assert_close(coarse, fine, rtol=0, atol=0.1 * float(fine.std()) + 0.02)


def test_gradients_reach_every_parameter() -> None:
    network = tiny_network()
    sum(head.square().sum() for head in network(torch.randn(2, 3, 64, 64))).backward()
    assert all(value.grad is not None for value in network.parameters())


def _network_input(imgsz: str, flip: bool) -> np.ndarray[Any, np.dtype[np.float32]]:
    pixels = oracle.blocks()
    place = parse_imgsz(imgsz).place(pixels.shape[1], pixels.shape[0])
    table = RECIPES["hardnet85"].normalisation()[0]
    x = table[place.warp(pixels), np.arange(3)].transpose(2, 0, 1)[None]
    return np.concatenate([x, x[..., ::-1]]) if flip else x


def _logits_and_boxes(heads: Heads) -> tuple[torch.Tensor, torch.Tensor]:
    """As the published network gives them: (B, C, h, w) and (B, 4, h, w)."""
    return heads.heatmap, torch.cat([heads.size, heads.offset], 1)


def _run(network: CenterNet, x: np.ndarray[Any, np.dtype[np.float32]]) -> Heads:
    # Two threads, as the stored arrays were made with: the number decides the order of sums, and at
    # logits of -450 one thread is 2e-3 away, five parts in a million.
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with torch.inference_mode():
            heads: Heads = network(torch.from_numpy(x.copy()))
    finally:
        torch.set_num_threads(threads)
    return heads


def _assert_close(ours: torch.Tensor, expected: Any, tolerance: float) -> None:  # an npz gives Any
    np.testing.assert_allclose(ours.numpy(), expected, rtol=0, atol=tolerance)
