"""From a config to a detector: names, weights, and classes from outside."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from detector.config import DetectorConfig
from detector.errors import DetectorError, WeightsError
from detector.none import NoneDetector
from detector.table import DETECTORS, build_detector
from detector.weights import WEIGHTS
from detector.yolox import YoloxDetector
from tests.detector.file_server import FileServer
from tests.detector.frames import plain_frame
from tests.detector.tiny_onnx import write_tiny_yolox
from tests.paths import ROOT

OUTSIDE = '''
"""A detector that a person wrote."""

from detector.none import NoneDetector


class Mine(NoneDetector):
    pass


class Half:
    def __init__(self, config):
        self.times = config

    def submit(self, frames):
        return frames


class Broken(NoneDetector):
    def __init__(self, config):
        raise ValueError("batch: expected an even number")


def called(config):
    raise AssertionError("a configuration had a function called")
'''


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a module with OUTSIDE's text, on the path while the test runs."""
    name = "a_detector_from_outside"
    (tmp_path / f"{name}.py").write_text(OUTSIDE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield name
    sys.modules.pop(name, None)


def test_every_name_of_the_command_line_is_there() -> None:
    assert list(DETECTORS) == ["hardnet85", "hardnet68", "fchardnet70", "starter", "yolox", "none"]


def test_none_needs_no_weights_and_fetches_none(tmp_path: Path) -> None:
    config = DetectorConfig(name="none", weights="https://nobody.invalid/file.pth")
    detector = build_detector(config, cache_dir=tmp_path)
    assert isinstance(detector, NoneDetector)
    assert not list(tmp_path.iterdir())


def test_none_loads_neither_torch_nor_onnxruntime() -> None:
    code = (
        "import sys\n"
        "from detector.config import DetectorConfig\n"
        "from detector.table import build_detector\n"
        "build_detector(DetectorConfig(name='none'))\n"
        "sys.exit(', '.join({'torch', 'onnxruntime'} & set(sys.modules)) or 0)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_yolox_is_built_from_a_path(tmp_path: Path) -> None:
    path = write_tiny_yolox(tmp_path / "tiny.onnx")
    detector = build_detector(DetectorConfig(name="yolox", weights=str(path)))
    assert isinstance(detector, YoloxDetector)


def test_weights_are_fetched_with_progress(tmp_path: Path) -> None:
    content = write_tiny_yolox(tmp_path / "tiny.onnx").read_bytes()
    seen: list[tuple[str, int, int | None]] = []
    with FileServer(content) as server:
        config = DetectorConfig(
            name="yolox", weights=f"http://{server.address}/tiny.onnx", score_threshold=0.5
        )
        detector = build_detector(
            config, cache_dir=tmp_path / "cache", on_progress=lambda *step: seen.append(step)
        )
    with detector:
        [found] = detector.collect(detector.submit([plain_frame(255, 0, 0)]))
    assert len(found) == 1
    assert seen[-1] == ("tiny.onnx", len(content), len(content))


@pytest.mark.parametrize("name", ["hardnet85", "hardnet68"])
def test_untrained_centernet_needs_no_file(tmp_path: Path, name: str) -> None:
    config = DetectorConfig(name=name, weights="untrained", device="cpu")
    detector = build_detector(config, cache_dir=tmp_path)
    assert len(detector.class_names) == 80
    assert not list(tmp_path.iterdir())


def test_hardnet85_takes_its_published_weights_by_default(tmp_path: Path) -> None:
    name = "centernet_hardnet85_coco"
    assert WEIGHTS[name].architecture == "hardnet85"
    (tmp_path / f"{name}.pth").write_bytes(b"no checkpoint")
    with pytest.raises(WeightsError, match=name):  # it was found, and is no checkpoint
        build_detector(DetectorConfig(name="hardnet85", device="cpu"), cache_dir=tmp_path)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        pytest.param(
            DetectorConfig(name="yolox"), "an ONNX file of YOLOX", id="yolox without a file"
        ),
        pytest.param(
            DetectorConfig(name="yolox", weights="untrained"),
            "an ONNX file of YOLOX for COCO, such as yolox_nano.onnx, got 'untrained'",
            id="untrained yolox",
        ),
        pytest.param(
            DetectorConfig(name="hardnet68"), "'untrained', got nothing", id="none is published"
        ),
        pytest.param(
            DetectorConfig(name="hardnet68", weights="centernet_hardnet85_coco"),
            "which are for 'hardnet85'",
            id="weights of another network",
        ),
        pytest.param(
            DetectorConfig(name="yolox", weights="yolox_nano.onx"),
            "expected a file that exists",
            id="a file that is not there",
        ),
    ],
)
def test_weights_that_do_not_fit_are_one_line(
    tmp_path: Path, config: DetectorConfig, message: str
) -> None:
    with pytest.raises(WeightsError, match=re.escape(message)) as caught:
        build_detector(config, cache_dir=tmp_path)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("yolo", "got 'yolo'; did you mean 'yolox'?", id="near miss"),
        pytest.param(
            "detr",
            "expected one of hardnet85, hardnet68, fchardnet70, starter, yolox, none, or "
            "package.module:Class",
            id="unknown",
        ),
        pytest.param("", "expected one of", id="empty"),
        pytest.param("a:b:c", "expected package.module:Class", id="two colons"),
        pytest.param(":Class", "expected package.module:Class", id="no module"),
        pytest.param("no_such_module:Class", "No module named 'no_such_module'", id="no file"),
        pytest.param("detector.none:NonDetector", "did you mean 'NoneDetector'?", id="no class"),
    ],
)
def test_detector_that_does_not_exist_is_one_line(name: str, message: str) -> None:
    with pytest.raises(DetectorError, match=re.escape(message)) as caught:
        build_detector(DetectorConfig(name=name))
    assert "\n" not in str(caught.value)


def test_class_from_outside_is_built_from_the_config(outside: str) -> None:
    detector = build_detector(DetectorConfig(name=f"{outside}:Mine", batch=5))
    assert type(detector).__name__ == "Mine"
    assert detector.max_batch == 5


def test_class_from_outside_that_does_not_fit_says_what_is_missing(outside: str) -> None:
    with pytest.raises(
        DetectorError, match="without class_names, max_batch, depth, collect, __enter__, __exit__"
    ):
        build_detector(DetectorConfig(name=f"{outside}:Half"))


def test_class_from_outside_speaks_for_itself(outside: str) -> None:
    with pytest.raises(ValueError, match="an even number"):
        build_detector(DetectorConfig(name=f"{outside}:Broken"))


def test_only_a_class_from_outside_is_ever_called(outside: str) -> None:
    with pytest.raises(DetectorError, match=r"expected a class with a submit\(\), got <function"):
        build_detector(DetectorConfig(name=f"{outside}:called"))


def test_own_detector_may_be_named_by_its_class() -> None:
    detector = build_detector(DetectorConfig(name="detector.none:NoneDetector"))
    assert isinstance(detector, NoneDetector)
