"""A point network as an ONNX graph, for programs other than torch.

The graph is traced at one small size; batch, height and width stay open unless they are fixed.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from detector.errors import DetectorError
from detector.network import Heads, PointNetwork
from detector.peaks import decode, plain_maps

OPSET = 18  # of 2023: onnxruntime, OpenVINO and TensorRT read it
HEADS = ("heatmap", "size", "offset")
BOXES = "boxes"
PICTURES = "pictures"
_TRACED = (2, 128, 192)  # batch, height, width: all different

InputForm = Literal["nhwc", "nchw", "pixels"]
Size = tuple[int, int]  # height and width, px


@dataclass(frozen=True, slots=True, eq=False)
class GraphForm:
    """What goes into the graph and what comes out.

    Attributes:
        pictures: "nhwc" (B, H, W, 3) or "nchw" (B, 3, H, W) float32 as the network wants it, or
            "pixels" (B, H, W, 3) uint8 BGR, which the graph itself normalises.
        lookup: for "pixels": `Recipe.normalisation()`.
        top_k: rows of `boxes` (B, top_k, 6): x1, y1, x2, y2 in px of the input, score, class. None
            leaves decoding to the caller: heatmap (logits), size and offset as Heads has them.
        batch: fixed, or None for any.
        size: fixed, or None for any multiples of 32; with `top_k`, it needs as many cells.

    Raises:
        ValueError: "pixels" without `lookup`.
    """

    pictures: InputForm = "nhwc"
    lookup: NDArray[np.float32] | None = None
    top_k: int | None = None
    batch: int | None = None
    size: Size | None = None

    def __post_init__(self) -> None:
        if self.pictures == "pixels" and self.lookup is None:
            raise ValueError("lookup: expected the normalisation for pixels, got None")

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names, in order."""
        return HEADS if self.top_k is None else (BOXES,)

    def example(self, batch: int, height: int, width: int) -> Tensor:
        """Noise of the right kind, the same for the same shape."""
        shape = (batch, 3, height, width) if self.pictures == "nchw" else (batch, height, width, 3)
        stream = torch.Generator().manual_seed(0)
        if self.pictures == "pixels":
            return torch.randint(0, 256, shape, dtype=torch.uint8, generator=stream)
        return torch.randn(shape, generator=stream)


def write_onnx(
    network: PointNetwork,
    form: GraphForm,
    path: Path,
    *,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write the network as an ONNX file, replacing what is there.

    Args:
        network: float32, on the CPU, in evaluation mode.
        form: of the graph.
        path: of the file.
        metadata: to be written beside the graph.

    Raises:
        DetectorError: the package `onnx` is not installed.
    """
    onnx = load_onnx()
    batch, height, width = _TRACED
    height, width = form.size or (height, width)
    axes = _open_axes(form)
    with torch.no_grad(), warnings.catch_warnings():
        # The tracer says that it will go and that shapes become constants, which tests disprove.
        # Its successor takes 12 s where it takes 0.6, and needs one package more (torch 2.13).
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Graph(network, form).eval(),
            (form.example(form.batch or batch, height, width),),
            path,
            dynamo=False,
            opset_version=OPSET,
            input_names=[PICTURES],
            output_names=list(form.outputs),
            dynamic_axes=axes,
        )
    if metadata:
        model = onnx.load(path)
        for key, value in metadata.items():
            model.metadata_props.add(key=key, value=value)
        onnx.save(model, path)


def load_onnx() -> ModuleType:
    """The module, which torch's exporter wants.

    Raises:
        DetectorError: it is not installed.
    """
    try:
        import onnx  # here, for it is an extra
    except ImportError as error:
        raise DetectorError(
            f"onnx: expected it installed, got {error}; pip install -e '.[onnx]'"
        ) from error
    module: ModuleType = onnx
    return module


class Graph(nn.Module):
    """A network behind its graph's inputs and outputs; what `write_onnx` traces."""

    shift: Tensor
    scale: Tensor

    def __init__(self, network: PointNetwork, form: GraphForm) -> None:
        super().__init__()
        self._network = network
        self._form = form
        if form.lookup is not None:
            low, high = form.lookup[0, 0].astype(np.float64), form.lookup[0, 255].astype(np.float64)
            scale = ((high - low) / 255).astype(np.float32)
            self.register_buffer("scale", torch.from_numpy(scale), persistent=False)
            self.register_buffer(
                "shift", torch.from_numpy(low.astype(np.float32)), persistent=False
            )

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """What `GraphForm.outputs` names."""
        if self._form.pictures == "pixels":
            pictures = pictures.float() * self.scale + self.shift
        if self._form.pictures != "nchw":
            pictures = pictures.permute(0, 3, 1, 2)
        heads: Heads = self._network(pictures)
        if self._form.top_k is None:
            return tuple(heads)
        rows = decode(plain_maps(heads), top_k=self._form.top_k)  # (B, K, 6) in cells
        return (torch.cat([rows[..., :4] * self._network.stride, rows[..., 4:]], 2),)


def _open_axes(form: GraphForm) -> dict[str, dict[int, str]]:
    """Which axes of which tensor the file leaves open, and their names."""
    first = 2 if form.pictures == "nchw" else 1
    axes: dict[str, dict[int, str]] = {name: {} for name in (PICTURES, *form.outputs)}
    if form.batch is None:
        for each in axes.values():
            each[0] = "batch"
    if form.size is None:
        axes[PICTURES] |= {first: "height", first + 1: "width"}
        for name in form.outputs:
            if name != BOXES:
                axes[name] |= {2: "rows", 3: "columns"}
    return axes
