"""What a checkpoint says of itself, and that the detector listens."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from detector.about import About
from detector.checkpoint import read_checkpoint
from detector.config import DetectorConfig
from detector.errors import WeightsError
from detector.hardnet_detector import CenterNetDetector
from detector.network import untrained
from detector.recipe import RECIPES

ABOUT = About("fchardnet70", ("cat", "dog"), (0.4, 0.5, 0.6), (0.2, 0.3, 0.4), "64x32")


def saved(folder: Path, **changed: object) -> Path:
    """A checkpoint of ours with some of its plain values changed; None leaves one out."""
    network = untrained(RECIPES["fchardnet70"].network, 2)
    state: object = network.state_dict()
    content = {"state_dict": state, **ABOUT.content(), **changed}
    path = folder / "own.pth"
    torch.save({key: value for key, value in content.items() if value is not None}, path)
    return path


def test_what_is_written_is_what_is_read() -> None:
    assert About.of({**ABOUT.content(), "history": [1, 2], "epoch": 3}) == ABOUT


def test_published_files_say_nothing() -> None:
    assert About.of({"epoch": 300, "state_dict": {}}) is None


def test_detector_takes_classes_and_size_from_the_file(tmp_path: Path) -> None:
    config = DetectorConfig(name="fchardnet70", device="cpu", classes=("dog",))
    detector = CenterNetDetector.from_config(config, saved(tmp_path))
    assert detector.class_names == ("cat", "dog")


def test_a_size_that_is_asked_for_comes_before_the_file_s(tmp_path: Path) -> None:
    checkpoint = read_checkpoint(saved(tmp_path))
    assert checkpoint.about is not None
    recipe = RECIPES["fchardnet70"].trained_as(checkpoint.about)
    assert (recipe.imgsz, recipe.mean, recipe.std) == (ABOUT.imgsz, ABOUT.mean, ABOUT.std)
    config = DetectorConfig(name="fchardnet70", device="cpu", imgsz="nonsense")
    with pytest.raises(ValueError, match="imgsz: expected 512"):
        CenterNetDetector.from_config(config, saved(tmp_path))


def test_class_that_the_file_has_not_is_refused(tmp_path: Path) -> None:
    config = DetectorConfig(name="fchardnet70", device="cpu", classes=("person",))
    with pytest.raises(ValueError, match="person"):
        CenterNetDetector.from_config(config, saved(tmp_path))


def test_weights_of_another_architecture_name_their_detector(tmp_path: Path) -> None:
    config = DetectorConfig(name="hardnet85", device="cpu")
    with pytest.raises(WeightsError, match=r"for 'fchardnet70', expected ones for 'hardnet85'"):
        CenterNetDetector.from_config(config, saved(tmp_path))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        pytest.param({"format": 2}, "format: expected 1, got 2", id="a later format"),
        pytest.param({"imgsz": None}, "imgsz: missing", id="without size"),
        pytest.param({"imgsz": 320}, "imgsz: expected text", id="a number as size"),
        pytest.param({"class_names": []}, "class_names: expected names", id="no classes"),
        pytest.param({"class_names": "ab"}, "class_names: expected names", id="text as classes"),
        pytest.param({"class_names": ["a", "a"]}, "class_names: expected each once", id="twice"),
        pytest.param({"mean": [0.1, 0.2]}, "mean: expected 3 numbers", id="two colours"),
        pytest.param({"std": [0.1, 0.2, 0.0]}, "std: expected 3 numbers", id="no spread"),
        pytest.param({"std": [0.1, 0.2, float("nan")]}, "std: expected 3 numbers", id="NaN"),
    ],
)
def test_wrong_word_in_a_file_is_one_line(
    tmp_path: Path, changed: dict[str, object], told: str
) -> None:
    with pytest.raises(WeightsError, match=told) as caught:
        read_checkpoint(saved(tmp_path, **changed))
    assert "\n" not in str(caught.value)
    assert "own.pth" in str(caught.value)


def test_recipe_and_what_it_says_of_itself_fit() -> None:
    recipe = RECIPES["hardnet85"]
    told = replace(recipe.about("hardnet85"), class_names=("one",), imgsz="64")
    assert recipe.trained_as(told) == replace(recipe, class_names=("one",), imgsz="64")
