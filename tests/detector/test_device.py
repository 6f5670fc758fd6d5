from __future__ import annotations

import pytest
import torch

from detector.config import Precision
from detector.device import Compute, choose_compute
from detector.errors import DeviceError

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
