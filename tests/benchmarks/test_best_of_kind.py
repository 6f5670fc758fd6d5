"""What ours is compared with finds the same boxes, so that times are of equal work."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.best_of_kind import (
    ALONE,
    END_TO_END,
    OURS,
    PUBLISHED,
    Contestant,
    Times,
    main,
    rows,
)
from benchmarks.plain import PLAIN_USES, Given, PlainLoop
from benchmarks.published import PublishedPath
from detector.config import DetectorConfig
from detector.device import choose_compute
from detector.fold import fold_batch_norm
from detector.geometry import Stretch
from detector.hardnet_detector import CenterNetDetector
from detector.network import PointNetwork
from detector.onnx_graph import GraphForm, write_onnx
from streamer.frame import Frame
from tests.detector.frames import frame_of
from tests.detector.tiny import RECIPE, tiny_network

SIDE = 64
NEEDED = {"onnx": "onnxruntime", "openvino": "openvino"}  # all that the others need is always there


def picture(seed: int) -> Frame:
    pixels = np.random.default_rng(seed).integers(0, 256, (50, 90, 3), np.uint8)
    return frame_of(pixels)


def folded() -> PointNetwork:
    network = tiny_network().eval()
    fold_batch_norm(network)
    return network


def published(frame: Frame) -> NDArray[np.float32]:
    return PublishedPath(tiny_network(), RECIPE, SIDE).find(frame)


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Given:
    path = tmp_path_factory.mktemp("plain") / "tiny.onnx"
    if importlib.util.find_spec("onnx") is not None:
        write_onnx(folded(), GraphForm(pictures="nchw", batch=1, size=(SIDE, SIDE)), path)
    return Given(folded, RECIPE, SIDE, path)


def test_published_path_finds_what_ours_finds() -> None:
    frame = picture(0)
    config = DetectorConfig(score_threshold=0.0, runtime="torch")
    compute = choose_compute("cpu", "fp32")

    with CenterNetDetector(folded(), RECIPE, Stretch(SIDE, SIDE), compute, config) as detector:
        (ours,) = detector.collect(detector.submit([frame]))

    theirs = published(frame)
    np.testing.assert_allclose(ours.score, theirs[:, 4], atol=1e-6)  # rounding, in another order
    np.testing.assert_allclose(ours.xyxy, theirs[:, :4], atol=1e-3)  # px
    np.testing.assert_array_equal(ours.class_id, theirs[:, 5])


@pytest.mark.parametrize(
    ("way", "use"),
    [
        pytest.param(way, use, id=f"{' '.join(way)}, {use}")
        for way, uses in PLAIN_USES.items()
        if way[0] != "compile" and way[1] == "fp32"  # a minute; and other boxes by rounding
        for use in uses
    ],
)
def test_plain_use_finds_what_the_published_path_finds(
    given: Given, way: tuple[str, str], use: str
) -> None:
    if importlib.util.find_spec(NEEDED.get(way[0], "torch")) is None or not given.onnx.exists():
        pytest.skip(f"needs onnx and {NEEDED[way[0]]}")
    frames = [picture(seed) for seed in range(3)]
    loop = PlainLoop(given, PLAIN_USES[way][use](given), stride=folded().stride)

    found = loop.through(frames)

    assert len(found) == 3
    for rows_found, frame in zip(found, frames, strict=True):
        # Rounding lets near-equal scores change places, and splits a peak of two equal cells.
        peaks = published(frame)
        peaks = peaks[peaks[:, 4] > 0]
        apart = np.abs(rows_found[:, None] - peaks[None]).max(2).min(0)  # px, and of the score
        assert len(peaks) > 30
        assert np.mean(apart < 1e-2) > 0.95


def test_network_alone_is_run_on_every_input(given: Given) -> None:
    seen: list[int] = []

    class Counting:
        def run(self, inputs: object, done: object) -> None:
            seen.append(len(list(inputs)))  # type: ignore[call-overload]  # any iterable

    PlainLoop(given, Counting(), stride=4).alone([np.zeros((1, 3, 8, 8), np.float32)] * 5)

    assert seen == [5]


def test_ratio_is_against_the_fastest_of_its_kind_round_by_round() -> None:
    def timed(kind: str, name: str, part: str, *wall_ms: float) -> tuple[Contestant, Times]:
        return Contestant(kind, name, part, lambda _: None), Times(list(wall_ms), list(wall_ms))

    found = dict(
        [
            timed(PUBLISHED, "torch eager, fp32", END_TO_END, 30, 60),
            timed("onnx fp32", OURS, END_TO_END, 10, 20),  # the second round was twice as slow
            timed("onnx fp32", "slow", END_TO_END, 15, 30),
            timed("onnx fp32", "fast", END_TO_END, 12, 24),
            timed("onnx fp32", "fast", ALONE, 9, 18),
        ]
    )

    made = rows("tiny", found)

    assert [(row.name, row.aim) for row in made] == [
        ("onnx fp32: best plain use (fast), end to end", 1.0),
        ("onnx fp32: best plain use (fast), network alone", None),
        ("onnx fp32: published path", 1.0),
    ]
    assert [row.ratio for row in made] == pytest.approx([1.2, 0.9, 3.0])


def test_published_path_can_be_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--network", "starter@96", "--way", "torch fp32", "--folder", str(tmp_path)]

    assert main([*arguments, "--rounds", "1", "--without-published", "--save", "tiny"]) == 0

    results = json.loads((tmp_path / "tiny.json").read_text())
    assert set(results["times"]) == {
        "torch fp32: ours, end to end",
        "torch fp32: eager, channels last, end to end",
        "torch fp32: eager, channels last, network alone",
    }
    assert not any("published" in row["name"] for row in results["rows"])
    assert "best plain use" in capsys.readouterr().out


def test_run_saves_every_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--network", "starter@96", "--way", "torch fp32", "--folder", str(tmp_path)]

    assert main([*arguments, "--rounds", "2", "--pictures", "1", "--save", "tiny"]) == 0

    results = json.loads((tmp_path / "tiny.json").read_text())
    assert set(results["times"]) == {
        "published path: torch eager, fp32, end to end",
        "torch fp32: ours, end to end",
        "torch fp32: eager, channels last, end to end",
        "torch fp32: eager, channels last, network alone",
    }
    assert all(len(times["wall_ms"]) == 2 for times in results["times"].values())
    assert "commit" in results["machine"]
    assert "saved tiny.json" in capsys.readouterr().out
