"""Checkpoints: written whole or not at all, and read without trusting them.

A checkpoint is one dictionary of tensors and plain values. `state_dict` and what describes it (the
architecture, class names, input size, normalisation) is all that detecting needs; `training` is
what going on needs, and absent in files made to be given away.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from detector.about import FORMAT, About
from detector.replaced import PART, replaced
from detector.safetensors_file import write_safetensors
from train.errors import CheckpointError, DivergedError

LAST, BEST = "last.pth", "best.pth"

Content = dict[str, Any]  # Any: tensors, numbers, strings and containers of them; checked when read


def write_checkpoint(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a checkpoint in place of what is there; killed at any moment, one of both is whole.

    Raises:
        CheckpointError: it cannot be written; what was there before stays.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replaced(path) as beside, beside.open("wb") as file:
            torch.save(dict(content), file)
    except (OSError, RuntimeError) as error:  # torch's writer wraps a full disk in a RuntimeError
        cause = _os_error(error)
        reason = (cause.strerror if cause else None) or str(error).splitlines()[0]
        raise CheckpointError(
            f"checkpoint {str(path)!r}: cannot be written: {reason}; free some space and continue "
            "with --resume from the one before"
        ) from error


def write_weights(path: Path, state: Mapping[str, Tensor], about: About) -> None:
    """Writes what detecting needs, as safetensors, in place of what is there.

    Raises:
        CheckpointError: it cannot be written; what was there before stays.
    """
    try:
        write_safetensors(path, state, about)
    except OSError as error:
        raise CheckpointError(
            f"weights {str(path)!r}: cannot be written: {error.strerror or error}"
        ) from error


def check_numbers(states: Iterable[Mapping[str, Tensor]], step: int) -> None:
    """Before weights are kept.

    Raises:
        DivergedError: they are no numbers any more.
    """
    if not all(bool(torch.isfinite(each).all()) for state in states for each in state.values()):
        raise DivergedError(
            f"the weights are NaN or infinite after step {step}; continue with --resume and a "
            "lower learning rate"
        )


def check_free(folder: Path) -> None:
    """Before a training begins anew.

    Raises:
        CheckpointError: the folder holds one.
    """
    if (folder / LAST).exists():
        raise CheckpointError(
            f"output folder {str(folder)!r}: holds a training already; continue it with --resume, "
            "or choose another output"
        )


@contextmanager
def of_this_training() -> Iterator[None]:
    """Around putting what was read in its places.

    Raises:
        CheckpointError: it is of another training.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"resume: the checkpoint is of another training: {str(error).splitlines()[0]}; "
            "choose the settings that it began with, or another output folder"
        ) from error


def read_checkpoint(path: Path) -> Content:
    """What `write_checkpoint` wrote, on the CPU; no code in it is ever run.

    Raises:
        CheckpointError: it cannot be read, is damaged or is no checkpoint of ours.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CheckpointError(
            f"checkpoint {str(path)!r}: cannot be read: {error.strerror or error}"
        ) from error
    except (RuntimeError, EOFError, ValueError, LookupError, pickle.UnpicklingError) as error:
        raise CheckpointError(
            f"checkpoint {str(path)!r}: expected one written by this training, got a damaged file "
            "or one of another kind"
        ) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        got = content.get("format") if isinstance(content, dict) else type(content).__name__
        raise CheckpointError(
            f"checkpoint {str(path)!r}: expected format {FORMAT}, got {got!r}; use the "
            "version that wrote it"
        )
    return content


def remove_leftovers(folder: Path) -> None:
    """Deletes what killed processes left half written in `folder`."""
    for path in folder.glob(f".*{PART}"):
        path.unlink(missing_ok=True)


def _os_error(error: BaseException) -> OSError | None:
    """What the system said, wherever in the chain."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, OSError):
        seen = seen.__cause__ or seen.__context__
    return seen
