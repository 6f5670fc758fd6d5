"""The weights that ship with the program still find what is on a drawn street."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from configs.document import read
from configs.loader import load
from detector.checkpoint import read_checkpoint
from detector.weights import SHIPPED
from tests.paths import ROOT
from train import evaluate, streets
from train.config import TrainConfig
from train.data.synthetic import SyntheticDataConfig

UNSEEN = range(700, 712)  # seeds


def test_shipped_weights_find_the_objects_of_unseen_streets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seeds = ["--scenes", str(len(UNSEEN)), "--first-seed", str(UNSEEN.start)]
    assert streets.main([*seeds, "--output", str(tmp_path)]) == 0
    annotations = str(tmp_path / "annotations.json")
    looked = ["--annotations", annotations, "--images", str(tmp_path), "--device", "cpu"]
    assert evaluate.main([*looked, "--detector", "fchardnet70"]) == 0
    found = re.search(r"AP50=([0-9.]+)", capsys.readouterr().out)
    assert found is not None
    assert float(found.group(1)) > 0.85  # 0.9 and more over 200 pictures; these are 24


def test_training_sees_other_streets_than_those_it_is_measured_on() -> None:
    config = load(TrainConfig, read(ROOT / "configs" / "train_synthetic.yaml"))
    seen = [_seeds(each) for each in (config.train, config.val) if each is not None]
    assert len(seen) == 2
    measured = [range(100), UNSEEN]  # the model card's, and this file's
    each = [*seen, *measured]
    for number, one in enumerate(each):
        assert all(
            not range(max(one.start, two.start), min(one.stop, two.stop)) for two in each[:number]
        )


def test_drawn_streets_are_a_data_set_as_coco_has_them(tmp_path: Path) -> None:
    assert streets.main(["--scenes", "2", "--frames", "1", "--output", str(tmp_path / "new")]) == 0
    document = json.loads((tmp_path / "new" / "annotations.json").read_text())
    assert [each["name"] for each in document["categories"]] == ["person", "car", "bicycle"]
    assert len(document["images"]) == 2
    for image in document["images"]:
        assert (tmp_path / "new" / image["file_name"]).is_file()
    ids = [each["id"] for each in document["annotations"]]
    assert ids == list(range(1, len(ids) + 1))
    for each in document["annotations"]:
        x, y, width, height = each["bbox"]
        assert 0 <= x < x + width <= 640
        assert 0 <= y < y + height <= 360


def test_impossible_number_of_streets_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert streets.main(["--scenes", "0", "--output", str(tmp_path)]) == 2
    assert capsys.readouterr().err == "error: scenes: expected at least 1, got 0\n"


def test_output_that_is_a_file_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert streets.main(["--output", str(tmp_path / "file")]) == 1
    told = f"error: folder '{tmp_path / 'file'}': cannot be made: File exists\n"
    assert capsys.readouterr().err == told


def test_shipped_file_is_small_and_says_what_it_is() -> None:
    shipped = SHIPPED["streets_fchardnet70"]
    assert shipped.path.stat().st_size < 10e6
    about = read_checkpoint(shipped.path).about
    assert about is not None
    assert about.architecture == shipped.architecture
    assert about.class_names == ("person", "car", "bicycle")
    assert shipped.path.with_suffix(".md").is_file()


def _seeds(source: object) -> range:
    assert isinstance(source, SyntheticDataConfig)
    return range(source.first_seed, source.first_seed + source.scenes)
