"""Weights out of a checkpoint file, checked name by name, and what the file says of them."""

from __future__ import annotations

import pickle
import struct
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from detector.about import About
from detector.errors import WeightsError
from detector.safetensors_file import SUFFIX, read_safetensors

_NAMED = 3  # keys an error names before it only counts

# What torch.load raises for files that are cut, overwritten or of another kind.
_DAMAGE = (
    RuntimeError,
    EOFError,
    ValueError,  # also UnicodeDecodeError
    TypeError,
    LookupError,
    AttributeError,
    ImportError,
    MemoryError,
    OverflowError,
    AssertionError,
    struct.error,
)


class Checkpoint(NamedTuple):
    """What a file holds.

    Attributes:
        state_dict: tensors by name, on the CPU; a `module.` before every key is dropped.
        about: what they need, or None where the file says nothing, as the published ones.
        path: the file, for messages.
    """

    state_dict: Mapping[str, Tensor]
    about: About | None
    path: Path

    def fill(self, network: nn.Module) -> None:
        """Gives `network`, of any device, "meta" too, the weights, as float32 on the CPU.

        Raises:
            WeightsError: keys, shapes or values are not those of `network`.
        """
        wanted = network.state_dict()
        _check(self.state_dict, wanted, self.path)
        cast = {key: self.state_dict[key].to(like.dtype) for key, like in wanted.items()}
        network.load_state_dict(cast, assign=True)


def read_checkpoint(path: Path) -> Checkpoint:
    """The weights of a file written by torch.save, or of safetensors, and what it says of them.

    What torch.save wrote is a dictionary with `state_dict`, whatever stands beside it (`epoch`,
    `optimizer`), or a bare state dict. One of ours has `format` beside it, and what `About` has.
    Nothing but tensors and plain values is ever unpickled.

    Raises:
        WeightsError: the file cannot be read or is no checkpoint.
    """
    content = read_safetensors(path) if path.suffix == SUFFIX else _read(path)
    state = {_plain_key(key): value for key, value in _state_dict(content, path).items()}
    try:
        about = About.of(content) if isinstance(content, Mapping) else None
    except ValueError as error:
        raise WeightsError(
            f"weights {str(path)!r}: {error}; use the version that wrote the file, or export it "
            "again"
        ) from error
    return Checkpoint(state, about, path)


def load_weights(network: nn.Module, path: Path) -> None:
    """Gives `network`, of any device, "meta" too, the weights of a file, as float32 on the CPU.

    Raises:
        WeightsError: the file cannot be read, is no checkpoint, or its keys, shapes or values are
            not those of `network`.
    """
    read_checkpoint(path).fill(network)


def _read(path: Path) -> object:
    """What the file holds."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's doubts about odd files; we refuse them
            content: object = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise WeightsError(
            f"weights {str(path)!r}: cannot be read: {error.strerror or error}"
        ) from error
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"weights {str(path)!r}: expected a checkpoint with nothing but tensors, got a damaged "
            "file or one that holds code; save the state dict with torch.save"
        ) from error
    except _DAMAGE as error:
        raise WeightsError(
            f"weights {str(path)!r}: expected a checkpoint written by torch.save, got a damaged "
            "file or one of another kind; download it again"
        ) from error
    return content


def _state_dict(content: object, path: Path) -> Mapping[str, Tensor]:
    """The tensors by name, out of either form of checkpoint."""
    inner = content.get("state_dict", content) if isinstance(content, Mapping) else content
    if not isinstance(inner, Mapping) or not inner:
        raise _not_a_state_dict(path, type(inner).__name__)
    for key, value in inner.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            raise _not_a_state_dict(path, f"{key!r}: {type(value).__name__}")
    return inner


def _not_a_state_dict(path: Path, got: str) -> WeightsError:
    return WeightsError(
        f"weights {str(path)!r}: expected tensors by name, or a dictionary with 'state_dict', "
        f"got {got}"
    )


def _plain_key(key: str) -> str:
    """Without the prefix that data-parallel training leaves."""
    return key.removeprefix("module.")


def _check(given: Mapping[str, Tensor], wanted: Mapping[str, Tensor], path: Path) -> None:
    faults = {
        "missing": [key for key in wanted if key not in given],
        "not in this network": [key for key in given if key not in wanted],
        "of another shape": [
            f"{key} (expected {_shape(like)}, got {_shape(given[key])})"
            for key, like in wanted.items()
            if key in given and given[key].shape != like.shape
        ],
    }
    found = [f"{len(keys)} {what}: {_first(keys)}" for what, keys in faults.items() if keys]
    if found:
        raise WeightsError(
            f"weights {str(path)!r}: for another network: {'; '.join(found)}; choose the detector "
            "they were trained for"
        )
    broken = [key for key in wanted if not bool(torch.isfinite(given[key]).all())]
    if broken:
        raise WeightsError(
            f"weights {str(path)!r}: {len(broken)} tensors hold infinite values or NaN: "
            f"{_first(broken)}; download them again"
        )


def _shape(tensor: Tensor) -> str:
    return str(list(tensor.shape))


def _first(keys: Iterable[str]) -> str:
    """The first few, and a sign that there are more."""
    listed = list(keys)
    return ", ".join(listed[:_NAMED]) + (", ..." if len(listed) > _NAMED else "")
