"""A network in an ONNX file: pictures in, one table a picture out."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.errors import DetectorError, DeviceError, WeightsError

logger = logging.getLogger(__name__)


class OnnxNetwork:
    """A network in an ONNX file, to be run from any thread, by several at once.

    Attributes:
        input_shape: (batch, channels, height, width); None for an axis the file leaves open.
        on_cuda: whether it runs on CUDA.

    Args:
        path: the file.
        device: "auto", "cpu", "cuda" or "cuda:N".
        threads: for one run, on the CPU.
        spin: whether threads of a run wait by burning their core.

    Raises:
        DetectorError: onnxruntime is not installed.
        DeviceError: the device cannot be had.
        WeightsError: the file is no network with one float picture as input and one output.
    """

    def __init__(self, path: Path, *, device: str, threads: int, spin: bool) -> None:
        runtime = load_onnxruntime()
        providers = choose_providers(device, runtime.get_available_providers())
        options = session_options(runtime, threads, spin=spin)
        self._errors = runtime_errors(runtime)
        try:
            self._session = runtime.InferenceSession(path, options, providers=providers)
        except self._errors as error:
            raise WeightsError(
                f"weights {path}: expected an ONNX network, got {one_line(error)}"
            ) from error
        self.on_cuda = self._session.get_providers()[0].startswith("CUDA")
        if device.startswith("cuda") and not self.on_cuda:
            raise DeviceError(
                f"device {device!r}: onnxruntime could not load CUDA; use --device cpu"
            )
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        got = [f"{each.name} {each.type} {each.shape}" for each in (*inputs, *outputs)]
        if (
            len(inputs) != 1
            or len(outputs) != 1
            or len(inputs[0].shape) != 4
            or (inputs[0].type != "tensor(float)")
        ):
            raise WeightsError(
                f"weights {path}: expected one float input (batch, 3, height, width) and one "
                f"output, got {', '.join(got)}"
            )
        self._input = inputs[0].name
        self.input_shape = tuple(
            size if isinstance(size, int) else None for size in inputs[0].shape
        )

    def run(self, pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        """The network's output for (B, C, H, W); blocks, and lets other threads run meanwhile.

        Raises:
            DetectorError: it cannot run on such an input.
        """
        try:
            output: NDArray[np.float32] = self._session.run(None, {self._input: pictures})[0]
        except self._errors as error:
            raise DetectorError(
                f"onnx network: could not run on an input of {pictures.shape}: {one_line(error)}"
            ) from error
        return output


def load_onnxruntime(extra: str = "yolox") -> ModuleType:
    """The module, which belongs to the extra of that name.

    Raises:
        DetectorError: it is not installed.
    """
    try:
        import onnxruntime  # here, for it is an extra
    except ImportError as error:
        raise DetectorError(
            f"onnxruntime: expected it installed, got {error}; pip install -e '.[{extra}]'"
        ) from error
    runtime: ModuleType = onnxruntime
    return runtime


def choose_providers(device: str, available: list[str]) -> list[Any]:  # names, or name and options
    """What onnxruntime runs a network with on `device`, the preferred first.

    Raises:
        ValueError: `device` is no such word.
        DeviceError: it cannot be had.
    """
    found = re.fullmatch(r"auto|cpu|cuda(?::([0-9]{1,3}))?", device)
    if found is None:
        raise ValueError(f"device: expected auto, cpu, cuda or cuda:N, got {device!r}")
    has_cuda = "CUDAExecutionProvider" in available
    if device.startswith("cuda") and not has_cuda:
        raise DeviceError(
            f"device {device!r}: expected an onnxruntime with CUDA, got {', '.join(available)}; "
            "pip install onnxruntime-gpu, or use --device cpu"
        )
    cuda = ("CUDAExecutionProvider", {"device_id": int(found.group(1) or 0)})
    use_cuda = has_cuda and device != "cpu"
    return [cuda, "CPUExecutionProvider"] if use_cuda else ["CPUExecutionProvider"]


def session_options(runtime: Any, threads: int, *, spin: bool) -> Any:  # onnxruntime is untyped
    """Of a session, see OnnxNetwork."""
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # fatal: what goes wrong is raised, and said once
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spin)))
    return options


def runtime_errors(runtime: Any) -> tuple[type[Exception], ...]:
    """What onnxruntime raises: its errors share no base below Exception."""
    state = runtime.capi.onnxruntime_pybind11_state
    return (
        state.EPFail,
        state.Fail,
        state.InvalidArgument,
        state.InvalidGraph,
        state.InvalidProtobuf,
        state.NoModel,
        state.NoSuchFile,
        state.NotImplemented,
        state.RuntimeException,
    )


def one_line(error: Exception) -> str:
    """What an error says, without line breaks."""
    return " ".join(str(error).split())
