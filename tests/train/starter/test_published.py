"""The rebuilt NanoDet-Plus is the published one, held to the program its file is for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from detector.errors import WeightsError
from detector.peaks import decode, plain_maps
from tests.paths import SHARED, needs_shared
from train.starter.nanodet import NanoDet, read_nanodet, starter_from

PARAM, BIN = (SHARED / "data" / "weights" / f"nanodet_plus_m_416.{end}" for end in ("param", "bin"))
SIDE = 128

pytestmark = needs_shared("data", "weights", "nanodet_plus_m_416.bin")


@pytest.fixture(scope="module")
def network() -> NanoDet:
    return read_nanodet(PARAM, BIN)


@pytest.fixture(scope="module")
def x() -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=(3, SIDE, SIDE)).astype(np.float32)


@pytest.fixture(scope="module")
def blob(x: NDArray[np.float32]) -> Callable[[str], NDArray[np.float32]]:
    ncnn = pytest.importorskip("ncnn", reason="needs ncnn, of the dev extra")
    net = ncnn.Net()
    for option in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "winograd_convolution"):
        setattr(net.opt, f"use_{option}", False)  # rounding of its own
    net.opt.num_threads = 1
    net.load_param(str(PARAM))
    net.load_model(str(BIN))
    mat = ncnn.Mat(x)  # does not keep `x` alive: the fixture does

    def extract(name: str) -> NDArray[np.float32]:
        extractor = net.create_extractor()
        extractor.input("data", mat)
        code, out = extractor.extract(name)
        assert code == 0
        return np.array(out)

    return extract


@pytest.mark.parametrize(
    ("part", "index", "name"),
    [
        pytest.param("backbone", 0, "994", id="C3"),
        pytest.param("backbone", 1, "1209", id="C4"),
        pytest.param("backbone", 2, "1312", id="C5"),
        pytest.param("neck", 0, "1367", id="P3"),
        pytest.param("neck", 1, "1391", id="P4"),
        pytest.param("neck", 2, "1415", id="P5"),
        pytest.param("neck", 3, "1428", id="P6"),
    ],
)
def test_every_map_is_the_published_one(
    network: NanoDet,
    x: NDArray[np.float32],
    blob: Callable[[str], NDArray[np.float32]],
    part: str,
    index: int,
    name: str,
) -> None:
    with torch.inference_mode():
        maps = network.backbone(torch.from_numpy(x)[None])
        found = (maps if part == "backbone" else network.neck(maps))[index]
    # values reach 4: sums of some hundred products in another order
    np.testing.assert_allclose(found[0].numpy(), blob(name), rtol=0, atol=1e-5)


def test_scores_are_the_published_ones(
    network: NanoDet,
    x: NDArray[np.float32],
    blob: Callable[[str], NDArray[np.float32]],
) -> None:
    with torch.inference_mode():
        scores, _ = network(torch.from_numpy(x)[None])
    np.testing.assert_allclose(scores[0].numpy(), blob("output")[:, :80], rtol=0, atol=1e-5)


def test_starter_begins_with_what_the_teacher_knows(network: NanoDet) -> None:
    """A cell's best score is its level's, less what lying off the centre costs."""
    picture = torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        scores, _ = network(picture)
        rows = decode(plain_maps(starter_from(network).eval()(picture)), top_k=1)
    assert 0 < float(rows[0, 0, 4]) <= float(scores.max()) + 1e-6


def test_file_of_another_network_is_one_line(tmp_path: Path) -> None:
    shorter = tmp_path / "other.param"
    shorter.write_text("\n".join(PARAM.read_text("ascii").splitlines()[:40]), "ascii")
    with pytest.raises(WeightsError, match=r"expected 110 convolutions .* got \d+; choose"):
        read_nanodet(shorter, BIN)


def test_cut_weights_are_one_line(tmp_path: Path) -> None:
    cut = tmp_path / "cut.bin"
    cut.write_bytes(BIN.read_bytes()[:-10])
    with pytest.raises(WeightsError, match="download it again"):
        read_nanodet(PARAM, cut)
