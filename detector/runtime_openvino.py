"""A network run by OpenVINO on the CPU."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from detector.engine import EngineChoice, check_engine, refuse_dtype
from detector.errors import DetectorError, WeightsError
from detector.network import Heads
from detector.onnx_graph import HEADS
from detector.parallelism import Parallelism
from detector.prepared import prepare

NAME = "openvino"
_HINTS = {torch.float32: "f32", torch.bfloat16: "bf16"}
_SHAPES = 4  # compiled each for itself; of further ones none, as that takes longer than it saves


class OpenvinoEngine:
    """Compiled for a device and a precision, for each of the first few shapes anew.

    Args:
        path: a model with pictures (B, H, W, 3) float32 in and heads out.
        dtype: float32 or bfloat16; of an int8 model, of what is not int8.
        parallelism: None for what is best on this machine.

    Raises:
        DetectorError: OpenVINO is not installed.
        DeviceError: the processor has no such precision.
        WeightsError: the file is no such model.
    """

    def __init__(
        self, path: Path, dtype: torch.dtype, *, parallelism: Parallelism | None = None
    ) -> None:
        self._openvino = load_openvino()
        self._core = self._openvino.Core()
        capable = "BF16" in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        refuse_dtype(dtype, tuple(_HINTS) if capable else (torch.float32,), name=NAME)
        self._path = path
        parallelism = parallelism or Parallelism.of_machine()
        self.runs = parallelism.runs
        self._config = {
            "INFERENCE_PRECISION_HINT": _HINTS[dtype],
            "NUM_STREAMS": parallelism.runs,
            "INFERENCE_NUM_THREADS": parallelism.runs * parallelism.threads,
            "ENABLE_CPU_PINNING": False,  # decoders and encoders want the same cores
        }
        self._lock = threading.Lock()
        self._compiled: dict[tuple[int, ...] | None, Any] = {}  # None: for any shape
        self._local = threading.local()  # an infer request serves one thread
        self._attempt("read", lambda: self._core.read_model(path))

    @classmethod
    def open(cls, choice: EngineChoice) -> OpenvinoEngine:
        """For a network of ours; writes its file where there is none.

        Raises:
            DetectorError: OpenVINO is not installed, or the file cannot be written.
            DeviceError: the processor has no such precision, or the heads are not torch's.
        """
        version = load_openvino().__version__.partition("-")[0]
        prepared = prepare(choice.network, folder=choice.folder, name=NAME)
        engine = cls(prepared.path, choice.compute.dtype)
        mark = f"openvino-{version}-{_HINTS[choice.compute.dtype]}.checked"
        if not prepared.has(mark):
            check_engine(engine, choice.network, choice.compute.dtype, name=NAME)
            prepared.leave(mark)
        return engine

    def run(self, pictures: NDArray[np.float32]) -> Heads:
        """Of (B, H, W, 3)."""
        request = self._request(pictures.shape)
        self._attempt("run", lambda: request.infer({0: pictures}, share_inputs=True))
        return Heads(*(torch.from_numpy(request.get_tensor(name).data) for name in HEADS))

    def _request(self, shape: tuple[int, ...]) -> Any:  # its type cannot be imported up here
        requests = self._local.__dict__.setdefault("requests", {})
        with self._lock:
            known = shape in self._compiled or len(self._compiled) < _SHAPES
            key = shape if known else None
            if key not in self._compiled:
                self._compiled[key] = self._attempt("compile", lambda: self._compile(key))
            compiled = self._compiled[key]
        if key not in requests:
            requests[key] = compiled.create_infer_request()
        return requests[key]

    def _compile(self, shape: tuple[int, ...] | None) -> Any:  # as above
        model = self._core.read_model(self._path)
        if shape is not None:  # a fixed one runs 1.2 times as fast as an open one
            model.reshape(list(shape))
        return self._core.compile_model(model, "CPU", self._config)

    def _attempt(self, verb: str, does: Callable[[], Any]) -> Any:
        try:
            return does()
        except RuntimeError as error:  # all that OpenVINO raises
            kind = DetectorError if verb == "run" else WeightsError
            raise kind(
                f"runtime {NAME!r}: could not {verb} {self._path.name}: "
                f"{' '.join(str(error).split())[:300]}"
            ) from error


def load_openvino() -> ModuleType:
    """The module.

    Raises:
        DetectorError: it is not installed.
    """
    try:
        import openvino  # here, for it is an extra
    except ImportError as error:
        raise DetectorError(
            f"runtime {NAME!r}: expected it installed, got {error}; pip install -e '.[openvino]'"
        ) from error
    module: ModuleType = openvino
    return module
