from __future__ import annotations

from pathlib import Path

import pytest
import torch

from detector.config import DetectorConfig, Precision, Runtime
from detector.device import Compute, choose_compute
from detector.errors import DeviceError
from detector.executor import home_of
from detector.geometry import parse_imgsz
from detector.hardnet_detector import CenterNetDetector
from detector.none import NoneDetector
from detector.stride import StridedDetector
from streamer.samples import DlDevice
from tests.detector.tiny import RECIPE, tiny_network

without_cuda = pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is there")


@pytest.mark.parametrize(
    ("precision", "dtype"),
    [
        pytest.param("auto", torch.float32, id="auto"),
        pytest.param("fp32", torch.float32, id="fp32"),
        pytest.param("fp16", torch.float16, id="fp16"),
        pytest.param("bf16", torch.bfloat16, id="bf16"),
    ],
)
def test_precision_names_a_number_format(precision: Precision, dtype: torch.dtype) -> None:
    assert choose_compute("cpu", precision) == Compute(torch.device("cpu"), dtype)


@without_cuda
def test_auto_takes_the_cpu_where_there_is_no_cuda() -> None:
    assert choose_compute("auto", "auto").device == torch.device("cpu")


@without_cuda
@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:3"])
def test_cuda_that_is_not_there_is_an_error_that_says_what_to_do(device: str) -> None:
    with pytest.raises(DeviceError, match=rf"^device '{device}': .*; use --device cpu, or auto"):
        choose_compute(device, "auto")


@pytest.mark.parametrize("device", ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "cpu:0", "CUDA"])
def test_other_device_is_an_error_that_names_it(device: str) -> None:
    with pytest.raises(ValueError, match=rf"^device: expected .*, got '{device}'"):
        choose_compute(device, "auto")


@pytest.mark.gpu
def test_auto_is_half_precision_on_cuda() -> None:
    assert choose_compute("auto", "auto") == Compute(torch.device("cuda", 0), torch.float16)


@pytest.mark.gpu
def test_cuda_device_beyond_the_last_is_an_error() -> None:
    with pytest.raises(DeviceError, match=r"from cuda:0"):
        choose_compute(f"cuda:{torch.cuda.device_count()}", "auto")


@pytest.mark.parametrize(
    ("device", "runtime", "quantised", "expected"),
    [
        pytest.param("cpu", "auto", None, None, id="on the CPU"),
        pytest.param("cuda:1", "auto", None, (2, 1), id="in lanes"),
        pytest.param("cuda:1", "compile", None, (2, 1), id="in lanes, compiled"),
        pytest.param("cuda:1", "onnx", None, None, id="fed by the host"),
        pytest.param("cuda:1", "auto", Path("int8"), None, id="quantised"),
    ],
)
def test_pictures_are_taken_from_the_device_that_runs_the_lanes(
    device: str, runtime: Runtime, quantised: Path | None, expected: DlDevice | None
) -> None:
    compute = Compute(torch.device(device), torch.float16)
    assert home_of(compute, runtime, quantised) == expected


def test_a_detector_says_where_it_takes_pictures_from() -> None:
    compute = Compute(torch.device("cuda", 1), torch.float16)
    config = DetectorConfig(runtime="torch")
    detector = CenterNetDetector(tiny_network(), RECIPE, parse_imgsz("64"), compute, config)
    assert detector.home == (2, 1)
    assert StridedDetector(detector, 2).home == (2, 1)
    assert StridedDetector(NoneDetector(DetectorConfig()), 2).home is None
