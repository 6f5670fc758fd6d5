"""Where nobody names a detector, its weights do."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from detector.choice import choose_detector
from detector.config import AUTO, DetectorConfig
from detector.errors import WeightsError
from detector.table import DETECTORS, build_detector
from detector.weights import SHIPPED
from tests.detector.tiny import tiny_network
from tests.detector.tiny_onnx import write_tiny_yolox


def _chosen(weights: str | None, name: str = AUTO) -> str:
    config = DetectorConfig(name=name, weights=weights)
    return choose_detector(config, cache_dir=None, on_progress=None).name


@pytest.mark.parametrize(
    ("weights", "name"),
    [
        pytest.param(None, "starter", id="nothing named"),
        pytest.param("centernet_hardnet85_coco", "hardnet85", id="published, not fetched"),
        pytest.param("streets_fchardnet70", "fchardnet70", id="shipped"),
        pytest.param("untrained", "hardnet85", id="untrained"),
        pytest.param("https://example.org/yolox_s.onnx?v=2", "yolox", id="ONNX, not fetched"),
    ],
)
def test_weights_name_their_detector(weights: str | None, name: str) -> None:
    assert _chosen(weights) == name
    assert name in DETECTORS


def test_a_file_of_this_program_says_what_it_is_for(tmp_path: Path) -> None:
    copy = tmp_path / "mine.safetensors"
    shutil.copy(SHIPPED["streets_fchardnet70"].path, copy)
    assert _chosen(str(copy)) == "fchardnet70"


def test_a_checkpoint_that_says_nothing_is_a_published_one(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    torch.save({"state_dict": tiny_network().state_dict()}, path)
    assert _chosen(str(path)) == "hardnet85"


def test_a_name_that_was_given_stays(tmp_path: Path) -> None:
    assert _chosen(str(write_tiny_yolox(tmp_path / "a.onnx")), "hardnet68") == "hardnet68"


def test_weights_that_are_not_there_are_one_line() -> None:
    with pytest.raises(WeightsError, match="nowhere"):
        _chosen("nowhere/model.pth")


def test_what_comes_with_the_program_is_built_without_a_word() -> None:
    with build_detector(DetectorConfig(device="cpu", runtime="torch")) as detector:
        assert len(detector.class_names) == 80
