"""The command that names everything wrong with a data set."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.train.data_sets import coco_box, write_coco
from train.check import main

GOOD = [coco_box(7, 2, 10.5, 4, 10, 10), coco_box(3, 5, 0, 0, 40, 60)]


def test_a_sound_set_ends_with_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = write_coco(tmp_path, GOOD)
    assert main(["--data", str(labels), "--images", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert told == "labels.json: 2 pictures, 2 boxes that hold, 2 classes; nothing wrong\n"


def test_everything_wrong_is_named_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    wrong = [coco_box(7, 2, 60, 1, 9, 5, id=31), coco_box(7, 5, 1, 1, 0, 5, id=32)]
    labels = write_coco(tmp_path, [GOOD[0], *wrong])
    (tmp_path / "a.png").unlink()
    jpeg = tmp_path / "b.jpg"
    jpeg.write_bytes(jpeg.read_bytes()[:-30])
    assert main(["--data", str(labels), "--images", str(tmp_path)]) == 1
    told = capsys.readouterr().out
    for words in (
        ("missing picture", "a.png"),
        ("broken picture", "b.jpg", "cut off"),
        ("box outside", "a.png, annotation 31", "60, 1, 69, 6 in a picture of 64 x 48"),
        ("box without area", "a.png, annotation 32"),
        ("class without a box", "'disc'"),
    ):
        assert any(all(word in line for word in words) for line in told.splitlines()), words
    assert told.endswith("2 boxes that hold, 2 classes; 5 problems\n")


def test_pictures_with_the_same_bytes_or_of_another_size_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    labels = write_coco(tmp_path, GOOD)
    (tmp_path / "b.jpg").write_bytes((tmp_path / "a.png").read_bytes())
    command = ["--data", str(labels), "--images", str(tmp_path)]
    assert main(command) == 1
    told = capsys.readouterr().out
    assert "the same bytes as a.png" in told
    assert "labelled as 40 x 60 px, but it is 64 x 48" in told
    assert main([*command, "--labels-only"]) == 0


def test_many_problems_of_a_kind_are_shortened_unless_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    wrong = [coco_box(7, 2, 1, 1, 0, 5, id=number) for number in range(50)]
    labels = write_coco(tmp_path, [*GOOD, *wrong])
    command = ["--data", str(labels), "--images", str(tmp_path), "--labels-only"]
    main([*command, "--limit", "3"])
    told = capsys.readouterr().out
    assert "and 47 more" in told
    assert told.count("annotation ") == 3
    main([*command, "--limit", "0"])
    assert capsys.readouterr().out.count("annotation ") == 50


def test_the_data_sets_of_a_training_are_found_in_its_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = write_coco(tmp_path, GOOD)
    one = f"{{type: coco, annotations: {labels}, images: {tmp_path}}}"
    config = tmp_path / "train.yaml"
    config.write_text(f"train: {one}\nval: {{type: synthetic}}\nepochs: 3\n")
    assert main(["--data", str(config)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("train: 2 pictures")
    assert told[1] == "val: drawn, so nothing to check"


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        pytest.param([], "--data", id="nothing"),
        pytest.param(["--data", "absent.json"], "no such file or folder", id="no file"),
        pytest.param(["--data", "x.json"], "--images: the layout coco needs", id="no images"),
        pytest.param(["--data", "x.json", "--limt", "3"], "did you mean '--limit'", id="option"),
        pytest.param(["--data", "x.yaml"], "expected `type`, `names` or `train`", id="yaml"),
        pytest.param(
            ["--data", "x.json", "--images", ".", "--rename", "a"], "expected old=new", id="rename"
        ),
    ],
)
def test_a_wrong_usage_is_one_line_and_2(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    typed: list[str],
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.json").write_text("{}")
    (tmp_path / "x.yaml").write_text("a: 1\n")
    assert main(typed) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


def test_a_label_file_that_cannot_be_read_is_found_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.json").write_text("{")
    assert main(["--data", str(tmp_path / "x.json"), "--images", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("error: annotations ")


def test_a_set_without_any_box_is_found_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Training would end at once: there is nothing to learn."""
    path = write_coco(tmp_path, [])
    data = json.loads(path.read_text())
    path.write_text(json.dumps({**data, "categories": []}))
    assert main(["--data", str(path), "--images", str(tmp_path)]) == 1
    assert "no box of any class" in capsys.readouterr().out
