"""A real ONNX file of 0.1 MB: YOLOX's output form, scores that tell pictures apart.

Its class 0 has the picture's mean blue as score, class 1 the mean green, class 2 the mean red (each
over 255), all at one anchor; everything else scores 0. So a picture's strongest colour says which
box must come out, and the order of pictures can be proved.

The file is written by hand, for the package that writes such files is not needed otherwise.
Source: onnx.proto of the ONNX specification (field numbers), protobuf's wire format.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CLASSES = 80
STRIDES = (8, 16, 32)
FLOAT, INT64, INT = 1, 7, 2
Size = int | str  # a name leaves the axis open


def write_tiny_yolox(
    path: Path,
    *,
    batch: Size = 1,
    side: int = 64,
    open_side: bool = False,
    classes: int = CLASSES,
    reshape_batch: int = -1,
    row: int = 0,
    offset: float = 0.5,
    input_type: int = FLOAT,
) -> Path:
    """The file's path.

    Args:
        path: to write.
        batch: pictures a run.
        side: of the square input, px.
        open_side: the file does not say the side.
        classes: columns after the first five.
        reshape_batch: what the output is forced to; 1 makes a run of two pictures fail.
        row: the anchor that sees everything.
        offset: of every anchor's box within its cell, in both directions.
        input_type: element type that the file declares.
    """
    anchors = sum((side // stride) ** 2 for stride in STRIDES)
    weights, bias = _layers(anchors, classes, row, offset)
    axis: Size = "side" if open_side else side
    nodes = [
        _node("GlobalAveragePool", ["images"], "pooled"),  # (B, 3, 1, 1)
        _node("Flatten", ["pooled"], "flat", axis=1),  # (B, 3)
        _node("MatMul", ["flat", "weights"], "product"),  # (B, anchors * columns)
        _node("Add", ["product", "bias"], "sum"),
        _node("Reshape", ["sum", "shape"], "output"),
    ]
    shape = np.array([reshape_batch, anchors, 5 + classes], np.int64)
    tensors = [
        _tensor("weights", weights, FLOAT),
        _tensor("bias", bias, FLOAT),
        _tensor("shape", shape, INT64),
    ]
    graph = b"".join(_field(1, node) for node in nodes) + _field(2, b"tiny")
    graph += b"".join(_field(5, tensor) for tensor in tensors)
    graph += _field(11, _value("images", input_type, [batch, 3, axis, axis]))
    graph += _field(12, _value("output", FLOAT, [batch, anchors, 5 + classes]))
    operators = _field(1, b"") + _number(2, 13)
    path.write_bytes(_number(1, 8) + _field(8, operators) + _field(7, graph))
    return path


def _layers(
    anchors: int, classes: int, row: int, offset: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    weights = np.zeros((3, anchors, 5 + classes), np.float32)
    bias = np.zeros((anchors, 5 + classes), np.float32)
    bias[:, :2] = offset
    bias[:, 2:4] = np.log(2)  # boxes of two cells
    bias[row, 4] = 1.0
    for component in range(min(3, classes)):
        weights[component, row, 5 + component] = 1 / 255
    return weights.reshape(3, -1), bias.reshape(-1)


def _node(operator: str, inputs: list[str], output: str, **attributes: int) -> bytes:
    fields = [_field(1, name.encode()) for name in inputs]
    fields += [_field(2, output.encode()), _field(4, operator.encode())]
    fields += [
        _field(5, _field(1, name.encode()) + _number(3, value) + _number(20, INT))
        for name, value in attributes.items()
    ]
    return b"".join(fields)


def _tensor(name: str, values: NDArray[np.generic], element: int) -> bytes:
    dims = b"".join(_number(1, size) for size in values.shape)
    return dims + _number(2, element) + _field(8, name.encode()) + _field(9, values.tobytes())


def _value(name: str, element: int, shape: list[Size]) -> bytes:
    dims = b"".join(
        _field(1, _number(1, size) if isinstance(size, int) else _field(2, size.encode()))
        for size in shape
    )
    tensor = _number(1, element) + _field(2, dims)
    return _field(1, name.encode()) + _field(2, _field(1, tensor))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _field(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
