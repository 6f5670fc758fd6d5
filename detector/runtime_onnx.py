"""A network run by onnxruntime: on the CPU, on CUDA, or through it by TensorRT."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from detector.engine import EngineChoice, check_engine, refuse_dtype
from detector.errors import DetectorError, DeviceError
from detector.network import Heads
from detector.onnx import (
    choose_providers,
    load_onnxruntime,
    one_line,
    runtime_errors,
    session_options,
)
from detector.onnx_graph import HEADS, PICTURES
from detector.parallelism import Parallelism
from detector.prepared import PreparedNetwork, prepare

_TENSORRT = "TensorrtExecutionProvider"

Providers = list[Any]  # names, or a name with its options, as onnxruntime takes them


class OnnxEngine:
    """An onnxruntime session.

    Args:
        prepared: pictures (B, H, W, 3) float32 in, heads out.
        providers: the preferred first; a session on another one is refused.
        name: of the runtime, for messages.

    Raises:
        DetectorError: onnxruntime is not installed.
        DeviceError: it cannot load the preferred provider.
    """

    def __init__(self, prepared: PreparedNetwork, providers: Providers, *, name: str) -> None:
        runtime = load_onnxruntime(extra="onnx")
        self._name = name
        self._errors = runtime_errors(runtime)
        on_cuda = providers[0] != "CPUExecutionProvider"
        parallelism = Parallelism.of_machine(on_cuda=on_cuda)
        self.runs = parallelism.runs
        options = session_options(runtime, parallelism.threads, spin=parallelism.spin)
        self._session = self._attempt(
            "load",
            lambda: runtime.InferenceSession(prepared.path, options, providers=providers),
        )
        first = providers[0][0] if isinstance(providers[0], tuple) else providers[0]
        if self._session.get_providers()[0] != first:
            raise DeviceError(
                f"runtime {name!r}: onnxruntime could not load {first}, its libraries are missing "
                "or of another version; use --runtime torch"
            )

    @classmethod
    def open(cls, choice: EngineChoice) -> OnnxEngine:
        """On the CPU or on CUDA, in float32.

        Raises:
            DetectorError: a package is not installed, or the file cannot be written.
            DeviceError: the device or precision cannot be had, or the heads are not torch's.
        """
        refuse_dtype(choice.compute.dtype, (torch.float32,), name="onnx")
        available = load_onnxruntime(extra="onnx").get_available_providers()
        return cls._checked(choice, choose_providers(str(choice.compute.device), available), "onnx")

    @classmethod
    def open_tensorrt(cls, choice: EngineChoice) -> OnnxEngine:
        """By TensorRT, which builds an engine for each shape it meets and keeps it on disk.

        Raises:
            DetectorError: a package is not installed, or the file cannot be written.
            DeviceError: TensorRT or the precision cannot be had, or the heads are not torch's.
        """
        runtime = load_onnxruntime(extra="onnx")
        _need_tensorrt(choice, runtime)
        refuse_dtype(choice.compute.dtype, (torch.float32, torch.float16), name="tensorrt")
        prepared = prepare(choice.network, folder=choice.folder, name="tensorrt")
        options = {
            "device_id": choice.compute.device.index or 0,
            "trt_fp16_enable": choice.compute.dtype == torch.float16,
            "trt_engine_cache_enable": True,
            "trt_engine_cache_path": str(prepared.path.parent),
        }
        return cls._checked(choice, [(_TENSORRT, options), "CPUExecutionProvider"], "tensorrt")

    @classmethod
    def _checked(cls, choice: EngineChoice, providers: Providers, name: str) -> OnnxEngine:
        prepared = prepare(choice.network, folder=choice.folder, name=name)
        engine = cls(prepared, providers, name=name)
        compute = choice.compute
        version = load_onnxruntime(extra="onnx").__version__
        mark = f"{name}-{version}-{compute.device.type}-{str(compute.dtype)[6:]}.checked"
        if not prepared.has(mark):
            check_engine(engine, choice.network, compute.dtype, name=name)
            prepared.leave(mark)
        return engine

    def run(self, pictures: NDArray[np.float32]) -> Heads:
        """Of (B, H, W, 3)."""
        outputs = self._attempt("run", lambda: self._session.run(list(HEADS), {PICTURES: pictures}))
        return Heads(*map(torch.from_numpy, outputs))

    def _attempt(self, verb: str, does: Callable[[], Any]) -> Any:  # onnxruntime is untyped
        try:
            return does()
        except self._errors as error:
            raise DetectorError(
                f"runtime {self._name!r}: could not {verb} the network: {one_line(error)[:300]}"
            ) from error


def _need_tensorrt(choice: EngineChoice, runtime: ModuleType) -> None:
    if choice.compute.device.type != "cuda":
        raise DeviceError("runtime 'tensorrt': expected a CUDA device, got the CPU")
    available = runtime.get_available_providers()
    if _TENSORRT not in available:
        raise DetectorError(
            f"runtime 'tensorrt': expected an onnxruntime with TensorRT, got {', '.join(available)}"
            "; pip install onnxruntime-gpu tensorrt, or use --runtime torch"
        )
