"""What the machine has, and its own ceilings: libraries, codecs, copies, matrix products."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import time
from fractions import Fraction
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from benchmarks.gpu.clock import Work, interleaved_ms
from benchmarks.machine import describe
from detector.cuda_executor import choose_preprocess
from detector.device import Compute

_PACKAGES = ("triton", "opencv-python-headless", "pycocotools", "nvidia-cudnn-cu13")
_SHARED_MEMORY = Path("/dev/shm")  # where data workers put their batches
_LIBRARIES = ("libcuda.so.1", "libnvcuvid.so.1", "libnvidia-encode.so.1")


def machine(place: torch.device) -> dict[str, object]:
    """What results belong to: processor, memory, device and versions."""
    found: dict[str, object] = {
        key: value for key, value in describe().items() if key not in ("date", "commit")
    }
    found |= {"torch": str(torch.__version__), "cores": os.cpu_count(), "gpu": None}
    found["more_packages"] = ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)
    if place.type == "cuda":
        properties = torch.cuda.get_device_properties(place)
        found["gpu"] = properties.name
        found["gpu_memory_gib"] = round(properties.total_memory / 2**30, 1)
        found["multiprocessors"] = properties.multi_processor_count
        found["cuda"] = torch.version.cuda
        found["cudnn"] = str(torch.backends.cudnn.version())  # type: ignore[no-untyped-call]  # torch's
        found["driver"] = _driver()
    return found


def probe(place: torch.device, *, is_quick: bool) -> dict[str, object]:
    """What can be loaded and opened, and measured ceilings."""
    found: dict[str, object] = {"libraries": {name: _loads(name) for name in _LIBRARIES}}
    found["codecs"] = _codecs()
    if _SHARED_MEMORY.exists():
        found["shared_memory_gib"] = shutil.disk_usage(_SHARED_MEMORY).total / 2**30
    if place.type == "cuda":  # rates mean little where pictures are not prepared by the kernel
        found["preprocess"] = choose_preprocess(Compute(place, torch.float16), 8).__module__
    found["ceilings"] = _ceilings(place, is_quick=is_quick)
    return found


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _driver() -> str:
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _codecs() -> dict[str, str]:
    """Which of the codecs in hardware open; a name in a list proves nothing."""
    try:
        import av
    except ImportError:
        return {"av": "not installed"}
    found = {"av": av.__version__}
    try:
        encoder = av.CodecContext.create("h264_nvenc", "w")
        encoder.width, encoder.height, encoder.pix_fmt = 640, 360, "yuv420p"
        encoder.time_base = Fraction(1, 30)
        encoder.open()
        found["h264_nvenc"] = "opens"
    except (av.FFmpegError, ValueError, OSError) as error:
        found["h264_nvenc"] = f"does not open: {error}"
    return found


def _ceilings(place: torch.device, *, is_quick: bool) -> dict[str, float]:
    """TFLOP/s of a large product in half precision, GB/s of copies; random numbers, no zeros."""
    on_cuda = place.type == "cuda"
    side = 8192 if on_cuda else 512
    size = 2**30 if on_cuda else 2**24
    half = torch.float16 if on_cuda else torch.float32
    left, right = (torch.randn(side, side, device=place, dtype=half) for _ in range(2))
    product = torch.empty_like(left)
    source = torch.randint(0, 256, (size,), dtype=torch.uint8, device=place)
    target = torch.empty_like(source)
    pinned = torch.randint(0, 256, (2**26 if on_cuda else 2**22,), dtype=torch.uint8)
    if on_cuda:
        pinned = pinned.pin_memory()
    pageable, arrived = pinned.clone(), torch.empty_like(pinned, device=place)
    works: dict[str, Work] = {
        "matmul": lambda: torch.matmul(left, right, out=product),
        "device_copy": lambda: target.copy_(source),
        "pinned_to_device": lambda: arrived.copy_(pinned, non_blocking=True),
        "pageable_to_device": lambda: arrived.copy_(pageable),
        "device_to_pinned": lambda: pinned.copy_(arrived, non_blocking=True),
    }
    took = interleaved_ms(
        works, place, rounds=5 if is_quick else 15, deadline_s=time.monotonic() + 15
    )
    moved = len(pinned) / 1e6  # bytes in a millisecond are kB/s: 1e6 of them are a GB/s
    return {
        "matmul_tflops": 2 * side**3 / took["matmul"] / 1e9,
        "device_copy_gb_s": 2 * size / 1e6 / took["device_copy"],  # read and written
        "pinned_to_device_gb_s": moved / took["pinned_to_device"],
        "pageable_to_device_gb_s": moved / took["pageable_to_device"],
        "device_to_pinned_gb_s": moved / took["device_to_pinned"],
    }
