"""The starter: how its levels meet, what it is made of, and the weights that come with it."""

from __future__ import annotations

import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from detector.config import DetectorConfig
from detector.network import bare, untrained
from detector.peaks import decode, plain_maps
from detector.recipe import RECIPES
from detector.starter import OFF_CENTRE_MOST, Starter, nearest, seen_from_fine
from detector.table import build_detector
from detector.weights import SHIPPED
from tests.detector.frames import plain_frame

CLASSES = 3


@pytest.mark.parametrize("factor", [2, 4, 8])
@pytest.mark.parametrize(("h", "w"), [(8, 8), (20, 12), (52, 44)])
def test_every_fine_cell_sees_the_box_where_its_coarse_cell_does(
    factor: int, h: int, w: int
) -> None:
    rows, columns = -(-h // factor), -(-w // factor)
    sides = torch.rand(2, 4, rows, columns, generator=torch.Generator().manual_seed(1))
    fine = seen_from_fine(sides, factor, h, w)
    x, y = torch.arange(w), torch.arange(h)[:, None]
    coarse_x, coarse_y = factor * torch.arange(columns), factor * torch.arange(rows)[:, None]
    corners = torch.stack([x - fine[:, 0], y - fine[:, 1], x + fine[:, 2], y + fine[:, 3]], 1)
    wanted = torch.stack(
        [
            coarse_x - factor * sides[:, 0],
            coarse_y - factor * sides[:, 1],
            coarse_x + factor * sides[:, 2],
            coarse_y + factor * sides[:, 3],
        ],
        1,
    )
    # a box is a few cells large: single precision keeps six digits of it
    torch.testing.assert_close(corners, nearest(wanted, factor, h, w), rtol=0, atol=1e-4)


def test_cell_listens_to_the_level_whose_box_lies_around_it() -> None:
    """A large object of level 16, surer than a small one of level 8 within it, hides it not."""
    network = untrained(Starter, CLASSES).eval()
    with torch.no_grad():
        for tower, logits, sides in zip(network.towers, (2, 3, -9, -9), (1, 4, 1, 1), strict=True):
            for name in ("classes", "sides"):
                tower.get_parameter(f"{name}.weight").zero_()
                tower.get_parameter(f"{name}.bias").zero_()
            tower.get_parameter("classes.bias").fill_(logits)
            tower.get_parameter("sides.bias").view(4, 8)[:, sides] = 50
        heads = network(torch.zeros(1, 3, 64, 64))
    # on even cells both boxes are centred, and 3 is more than 2; on cells odd in both directions
    # the nearest of level 16 lies a cell off each way: 3 - 0.5 * 2 = 2 is no more than 2
    assert heads.size[0, 0, 2, 2] == pytest.approx(16)
    assert heads.heatmap[0, 0, 2, 2] == pytest.approx(3)
    assert heads.size[0, 0, 1, 1] == pytest.approx(2)
    assert heads.heatmap[0, 0, 1, 1] == pytest.approx(2)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (192, 320), (416, 256), (32, 96)])
def test_heads_have_one_cell_for_eight_pixels(height: int, width: int) -> None:
    network = untrained(Starter, CLASSES).eval()
    with torch.inference_mode():
        heads = network(torch.zeros(2, 3, height, width))
    cells = (height // 8, width // 8)
    assert heads.heatmap.shape == (2, CLASSES, *cells)
    assert heads.size.shape == heads.offset.shape == (2, 2, *cells)
    assert {head.dtype for head in heads} == {torch.float32}
    assert bool((heads.size >= 0).all())


def test_heads_are_float32_whatever_the_network_computes_in() -> None:
    network = untrained(Starter, CLASSES).eval().to(torch.bfloat16)
    with torch.inference_mode():
        heads = network(torch.zeros(1, 3, 64, 64, dtype=torch.bfloat16))
    assert {head.dtype for head in heads} == {torch.float32}


def test_of_cells_that_mean_one_box_only_its_centre_is_a_peak() -> None:
    """All towers say the same of every cell but for the one level that is surest."""
    network = untrained(Starter, CLASSES).eval()
    with torch.no_grad():
        for tower in network.towers:
            for name in ("classes", "sides"):
                tower.get_parameter(f"{name}.weight").zero_()
                tower.get_parameter(f"{name}.bias").zero_()
        # The coarsest level is surest of class 1, and sees every side 2 of its cells away, so
        # its one cell (the input is one of them large) speaks of a box around input pixel 0.
        network.towers[-1].get_parameter("classes.bias")[1] = 5
        network.towers[-1].get_parameter("sides.bias").view(4, 8)[:, 2] = 50
        heads = network(torch.zeros(1, 3, 64, 64))
        [rows] = decode(plain_maps(heads), top_k=5).numpy()
    best = rows[0]
    # two cells of stride 64 to each side are 16 of stride 8, around cell 0
    np.testing.assert_allclose(best[:4], [-16, -16, 16, 16], atol=1e-3)
    assert best[5] == 1
    # 5 logits, then less for lying off: at most 5 - 0.5 * 8 = 1
    assert best[4] == pytest.approx(1 / (1 + np.exp(-5)), abs=1e-4)
    far = heads.heatmap[0, 1, -1, -1]  # decoding has put scores in the logits' place
    assert far == pytest.approx(1 / (1 + np.exp(-(5 - 0.5 * OFF_CENTRE_MOST))), abs=1e-4)


def test_gradients_reach_every_parameter() -> None:
    network = untrained(Starter, CLASSES)
    network.towers[1].get_parameter("classes.bias").data[0] = 0  # each level must be heard
    pictures = torch.randn(4, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    heads = network(pictures)
    sum(head.square().sum() for head in heads).backward()
    silent = [name for name, value in network.named_parameters() if value.grad is None]
    assert not silent


def test_untrained_weights_are_the_same_for_the_same_seed() -> None:
    first, again, other = (untrained(Starter, 3, seed=seed).state_dict() for seed in (4, 4, 5))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["backbone.stem.conv.weight"], other["backbone.stem.conv.weight"])


def test_shipped_weights_are_small_and_have_a_card_beside_them() -> None:
    shipped = SHIPPED["starter_coco"].path
    assert shipped.stat().st_size < 10e6
    assert "Apache-2.0" in shipped.with_suffix(".md").read_text("utf-8")


def test_shipped_weights_work_without_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no network here")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    detector = build_detector(
        DetectorConfig(name="starter", device="cpu", runtime="torch"), cache_dir=tmp_path
    )
    assert detector.class_names == RECIPES["starter"].class_names
    with detector:
        [found] = detector.collect(detector.submit([plain_frame(128, 128, 128)]))
    assert len(found) == 0  # there is nothing on a grey picture
    assert not list(tmp_path.iterdir())


def test_shipped_weights_fill_the_whole_network() -> None:
    state = bare(Starter, 80).state_dict()
    assert sum(value.numel() for value in state.values()) < 1.5e6
    with safe_open(SHIPPED["starter_coco"].path, framework="pt") as file:
        assert set(file.keys()) == set(state)
