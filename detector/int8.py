"""Networks in 8-bit integers, by OpenVINO's NNCF, and how they are judged.

Plain quantisation of these networks is fast and can be wrong without a sign of it: one scale serves
values that lie orders of magnitude apart. So a quantised network is worth nothing until its boxes
on pictures that it was not calibrated with agree with those of the network itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from detector.errors import DetectorError
from detector.host_peaks import Rows, peaks_above
from detector.network import Heads
from detector.onnx_graph import HEADS
from detector.overlap import iou_matrix

MIN_SCORE = 0.3  # of the boxes that have to be found again
SLACK = 0.1  # of score, so that nothing depends on which side of MIN_SCORE a box falls
MIN_IOU = 0.5
_TOP_K = 100
_REPAIRS = 20  # layers, or groups of them, that are given back their float at most

Inputs = Sequence[NDArray[np.float32]]  # (1, H, W, 3) each, normalised
Model = Any  # openvino.Model: untyped


@dataclass(frozen=True, slots=True)
class Agreement:
    """How many boxes two networks have in common.

    Attributes:
        found: boxes of either from MIN_SCORE on that the other has from MIN_SCORE - SLACK on, of
            the same class and with an overlap of MIN_IOU at least.
        boxes: all from MIN_SCORE on, of both.
    """

    found: int
    boxes: int

    @property
    def share(self) -> float:
        """In 0..1; 0 where there are no boxes to tell by."""
        return self.found / self.boxes if self.boxes else 0.0


def agreement(found: Sequence[Rows], expected: Sequence[Rows]) -> Agreement:
    """Of two lists of pictures' boxes: x1, y1, x2, y2, score, class."""
    shared = boxes = 0
    for ours, theirs in zip(found, expected, strict=True):
        for one, other in ((ours, theirs), (theirs, ours)):
            strong = one[one[:, 4] >= MIN_SCORE]
            known = other[other[:, 4] >= MIN_SCORE - SLACK]
            boxes += len(strong)
            shared += int(_has_partner(strong, known).sum())
    return Agreement(shared, boxes)


def boxes_of(model: Model, inputs: Iterable[NDArray[np.float32]]) -> list[Rows]:
    """The boxes that a model with heads finds, from MIN_SCORE - SLACK on, in cells."""
    openvino, _ = load_nncf()
    request = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return _boxes(request.create_infer_request(), inputs)


def quantised(model: Model, calibration: Inputs) -> Model:
    """The model with int8 convolutions, but for those that read shares of a sum."""
    _, nncf = load_nncf()
    return nncf.quantize(
        model,
        nncf.Dataset(calibration),
        subset_size=len(calibration),
        preset=nncf.QuantizationPreset.MIXED,
        ignored_scope=nncf.IgnoredScope(names=float_layers(model)),
    )


def repaired(model: Model, calibration: Inputs, judged: Inputs, *, least: float) -> Model:
    """`quantised`, but layer after layer goes back to float until the boxes agree.

    Args:
        model: in float.
        calibration: for the ranges of values.
        judged: what agreement is measured on meanwhile; not what decides at last.
        least: agreement at which it stops; it also stops after _REPAIRS layers.
    """
    _, nncf = load_nncf()
    expected = boxes_of(model, judged)

    def judge(compiled: Any, inputs: Iterable[NDArray[np.float32]]) -> tuple[float, None]:
        return agreement(_boxes(compiled.create_infer_request(), inputs), expected).share, None

    return nncf.quantize_with_accuracy_control(
        model,
        nncf.Dataset(calibration),
        nncf.Dataset(judged),
        judge,
        max_drop=1 - least,
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(calibration),
        ignored_scope=nncf.IgnoredScope(names=float_layers(model)),
        advanced_accuracy_restorer_parameters=nncf.AdvancedAccuracyRestorerParameters(
            max_num_iterations=_REPAIRS
        ),
    )


def float_layers(model: Model) -> list[str]:
    """Divisions, and the convolutions that read what they give beside other maps.

    A share of a sum is some 10,000 times smaller than the map it is taken of; where both lie in one
    input, one scale cannot serve them.
    """
    names = []
    for division in (node for node in model.get_ordered_ops() if node.get_type_name() == "Divide"):
        names.append(division.get_friendly_name())
        waiting = list(_readers(division))
        while waiting:
            reader = waiting.pop()
            if reader.get_type_name() in ("Concat", "Convert"):
                waiting += _readers(reader)
            elif reader.get_type_name() == "Convolution":
                names.append(reader.get_friendly_name())
    return sorted(set(names))


def load_nncf() -> tuple[ModuleType, ModuleType]:
    """OpenVINO and NNCF.

    Raises:
        DetectorError: one of them is not installed.
    """
    try:
        import nncf  # here, for both are extras
        import openvino
    except ImportError as error:
        raise DetectorError(
            f"quantisation: expected nncf installed, got {error}; pip install -e '.[quantise]'"
        ) from error
    return openvino, nncf


def _readers(node: Any) -> list[Any]:  # openvino's nodes
    targets: Callable[[], Any] = node.output(0).get_target_inputs
    return [each.get_node() for each in targets()]


def _boxes(request: Any, inputs: Iterable[NDArray[np.float32]]) -> list[Rows]:
    found = []
    for pictures in inputs:
        request.infer({0: pictures})
        heads = Heads(*(torch.from_numpy(request.get_tensor(name).data) for name in HEADS))
        rows = peaks_above(heads, min_score=MIN_SCORE - SLACK, top_k=_TOP_K)
        found.append(rows[0][rows[0, :, 4] >= MIN_SCORE - SLACK])
    return found


def _has_partner(boxes: Rows, others: Rows) -> NDArray[np.bool_]:
    """(N,): whether a box of the same class overlaps by MIN_IOU."""
    is_near = iou_matrix(boxes[:, :4], others[:, :4]) >= MIN_IOU
    partner: NDArray[np.bool_] = (is_near & (boxes[:, None, 5] == others[None, :, 5])).any(1)
    return partner
