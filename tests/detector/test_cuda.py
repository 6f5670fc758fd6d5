"""What only a GPU can show: the network and the detector agree with the CPU's."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.backends import cudnn

from detector.centernet import CenterNet
from detector.config import DetectorConfig, Precision
from detector.detections import Detections
from detector.device import choose_compute
from detector.geometry import parse_imgsz
from detector.hardnet_detector import CenterNetDetector
from detector.network import bare
from detector.recipe import RECIPES
from tests.detector import oracle
from tests.detector.tiny import RECIPE, tiny_network

pytestmark = pytest.mark.gpu


def test_float32_heads_agree_with_the_cpu(oracle_state: Mapping[str, Tensor]) -> None:
    recipe = RECIPES["hardnet85"]
    network = bare(recipe.network, len(recipe.class_names))
    network.load_state_dict(oracle_state, assign=True)
    stream = torch.Generator().manual_seed(1)
    pictures = torch.randn(2, 3, 256, 320, generator=stream)
    with torch.inference_mode(), cudnn.flags(enabled=True, allow_tf32=False):
        expected = network.eval()(pictures)
        found = network.cuda()(pictures.cuda())
    for ours, theirs in zip(found, expected, strict=True):
        tolerance = max(oracle.BOX_TOLERANCE, oracle.ROUNDING * float(theirs.std()))
        torch.testing.assert_close(ours.cpu(), theirs, rtol=0, atol=tolerance)


@pytest.mark.parametrize(
    ("precision", "score_tolerance"),
    [
        pytest.param("fp32", 1e-5, id="fp32"),
        pytest.param("fp16", 1e-3, id="fp16: 11 bits of a logit near -2.2"),
        pytest.param("bf16", 1e-2, id="bf16: 8 bits"),
    ],
)
@pytest.mark.parametrize("flip_test", [False, True], ids=["plain", "flip"])
def test_scores_agree_with_the_cpu(
    precision: Precision, score_tolerance: float, *, flip_test: bool
) -> None:
    expected = _find("cpu", "fp32", flip_test=flip_test)
    found = _find("cuda", precision, flip_test=flip_test)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours.score, theirs.score, rtol=0, atol=score_tolerance)


def test_boxes_in_float32_are_the_cpu_s() -> None:
    for ours, theirs in zip(_find("cuda", "fp32"), _find("cpu", "fp32"), strict=True):
        distance = np.abs(ours.xyxy[:, None] - theirs.xyxy[None]).max(axis=2)
        assert distance.min(axis=1).max() < oracle.PIXEL_TOLERANCE


def test_two_batches_in_flight_come_back_apart() -> None:
    with _detector(tiny_network(), "cuda", "fp32") as detector:
        frames = [oracle.frame_of(pixels) for pixels in _pictures()]
        assert detector.depth >= 2
        first, second = detector.submit(frames[:2]), detector.submit(frames[2:])
        overlapped = [*detector.collect(first), *detector.collect(second)]
        alone = [detector.collect(detector.submit([frame]))[0] for frame in frames]
    for ours, theirs in zip(overlapped, alone, strict=True):
        np.testing.assert_allclose(ours.score, theirs.score, rtol=0, atol=1e-5)


def _pictures() -> list[np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]]:
    random = np.random.default_rng(4)
    return [random.integers(0, 256, (96, 128, 3)).astype(np.uint8) for _ in range(4)]


def _detector(
    network: CenterNet, device: str, precision: Precision, *, flip_test: bool = False
) -> CenterNetDetector:
    config = DetectorConfig(score_threshold=0, flip_test=flip_test, batch=4, top_k=20)
    compute = choose_compute(device, precision)
    return CenterNetDetector(network, RECIPE, parse_imgsz("native"), compute, config)


def _find(device: str, precision: Precision, *, flip_test: bool = False) -> list[Detections]:
    with _detector(tiny_network(), device, precision, flip_test=flip_test) as detector:
        return detector.collect(detector.submit([oracle.frame_of(p) for p in _pictures()]))
