"""Which device computes, and in which precision."""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch

from detector.config import Precision
from detector.errors import DeviceError

_DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class Compute:
    """A device that is there, and the network's number format on it."""

    device: torch.device
    dtype: torch.dtype


def choose_compute(device: str, precision: Precision) -> Compute:
    """The device and precision that a person asked for.

    Args:
        device: "auto" (CUDA where there is one), "cpu", "cuda" or "cuda:N".
        precision: "auto" is fp16 on CUDA and fp32 on the CPU.

    Raises:
        ValueError: `device` or `precision` is no such word.
        DeviceError: the device is not there, or cannot compute in that precision.
    """
    place = _place(device)
    automatic: Precision = "fp16" if place.type == "cuda" else "fp32"
    chosen = automatic if precision == "auto" else precision
    if chosen not in _DTYPES:
        raise ValueError(f"precision: expected auto, {', '.join(_DTYPES)}, got {precision!r}")
    if chosen == "bf16" and place.type == "cuda":
        _check_bf16(place)
    return Compute(place, _DTYPES[chosen])


def _place(device: str) -> torch.device:
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    found = re.fullmatch(r"cpu|cuda(?::([0-9]{1,3}))?", device)
    if found is None:
        raise ValueError(f"device: expected auto, cpu, cuda or cuda:N, got {device!r}")
    if device == "cpu":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise DeviceError(
            f"device {device!r}: {_why_no_cuda()}; use --device cpu, or auto for what is available"
        )
    index, count = int(found.group(1) or 0), torch.cuda.device_count()
    if index >= count:
        raise DeviceError(f"device {device!r}: expected one of the {count} available, from cuda:0")
    return torch.device("cuda", index)


def _why_no_cuda() -> str:
    if torch.version.cuda is None:
        return "the installed torch is built without CUDA"
    return "no CUDA device was found"


def _check_bf16(place: torch.device) -> None:
    with torch.cuda.device(place):
        if not torch.cuda.is_bf16_supported(including_emulation=False):
            raise DeviceError(f"precision 'bf16': {place} cannot compute in it; use fp16 or fp32")
