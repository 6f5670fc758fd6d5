"""Running a network where it is to run, with the program that is to run it."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch

from detector.buckets import LARGEST
from detector.config import Runtime
from detector.cuda_executor import CudaExecutor, CudaOptions
from detector.device import Compute
from detector.engine import Engine, EngineChoice
from detector.errors import DetectorError, DeviceError
from detector.host_executor import HostExecutor
from detector.host_threads import open_threads
from detector.imported import dl_device
from detector.program import Executor, Program
from streamer.samples import DlDevice
from streamer.stats import StageTimes

logger = logging.getLogger(__name__)

Shape = tuple[int, int, int]  # of an input: batch, height, width


def _open_torch(choice: EngineChoice) -> Engine:
    from detector.runtime_torch import TorchEngine

    return TorchEngine(choice)


def _open_compiled(choice: EngineChoice) -> Engine:
    from detector.runtime_torch import CompiledEngine

    return CompiledEngine(choice)


def _open_onnx(choice: EngineChoice) -> Engine:
    from detector.runtime_onnx import OnnxEngine

    return OnnxEngine.open(choice)


def _open_openvino(choice: EngineChoice) -> Engine:
    from detector.runtime_openvino import OpenvinoEngine

    return OpenvinoEngine.open(choice)


def _open_tensorrt(choice: EngineChoice) -> Engine:
    from detector.runtime_onnx import OnnxEngine

    return OnnxEngine.open_tensorrt(choice)


# Their modules are imported when asked for, as they are extras and take time to load.
ENGINES: Mapping[str, Callable[[EngineChoice], Engine]] = MappingProxyType(
    {
        "torch": _open_torch,
        "compile": _open_compiled,
        "onnx": _open_onnx,
        "openvino": _open_openvino,
        "tensorrt": _open_tensorrt,
    }
)

# On the CPU, the fastest first, with the packages each needs and the precisions it has.
_AUTOMATIC = (
    ("openvino", ("openvino", "onnx"), (torch.float32, torch.bfloat16)),
    ("onnx", ("onnxruntime", "onnx"), (torch.float32,)),
)
_ON_CPU_ALONE = ("openvino",)

# On CUDA, by runtime; what is not here runs as an engine, fed by the host. The compiler joins bias
# and ReLU by itself, and would have to leave one call for all three alone.
CUDA_OPTIONS: Mapping[str, CudaOptions] = MappingProxyType(
    {
        "auto": CudaOptions(),
        "torch": CudaOptions(),
        "compile": CudaOptions(fuses=False, compiles=True),
    }
)


@contextmanager
def open_executor(
    program: Program,
    compute: Compute,
    times: StageTimes,
    *,
    runtime: Runtime = "auto",
    shape: Shape | None = None,
    most: int = LARGEST,
    folder: Path | None = None,
    quantised: Path | None = None,
) -> Iterator[Executor]:
    """Moves the network to its device, in place, and makes it ready; ends its threads at last.

    Args:
        program: what is computed.
        compute: where and in which precision.
        times: booked on as the work is done.
        runtime: the program that runs the network.
        shape: the input to be ready for, or None where frames decide.
        most: pictures that will be submitted at once; a GPU has memory and programs for as many.
        folder: of prepared networks; None for the user's cache folder.
        quantised: the network in int8, to be run in its place by OpenVINO, or None.

    Raises:
        DetectorError: the runtime is not installed.
        DeviceError: it cannot compute so, or not what torch does.
        ValueError: `runtime` is no such word.
    """
    if runtime not in ("auto", *ENGINES):
        raise ValueError(f"runtime: expected auto, {', '.join(ENGINES)}, got {runtime!r}")
    if _is_lanes(compute, runtime, quantised):
        options = replace(CUDA_OPTIONS[runtime], limit=min(most, LARGEST))
        with closing(CudaExecutor(program, compute, times, options)) as lanes:
            yield lanes
        return
    choice = EngineChoice(
        program.network, compute, folder, quantised, has_one_shape=shape is not None
    )
    engine = _open_engine(choice, runtime)
    pictures = None
    if shape is not None:
        batch, height, width = shape
        pictures = np.zeros((batch * (2 if program.flip_test else 1), height, width, 3), np.float32)
    with open_threads(engine, pictures) as threads:
        yield HostExecutor(program, engine, threads, times)


def home_of(
    compute: Compute, runtime: Runtime = "auto", quantised: Path | None = None
) -> DlDevice | None:
    """The device out of whose memory that executor takes pictures, or None: the host's.

    Args:
        compute: as for `open_executor`.
        runtime: likewise.
        quantised: likewise.
    """
    return dl_device(compute.device) if _is_lanes(compute, runtime, quantised) else None


def _is_lanes(compute: Compute, runtime: Runtime, quantised: Path | None) -> bool:
    return compute.device.type == "cuda" and runtime in CUDA_OPTIONS and quantised is None


def _open_engine(choice: EngineChoice, runtime: Runtime) -> Engine:
    if choice.quantised is not None:
        return _open_quantised(choice, runtime)
    if choice.compute.device.type == "cuda" and runtime in _ON_CPU_ALONE:
        raise DeviceError(
            f"runtime {runtime!r}: expected the CPU here, got CUDA; use --device cpu, or "
            "--runtime torch"
        )
    if runtime != "auto":
        return ENGINES[runtime](choice)
    for name, packages, dtypes in _AUTOMATIC:
        if choice.compute.dtype in dtypes and all(map(importlib.util.find_spec, packages)):
            try:
                return ENGINES[name](choice)
            except DetectorError as error:
                logger.warning("%s; trying the next", error)
    return ENGINES["torch"](choice)


def _open_quantised(choice: EngineChoice, runtime: Runtime) -> Engine:
    if choice.compute.device.type == "cuda" or runtime not in ("auto", "openvino"):
        raise DeviceError(
            f"quantised: expected OpenVINO on the CPU, got runtime {runtime!r} on "
            f"{choice.compute.device}; use --device cpu --runtime openvino"
        )
    from detector.runtime_quantised import open_quantised  # here as the engines above

    return open_quantised(choice)
