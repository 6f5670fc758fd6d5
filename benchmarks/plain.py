"""Plain uses of the libraries that our runtimes stand on: what a careful program of a page does.

Each is the library's own call with the settings that its manual recommends, on the network as any
exporter writes it: one picture, rows first, of a fixed size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.published import TOP_K, affine, best, in_frame
from detector.network import Heads, PointNetwork
from detector.onnx import load_onnxruntime
from detector.recipe import Recipe
from detector.runtime_openvino import load_openvino
from streamer.frame import Frame

Input = NDArray[np.float32]  # (1, 3, H, W), normalised
Done = Callable[[int, Heads], None]  # the index of an input, and what was said of it


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """What a plain use starts from.

    Attributes:
        make: the network with its weights, BatchNorm folded, on the CPU; a new one at every call.
        recipe: of the weights.
        side: of the square input, px.
        onnx: the network as a file: an input like Input, the heads as outputs.
    """

    make: Callable[[], PointNetwork]
    recipe: Recipe
    side: int
    onnx: Path


class Library(Protocol):
    """Runs a network."""

    def run(self, inputs: Iterable[Input], done: Done) -> None:
        """Of each input; `done` may be called from any thread, and all were when this returns."""
        ...


class Torch:
    """Layer by layer in channels-last memory, or compiled with the weights as constants."""

    def __init__(
        self, given: Given, dtype: torch.dtype = torch.float32, *, compiles: bool = False
    ) -> None:
        self._dtype = dtype
        network = given.make().to(dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in the stub
        self._network: Callable[[torch.Tensor], Heads] = network
        if compiles:
            self._network = torch.compile(network, options={"freezing": True})

    @torch.inference_mode()
    def run(self, inputs: Iterable[Input], done: Done) -> None:
        """One after the other."""
        for index, each in enumerate(inputs):
            x = torch.from_numpy(each).to(self._dtype, memory_format=torch.channels_last)
            done(index, self._network(x))


class Onnxruntime:
    """`session.run` of a session with its own defaults: every core on one picture."""

    def __init__(self, given: Given) -> None:
        runtime = load_onnxruntime(extra="onnx")
        providers = ["CPUExecutionProvider"]
        self._session = runtime.InferenceSession(given.onnx, providers=providers)
        self._input = self._session.get_inputs()[0].name

    def run(self, inputs: Iterable[Input], done: Done) -> None:
        """One after the other."""
        for index, each in enumerate(inputs):
            found = self._session.run(None, {self._input: each})
            done(index, Heads(*map(torch.from_numpy, found)))


class OpenvinoLatency:
    """A compiled model that is called, with the hint LATENCY."""

    def __init__(self, given: Given, precision: str) -> None:
        self._compiled = _compiled(given, precision, "LATENCY")

    def run(self, inputs: Iterable[Input], done: Done) -> None:
        """One after the other."""
        for index, each in enumerate(inputs):
            found = self._compiled(each, share_inputs=True)
            done(index, _heads([found[k] for k in range(3)]))


class OpenvinoThroughput:
    """A queue of as many requests as the model says are best, with the hint THROUGHPUT."""

    def __init__(self, given: Given, precision: str) -> None:
        compiled = _compiled(given, precision, "THROUGHPUT")
        self._queue = load_openvino().AsyncInferQueue(compiled)

    def run(self, inputs: Iterable[Input], done: Done) -> None:
        """Several at once."""

        def finish(request: Any, index: int) -> None:  # its type cannot be imported up here
            done(index, _heads([request.get_output_tensor(k).data for k in range(3)]))

        self._queue.set_callback(finish)
        for index, each in enumerate(inputs):
            self._queue.start_async(each, index)
        self._queue.wait_all()


def _compiled(given: Given, precision: str, hint: str) -> Any:  # likewise
    options = {"PERFORMANCE_HINT": hint, "INFERENCE_PRECISION_HINT": precision}
    return load_openvino().Core().compile_model(given.onnx, "CPU", options)


def _heads(outputs: Sequence[NDArray[np.float32]]) -> Heads:
    return Heads(*(torch.from_numpy(each.copy()) for each in outputs))  # the next run overwrites


# By the runtime and precision of ours that stands on the same library, every way by its name.
PLAIN_USES: Mapping[tuple[str, str], Mapping[str, Callable[[Given], Library]]] = MappingProxyType(
    {
        ("torch", "fp32"): {"eager, channels last": Torch},
        ("torch", "bf16"): {"eager, channels last": partial(Torch, dtype=torch.bfloat16)},
        ("compile", "fp32"): {"compiled, frozen": partial(Torch, compiles=True)},
        ("onnx", "fp32"): {"session.run": Onnxruntime},
        ("openvino", "fp32"): {
            "latency": partial(OpenvinoLatency, precision="f32"),
            "throughput": partial(OpenvinoThroughput, precision="f32"),
        },
        ("openvino", "bf16"): {
            "latency": partial(OpenvinoLatency, precision="bf16"),
            "throughput": partial(OpenvinoThroughput, precision="bf16"),
        },
    }
)


class PlainLoop:
    """Frames to boxes around a library: float32 before it, the published order after it."""

    def __init__(self, given: Given, library: Library, *, stride: int) -> None:
        mean, std = (np.array(each, np.float32) for each in (given.recipe.mean, given.recipe.std))
        self._scale, self._shift = 1 / (255 * std), -mean / std
        self._side, self._cells = given.side, given.side // stride
        self._library = library

    def through(self, frames: Sequence[Frame]) -> list[NDArray[np.float32]]:
        """The best TOP_K of each, (K, 6): x1, y1, x2, y2 in its pixels, score, class."""
        found: dict[int, NDArray[np.float32]] = {}

        def finish(index: int, heads: Heads) -> None:
            rows = best(heads, top_k=TOP_K)[0].numpy()
            found[index] = in_frame(rows, frames[index].bgr(), self._cells)

        self._library.run(map(self.prepared, frames), finish)
        return [found[index] for index in range(len(frames))]

    def alone(self, inputs: Sequence[Input]) -> None:
        """The network on inputs that are ready; nothing is made of what it says."""
        self._library.run(inputs, lambda _index, _heads: None)

    def prepared(self, frame: Frame) -> Input:
        """Warped and normalised."""
        pixels, size = frame.bgr(), (self._side, self._side)
        warped = cv2.warpAffine(pixels, affine(pixels, self._side), size, flags=cv2.INTER_LINEAR)
        normal = warped * self._scale + self._shift
        return np.ascontiguousarray(normal.transpose(2, 0, 1)[None], np.float32)
