from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from detector.agreement import heads_error, typical_error
from detector.centernet import CenterNet
from detector.config import DetectorConfig
from detector.detections import Detections
from detector.device import choose_compute
from detector.engine import EngineChoice, check_engine
from detector.errors import DetectorError, DeviceError
from detector.executor import ENGINES
from detector.fold import fold_batch_norm
from detector.geometry import parse_imgsz
from detector.hardnet_detector import CenterNetDetector
from detector.network import Heads, PointNetwork, untrained
from detector.recipe import RECIPES
from tests.detector import oracle
from tests.detector.tiny import RECIPE, tiny_network
from tests.paths import GOLDEN


def _needs(package: str) -> pytest.MarkDecorator:
    absent = importlib.util.find_spec(package) is None
    return pytest.mark.skipif(absent, reason=f"needs {package}")


EXPORTED = [
    pytest.param("onnx", marks=[_needs("onnx"), _needs("onnxruntime")]),
    pytest.param("openvino", marks=[_needs("onnx"), _needs("openvino")]),
]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where prepared networks lie, for all tests that do not look into it."""
    return tmp_path_factory.mktemp("prepared")


@pytest.mark.parametrize("flip_test", [False, True])
@pytest.mark.parametrize("runtime", EXPORTED)
def test_boxes_are_those_of_torch(prepared: Path, runtime: str, flip_test: bool) -> None:
    pictures = [_picture(seed, 40 + seed, 60) for seed in range(3)]
    options = {"imgsz": "96x64", "batch": 3, "flip_test": flip_test}
    expected = _find(prepared, pictures, runtime="torch", **options)
    found = _find(prepared, pictures, runtime=runtime, **options)
    for ours, theirs in zip(found, expected, strict=True):
        _assert_same(ours, theirs)


@pytest.mark.parametrize("runtime", EXPORTED)
def test_threshold_leaves_out_what_is_below_and_nothing_else(prepared: Path, runtime: str) -> None:
    picture = _picture(0, 64, 64)
    (everything,) = _find(prepared, [picture], imgsz="64", runtime=runtime)
    limit = float(everything.score[20])
    (kept,) = _find(prepared, [picture], imgsz="64", runtime=runtime, score_threshold=limit)
    _assert_same(kept, everything.select(everything.score >= np.float32(limit)))


@pytest.mark.parametrize("runtime", EXPORTED)
def test_more_shapes_than_are_compiled_apart_still_work(prepared: Path, runtime: str) -> None:
    pictures = [_picture(seed, 30, 30 + 32 * seed) for seed in range(6)]
    expected = [_find(prepared, [each], runtime="torch")[0] for each in pictures]
    with _detector(prepared, runtime=runtime) as detector:
        for pixels, theirs in zip(pictures, expected, strict=True):
            (ours,) = detector.collect(detector.submit([oracle.frame_of(pixels)]))
            _assert_same(ours, theirs)


@pytest.mark.parametrize("runtime", EXPORTED)
def test_two_batches_in_flight_come_back_as_submitted(prepared: Path, runtime: str) -> None:
    pictures = [_picture(seed, 64, 64) for seed in range(4)]
    alone = [_find(prepared, [each], imgsz="64", runtime=runtime)[0] for each in pictures]
    with _detector(prepared, imgsz="64", runtime=runtime) as detector:
        assert detector.depth >= 2
        frames = [oracle.frame_of(pixels) for pixels in pictures]
        tickets = [detector.submit([frame]) for frame in frames]
        for ticket, expected in zip(tickets, alone, strict=True):
            _assert_same(detector.collect(ticket)[0], expected)


@_needs("openvino")
def test_bfloat16_agrees_roughly_where_the_processor_has_it(prepared: Path) -> None:
    picture = _picture(0, 96, 96)
    (fine,) = _find(prepared, [picture], imgsz="96", runtime="torch")
    try:
        (coarse,) = _find(prepared, [picture], imgsz="96", runtime="openvino", precision="bf16")
    except DeviceError as error:
        assert "expected fp32 here" in str(error)  # noqa: PT017 - both ways are right
        return
    # Scores of untrained weights lie near 0.1; bfloat16 keeps 8 bits of the logit, near -2.2.
    np.testing.assert_allclose(coarse.score[:10], fine.score[:10], atol=0.01)


@pytest.mark.parametrize("name", ["fchardnet70", "starter"])
@pytest.mark.parametrize("runtime", EXPORTED)
def test_every_small_network_can_be_exported(prepared: Path, runtime: str, name: str) -> None:
    network = untrained(RECIPES[name].network, 80)
    fold_batch_norm(network.eval())
    choice = EngineChoice(network, choose_compute("cpu", "fp32"), prepared)
    check_engine(ENGINES[runtime](choice), network, torch.float32, name=runtime)


@pytest.mark.slow
@pytest.mark.parametrize("runtime", EXPORTED)
def test_oracle_gives_the_published_boxes(
    folded_network: CenterNet, prepared: Path, runtime: Any
) -> None:
    config = DetectorConfig(score_threshold=0, runtime=runtime)
    compute = choose_compute("cpu", "fp32")
    with (
        np.load(GOLDEN / "golden_blocks_small.npz") as golden,
        CenterNetDetector(
            folded_network,
            RECIPES["hardnet85"],
            parse_imgsz("416x320"),
            compute,
            config,
            prepared=prepared,
        ) as detector,
    ):
        (found,) = detector.collect(detector.submit([oracle.frame_of(oracle.blocks())]))
        oracle.assert_same_detections(found, golden["fix416x320/results"])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the compiler itself
def test_compiled_network_gives_the_heads_of_torch() -> None:
    network = Mini().eval()
    choice = EngineChoice(network, choose_compute("cpu", "fp32"))
    check_engine(ENGINES["compile"](choice), network, torch.float32, name="compile")


class Mini(PointNetwork):
    """As little as there can be: the compiler takes minutes for the tiny network."""

    stride = 2

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 7, 3, stride=2, padding=1)

    def forward(self, pictures: torch.Tensor) -> Heads:
        x = self.conv(pictures).relu()
        return Heads(x[:, :3], x[:, 3:5], x[:, 5:])


@_needs("openvino")
def test_automatic_choice_is_the_fastest_one_installed(tmp_path: Path) -> None:
    _find(tmp_path, [_picture(0, 64, 64)], imgsz="64", runtime="auto")
    (looked_at,) = tmp_path.glob("*.checked")
    assert ".openvino-" in looked_at.name


def test_precision_that_only_torch_has_makes_the_automatic_choice_torch(tmp_path: Path) -> None:
    _find(tmp_path, [_picture(0, 64, 64)], imgsz="64", runtime="auto", precision="fp16")
    assert list(tmp_path.iterdir()) == []


@_needs("onnxruntime")
def test_precision_that_a_runtime_lacks_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(DeviceError, match=r"precision 'fp16': runtime onnx expected fp32 here"),
        _detector(tmp_path, runtime="onnx", precision="fp16"),
    ):
        pass


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is there")
def test_tensorrt_without_cuda_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(DetectorError, match=r"runtime 'tensorrt': expected a CUDA device"),
        _detector(tmp_path, runtime="tensorrt"),
    ):
        pass


def test_runtime_that_is_no_word_is_an_error(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="runtime: expected auto, torch, compile, onnx, openvino"),
        _detector(tmp_path, runtime="tflite"),
    ):
        pass


def test_runtime_that_computes_something_else_is_refused() -> None:
    network = tiny_network().eval()

    class Doubling:
        runs = 1

        @torch.inference_mode()
        def run(self, pictures: NDArray[np.float32]) -> Heads:
            heads = network(torch.from_numpy(pictures).permute(0, 3, 1, 2))
            return Heads(heads.heatmap, heads.size * 2, heads.offset)

    with pytest.raises(DeviceError, match=r"expected torch's heads to 0\.002, they differ by 1 in"):
        check_engine(Doubling(), network, torch.float32, name="doubling")


@pytest.mark.parametrize("measure", [heads_error, typical_error])
def test_nan_in_any_head_is_no_agreement(measure: Callable[[Heads, Heads], float]) -> None:
    network = tiny_network().eval()
    with torch.inference_mode():
        expected = network(torch.zeros(1, 3, 64, 64))
        found = Heads(*(head.clone() for head in expected))
        assert measure(found, expected) == 0
        found.offset[0, 0, 0, 0] = math.nan
        assert math.isnan(measure(found, expected))


def _detector(prepared: Path, *, imgsz: str = "native", **options: Any) -> CenterNetDetector:
    defaults: dict[str, Any] = {"score_threshold": 0.0}
    config = DetectorConfig(**(defaults | options))
    compute = choose_compute("cpu", config.precision)
    return CenterNetDetector(
        tiny_network(), RECIPE, parse_imgsz(imgsz), compute, config, prepared=prepared
    )


def _find(prepared: Path, pictures: list[NDArray[np.uint8]], **options: Any) -> list[Detections]:
    with _detector(prepared, **options) as detector:
        frames = [oracle.frame_of(pixels, index) for index, pixels in enumerate(pictures)]
        return detector.collect(detector.submit(frames))


def _picture(seed: int, height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def _assert_same(found: Detections, expected: Detections) -> None:
    """Matched, not in order: untrained scores lie close together. Few stand at the cut."""
    assert len(found) == len(expected)
    ours, theirs = (
        np.column_stack([each.xyxy, each.score, each.class_id]) for each in (found, expected)
    )
    scale = np.array([0.05] * 4 + [1e-3, 0.5])  # px, score, class
    is_match = (np.abs(ours[:, None] - theirs[None]) <= scale).all(2)
    assert is_match.any(0).sum() >= len(theirs) - 2
    assert is_match.any(1).sum() >= len(ours) - 2
