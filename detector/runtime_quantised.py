"""A network in 8-bit integers, made by `detector.quantise`, run by OpenVINO."""

from __future__ import annotations

import torch

from detector.engine import EngineChoice
from detector.errors import WeightsError
from detector.prepared import fingerprint
from detector.runtime_openvino import OpenvinoEngine, load_openvino

FINGERPRINT = "streamer_fingerprint"  # in the file: of the network it was made from
SHARE = "streamer_agreement"  # in the file: of the boxes of float, 0..1


def open_quantised(choice: EngineChoice) -> OpenvinoEngine:
    """`choice.quantised` in the place of the network that it was made from.

    Raises:
        DetectorError: OpenVINO is not installed.
        DeviceError: the processor has no such precision.
        WeightsError: the file is missing, is none of ours, or was made from another network.
    """
    path = choice.quantised
    if path is None:
        raise WeightsError("quantised: expected a file, got none")
    openvino = load_openvino()
    try:
        model = openvino.Core().read_model(path)
    except RuntimeError as error:  # all that OpenVINO raises
        raise WeightsError(
            f"quantised {str(path)!r}: expected a file of detector.quantise, got one that OpenVINO "
            "cannot read"
        ) from error
    if not model.has_rt_info(FINGERPRINT):
        raise WeightsError(
            f"quantised {str(path)!r}: expected a file of detector.quantise, got another model"
        )
    if model.get_rt_info(FINGERPRINT).value != fingerprint(choice.network):
        raise WeightsError(
            f"quantised {str(path)!r}: made from other weights, or by another version; make it "
            "again with detector.quantise"
        )
    dtype = torch.bfloat16 if choice.compute.dtype == torch.bfloat16 else torch.float32
    return OpenvinoEngine(path, dtype)
