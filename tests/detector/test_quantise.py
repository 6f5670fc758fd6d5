from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from detector import int8
from detector.config import DetectorConfig
from detector.device import choose_compute
from detector.engine import EngineChoice
from detector.errors import DeviceError, WeightsError
from detector.fold import fold_batch_norm
from detector.int8 import Agreement, agreement
from detector.prepared import fingerprint, prepare
from detector.quantise import main
from detector.runtime_quantised import FINGERPRINT, open_quantised
from tests.detector.test_runtimes import _detector
from tests.detector.tiny import tiny_network

COMPUTE = choose_compute("cpu", "fp32")


def test_no_boxes_are_no_agreement() -> None:
    nothing = np.empty((0, 6), np.float32)
    assert agreement([nothing], [nothing]).share == 0


@pytest.mark.parametrize(
    ("box", "found"),
    [
        pytest.param([0, 0, 10, 10, 0.9, 1], 2, id="same"),
        pytest.param([0, 0, 10, 10, 0.25, 1], 1, id="weaker: found again, and not asked for"),
        pytest.param([0, 0, 10, 10, 0.15, 1], 0, id="too weak"),
        pytest.param([0, 0, 10, 10, 0.9, 2], 0, id="other class"),
        pytest.param([0, 0, 10, 5, 0.9, 1], 2, id="overlap 50 of 100"),
        pytest.param([0, 0, 10, 4, 0.9, 1], 0, id="overlap 40 of 100"),
    ],
)
def test_box_is_found_again_by_class_place_and_score(box: list[float], found: int) -> None:
    expected = np.array([[0, 0, 10, 10, 0.9, 1]], np.float32)
    assert agreement([np.array([box], np.float32)], [expected]).found == found


def test_share_is_of_the_boxes_of_both() -> None:
    assert Agreement(found=3, boxes=4).share == 0.75


def test_convolutions_beside_a_share_of_a_sum_stay_float(tmp_path: Path) -> None:
    openvino = pytest.importorskip("openvino")
    pytest.importorskip("onnx")
    prepared = prepare(tiny_network().eval(), folder=tmp_path, name="openvino")
    names = int8.float_layers(openvino.Core().read_model(prepared.path))
    layers = [name.split("/_network/")[1].split("/conv/")[0] for name in names if "conv" in name]
    # A layer reads its block's input, the share among it, if its number is a power of two.
    assert layers == [
        *(f"denseBlocksUp.{block}/layers.{number - 1}" for block in (0, 1) for number in (1, 2, 4)),
        *(f"denseBlocksUp.2/layers.{number - 1}" for number in (1, 2)),
        *(f"last_blk/layers.{number - 1}" for number in (1, 2, 4, 8)),
    ]


def test_file_made_from_other_weights_is_refused(tmp_path: Path) -> None:
    path = _as_if_quantised(tmp_path, seed=1)
    choice = EngineChoice(tiny_network(seed=0).eval(), COMPUTE, tmp_path, path)
    with pytest.raises(WeightsError, match="made from other weights, or by another version"):
        open_quantised(choice)


def test_file_that_is_no_model_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    (tmp_path / "a.xml").write_text("<net/>")
    choice = EngineChoice(tiny_network().eval(), COMPUTE, tmp_path, tmp_path / "a.xml")
    with pytest.raises(WeightsError, match=r"quantised '.*a\.xml': expected a file of detector"):
        open_quantised(choice)


def test_file_runs_in_the_place_of_its_weights(tmp_path: Path) -> None:
    path = _as_if_quantised(tmp_path, seed=0)
    with _detector(tmp_path, imgsz="64", quantised=str(path)) as detector:
        assert detector.depth >= 2


def test_quantised_asks_for_openvino(tmp_path: Path) -> None:
    with (
        pytest.raises(DeviceError, match="quantised: expected OpenVINO on the CPU"),
        _detector(tmp_path, quantised="a.xml", runtime="torch"),
    ):
        pass


def test_too_few_pictures_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--detector", "starter", "--imgsz", "64", "--source", "synthetic:frames=10,seed=1"]
    assert main([*arguments, "--out", str(tmp_path / "a.xml")]) == 5
    assert "expected at least 40 pictures, got 2" in capsys.readouterr().err


@pytest.mark.slow
def test_quantised_network_that_finds_other_boxes_is_not_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is found on these, so nothing can be in common."""
    pytest.importorskip("nncf")
    out = tmp_path / "a.xml"
    arguments = ["--detector", "hardnet68", "--weights", "untrained", "--imgsz", "64"]
    source = ["--source", "synthetic:frames=210,seed=1", "--out", str(out)]
    assert main([*arguments, *source]) == 1
    assert "refused: expected 95% of the boxes" in capsys.readouterr().err
    assert not out.exists()


def _as_if_quantised(folder: Path, *, seed: int) -> Path:
    """A float model with the mark of the quantised ones: quantising takes too long here."""
    openvino = pytest.importorskip("openvino")
    pytest.importorskip("onnx")
    network = tiny_network(seed=seed).eval()
    fold_batch_norm(network)
    model = openvino.Core().read_model(prepare(network, folder=folder, name="openvino").path)
    model.set_rt_info(fingerprint(network), FINGERPRINT)
    openvino.save_model(model, folder / "tiny.xml", compress_to_fp16=False)
    return folder / "tiny.xml"


def test_config_knows_it() -> None:
    assert DetectorConfig(quantised="a.xml").quantised == "a.xml"
