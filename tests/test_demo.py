"""`make demo`, by the very commands of the Makefile: what it promises and what it finds."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import cv2
import numpy as np
import pytest

import run
from detector.failure import DONE
from detector.overlap import iou_matrix
from tests.paths import ROOT

PHOTOS = ROOT / "configs" / "photos"
RECIPE = (ROOT / "Makefile").read_text().partition("\ndemo: setup\n")[2].partition("\n\n")[0]
LIMIT = 3  # frames: all photographs, and enough of the drawn street


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that looks like the repository to the demo, after it ran there, with records."""
    folder = tmp_path_factory.mktemp("clone")
    (folder / "configs").symlink_to(ROOT / "configs")
    commands = [shlex.split(words) for words in re.findall(r"run\.py (.+)", RECIPE)]
    assert len(commands) == 2
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for number, words in enumerate(commands):
            records = ["--sink", "file", "--sink", f"jsonl:{number}.jsonl"]
            assert run.main([*words, *records, "--limit", str(LIMIT)]) == DONE
    return folder


def test_the_results_lie_where_the_demo_says(demo: Path) -> None:
    places = re.findall(r"runs/[\w/.]+", RECIPE)
    assert len(places) == 2
    assert [place for place in places if not (demo / place).exists()] == []


@pytest.mark.parametrize(
    ("file", "name", "box"),  # boxes as one person sees them
    [
        pytest.param("astronaut.jpg", "person", (20, 14, 365, 512), id="person"),
        pytest.param("chelsea.jpg", "cat", (0, 0, 405, 300), id="cat"),
        pytest.param("coffee.jpg", "cup", (173, 20, 413, 312), id="cup with its handle"),
    ],
)
def test_the_demo_finds_what_is_on_a_photograph(
    demo: Path, file: str, name: str, box: tuple[float, float, float, float]
) -> None:
    lines = [json.loads(line) for line in (demo / "1.jsonl").read_text().splitlines()]
    (found,) = [line["detections"] for line in lines if line.get("file") == file]
    best = [each for each in found if each["class_name"] == name and each["score"] > 0.5]
    assert len(best) == 1
    assert iou_matrix(np.array([best[0]["xyxy"]]), np.array([box])).item() > 0.7


def test_the_demo_draws_every_photograph_in_its_own_size(demo: Path) -> None:
    for path in PHOTOS.glob("*.jpg"):
        before = cv2.imread(str(path))
        after = cv2.imread(str(demo / "runs" / "detect" / "photos" / path.name))
        assert before is not None
        assert after is not None
        assert after.shape == before.shape
        assert np.abs(after.astype(int) - before).max() > 64  # a line; another JPEG moves less


def test_the_drawn_street_is_found_too(demo: Path) -> None:
    frames = [json.loads(line) for line in (demo / "0.jsonl").read_text().splitlines()][1:]
    assert len(frames) == LIMIT
    assert all(frame["detections"] for frame in frames)


def test_owner_and_terms_of_every_photograph_are_told() -> None:
    rows = re.findall(
        r"^\| `(.+?)` \| .+? \| .+? \| .*(?:CC0|public domain).* \|$",
        (PHOTOS / "README.md").read_text(),
        re.MULTILINE,
    )
    others = {path.name for path in PHOTOS.iterdir()} - {"README.md"}
    assert set(rows) == others
