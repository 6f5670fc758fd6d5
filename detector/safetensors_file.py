"""Weights as safetensors: nothing in the file can run, and it is read without a copy.

Source: the safetensors format; what `About` says stands as JSON in its metadata.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from detector.about import About
from detector.errors import WeightsError
from detector.replaced import replaced

SUFFIX = ".safetensors"
_ABOUT = "about"  # key of the metadata


def read_safetensors(path: Path) -> Mapping[str, object]:
    """What a checkpoint of ours holds: `state_dict`, and what `About.content` gave.

    Raises:
        WeightsError: the file cannot be read or is damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no dict
            about = json.loads((file.metadata() or {}).get(_ABOUT, "{}"))
    except OSError as error:
        raise WeightsError(
            f"weights {str(path)!r}: cannot be read: {error.strerror or error}"
        ) from error
    except (SafetensorError, ValueError) as error:
        raise WeightsError(
            f"weights {str(path)!r}: expected a safetensors file, got a damaged one or one of "
            "another kind; download it again"
        ) from error
    return {"state_dict": state, **about}


def write_safetensors(path: Path, state: Mapping[str, Tensor], about: About) -> None:
    """Weights in fp16, other tensors as they are, and what they need.

    What normalises stays float32: it is a hundredth of the file, and a variance may leave fp16.

    Raises:
        OSError: the file cannot be written; what was there stays.
    """
    halved = {
        key: (value.half() if value.dtype == torch.float32 and value.ndim > 1 else value)
        for key, value in state.items()
    }
    halved = {key: value.contiguous() for key, value in halved.items()}
    # The library's own writer leaves a file that its owner alone may read.
    content = save(halved, metadata={_ABOUT: json.dumps(about.content())})
    with replaced(path) as beside:
        beside.write_bytes(content)
