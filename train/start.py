"""What a network starts from: weights of another training, or of a body that saw ImageNet."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from detector.checkpoint import read_checkpoint
from detector.errors import WeightsError
from detector.network import PointNetwork

logger = logging.getLogger(__name__)

_BODY = "base."  # what the names of a body's weights begin with in the whole network


def start_from(network: PointNetwork, path: Path, *, is_body: bool) -> None:
    """Gives `network` what fits of a file's weights; the rest stays as it is.

    Heads for another number of classes do not fit and are learnt anew, which is logged.

    Args:
        network: on the CPU.
        path: a checkpoint.
        is_body: the file is of the body alone, as published for classifying ImageNet.

    Raises:
        WeightsError: the file cannot be read, or is of another network altogether.
    """
    given = read_checkpoint(path).state_dict
    if is_body and not any(key.startswith(_BODY) for key in given):
        given = {f"{_BODY}{key}": value for key, value in given.items()}
    own = network.state_dict()
    wanted = {key: value for key, value in own.items() if not is_body or key.startswith(_BODY)}
    fitting = {key: given[key] for key, like in wanted.items() if _fits(given, key, like)}
    # A third may be heads; less in common means that the file is of something else.
    if not wanted or len(fitting) < len(wanted) / 2:
        raise WeightsError(
            f"weights {str(path)!r}: expected those of this network, got {len(fitting)} of its "
            f"{len(wanted)} tensors; choose the model they were trained as"
        )
    missing = [key for key in wanted if key not in fitting]
    if missing:
        logger.info(
            "%s: %d tensors are initialised anew, such as %s",
            path,
            len(missing),
            ", ".join(missing[:3]),
        )
    with torch.no_grad():
        for key, value in fitting.items():
            own[key].copy_(value)


def _fits(given: Mapping[str, Tensor], key: str, like: Tensor) -> bool:
    return key in given and given[key].shape == like.shape
