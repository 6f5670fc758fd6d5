"""Weights as safetensors: what was written comes back, and nothing else is taken for it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from detector.checkpoint import read_checkpoint
from detector.errors import WeightsError
from detector.recipe import RECIPES
from detector.safetensors_file import write_safetensors
from tests.detector.tiny import tiny_network

ABOUT = RECIPES["hardnet68"].about("hardnet68")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "mine.safetensors"
    write_safetensors(path, tiny_network(seed=3).state_dict(), ABOUT)
    return path


def test_what_was_written_comes_back_in_half_precision(path: Path) -> None:
    network = tiny_network(seed=4)
    checkpoint = read_checkpoint(path)
    checkpoint.fill(network)
    assert checkpoint.about == ABOUT
    wanted = tiny_network(seed=3).state_dict()
    for key, value in network.state_dict().items():
        assert value.dtype == wanted[key].dtype
        torch.testing.assert_close(value, wanted[key], rtol=2**-11, atol=2**-25)  # fp16's own


def test_file_is_readable_as_the_umask_says_and_alone(path: Path) -> None:
    beside = path.with_name("any")
    beside.touch()
    assert path.stat().st_mode == beside.stat().st_mode
    beside.unlink()
    assert list(path.parent.iterdir()) == [path]


def test_file_that_cannot_be_written_is_an_os_error_and_leaves_nothing(path: Path) -> None:
    folder = path.with_name("a folder")
    folder.mkdir()
    with pytest.raises(OSError, match="Is a directory"):
        write_safetensors(folder, tiny_network().state_dict(), ABOUT)
    with pytest.raises(FileNotFoundError):
        write_safetensors(folder / "absent" / "a.safetensors", {}, ABOUT)
    assert sorted(path.parent.iterdir()) == [folder, path]


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda content: b"", id="empty"),
        pytest.param(lambda content: content[: len(content) // 2], id="cut"),
        pytest.param(lambda content: b"\xff" * 64, id="of another kind"),
    ],
)
def test_damaged_file_is_one_line(path: Path, damage: object) -> None:
    assert callable(damage)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(
        WeightsError, match=r"expected a safetensors file, got .*; download it again"
    ):
        read_checkpoint(path)


def test_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot be read"):
        read_checkpoint(tmp_path / "none.safetensors")
