"""Weights that are given away: small, and still the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from detector.about import About
from detector.checkpoint import read_checkpoint
from detector.network import untrained
from detector.recipe import RECIPES
from tests.detector import oracle
from train.export import main

ABOUT = About("fchardnet70", ("cat", "dog"), (0.4, 0.5, 0.6), (0.2, 0.3, 0.4), "64x32")


@pytest.fixture
def state() -> dict[str, Tensor]:
    return dict(untrained(RECIPES["fchardnet70"].network, 2).state_dict())


@pytest.fixture
def trained(tmp_path: Path, state: dict[str, Tensor]) -> Path:
    path = tmp_path / "last.pth"
    content = {"state_dict": state, **ABOUT.content(), "epoch": 3, "training": {"step": 9}}
    torch.save(content, path)
    return path


def test_export_is_half_as_large_and_says_what_it_needs(
    trained: Path, state: dict[str, Tensor]
) -> None:
    out = trained.with_name("small.safetensors")
    assert main(["--weights", str(trained), "--out", str(out), "--imgsz", "96x64"]) == 0
    assert out.stat().st_size < 10e6  # 4.1 M weights of two bytes
    checkpoint = read_checkpoint(out)
    assert checkpoint.about == About(
        "fchardnet70", ABOUT.class_names, ABOUT.mean, ABOUT.std, "96x64"
    )
    for key, value in state.items():
        # fp16 keeps 11 bits
        torch.testing.assert_close(
            checkpoint.state_dict[key].to(value.dtype), value, rtol=2**-11, atol=1e-7
        )


def test_export_to_the_published_form_and_back(trained: Path, state: dict[str, Tensor]) -> None:
    out, back = trained.with_name("for_others.pth"), trained.with_name("back.safetensors")
    assert main(["--weights", str(trained), "--out", str(out)]) == 0
    content = torch.load(out, weights_only=True)
    assert content.keys() == {"epoch", "state_dict"}
    assert all(torch.equal(content["state_dict"][key], state[key]) for key in state)
    # It no longer says that it has two classes, so it is no detector of COCO's.
    assert main(["--weights", str(out), "--out", str(back), "--detector", "fchardnet70"]) == 5


def test_published_hardnet85_comes_in_and_goes_out_key_for_key(tmp_path: Path) -> None:
    published = oracle.save_checkpoint(tmp_path / "published.pth")
    own, again = tmp_path / "own.safetensors", tmp_path / "again.pth"
    assert main(["--weights", str(published), "--out", str(own), "--detector", "hardnet85"]) == 0
    assert main(["--weights", str(own), "--out", str(again)]) == 0
    keys = torch.load(again, weights_only=True, mmap=True)["state_dict"]
    assert {key: list(value.shape) for key, value in keys.items()} == oracle.published_shapes()
    assert len(keys) == 668


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        pytest.param(["--out", "a.onnx"], 2, id="another suffix"),
        pytest.param(["--out", "a.pth", "--imgsz", "big"], 2, id="no size"),
        pytest.param(["--out", "a.pth", "--detector", "hardnet85"], 2, id="another detector"),
        pytest.param(["--out", "absent/a.safetensors"], 2, id="no folder"),
        pytest.param(["--out", "last.pth"], 2, id="over what it reads"),
    ],
)
def test_impossible_wish_is_one_line(
    trained: Path, typed: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    typed[1] = str(trained.parent / typed[1])
    assert main(["--weights", str(trained), *typed]) == code
    error = capsys.readouterr().err.strip()
    assert error.startswith("error: ")
    assert "\n" not in error
