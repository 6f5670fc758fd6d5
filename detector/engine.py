"""What runs a network on the host's side, and how it is looked at before it is trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray

from detector.agreement import expected_heads, heads_error, typical_error
from detector.device import Compute
from detector.errors import DeviceError
from detector.network import Heads, PointNetwork

# Most that heads may differ from torch's in float32, and how that is measured. With onnxruntime and
# OpenVINO: fp32 1e-6, 1e-4 where a network chooses between maps; bf16 0.005 to 0.04.
TOLERANCES = {torch.float32: 2e-3, torch.bfloat16: 0.1, torch.float16: 0.05}
_LOOK = (1, 128, 192)  # batch, height, width of what both are shown


class Engine(Protocol):
    """Runs a network: pictures in, heads out."""

    @property
    def runs(self) -> int:
        """Calls of `run` worth having at once, each from a thread of its own."""
        ...

    def run(self, pictures: NDArray[np.float32]) -> Heads:
        """Of (B, H, W, 3), normalised; blocks, and lets other threads run meanwhile.

        What it gives is on the CPU and may be overwritten, by the caller or by the next run of the
        same thread.

        Raises:
            DetectorError: the network cannot run on such an input.
        """
        ...


@runtime_checkable
class SharingEngine(Engine, Protocol):
    """An engine that any number of threads may run, each with its share of the cores."""

    def take_share(self, runs: int) -> None:
        """Say how many such threads there are, in each of them, before it runs anything."""
        ...


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """What an engine is opened with.

    Attributes:
        network: folded, in evaluation mode, on the CPU; the engine may change it.
        compute: where and in which precision.
        folder: of prepared files; None for the user's cache folder.
        quantised: the network in int8, to be run in its place, or None.
        has_one_shape: of inputs, known before the first; else they may be of any, in any order.
    """

    network: PointNetwork
    compute: Compute
    folder: Path | None = None
    quantised: Path | None = None
    has_one_shape: bool = True


def check_engine(engine: Engine, network: PointNetwork, dtype: torch.dtype, *, name: str) -> None:
    """Compare with torch in float32.

    Args:
        engine: to be looked at.
        network: float32, on the CPU.
        dtype: of the engine.
        name: of its runtime, for the message.

    Raises:
        DeviceError: they disagree.
    """
    pictures = np.random.default_rng(0).standard_normal((*_LOOK, 3)).astype(np.float32)
    measure = heads_error if dtype == torch.float32 else typical_error
    error = measure(engine.run(pictures), expected_heads(network, pictures))
    if not error <= TOLERANCES[dtype]:  # NaN is no agreement
        raise DeviceError(
            f"runtime {name!r}: expected torch's heads to {TOLERANCES[dtype]:g}, they differ by "
            f"{error:.2g} in {str(dtype).removeprefix('torch.')}; use --runtime torch or another "
            "--precision"
        )


def refuse_dtype(dtype: torch.dtype, allowed: Sequence[torch.dtype], *, name: str) -> None:
    """Say that a runtime has no such precision.

    Raises:
        DeviceError: `dtype` is not among `allowed`.
    """
    words = {torch.float32: "fp32", torch.float16: "fp16", torch.bfloat16: "bf16"}
    if dtype not in allowed:
        raise DeviceError(
            f"precision {words[dtype]!r}: runtime {name} expected "
            f"{' or '.join(words[each] for each in allowed)} here; use --runtime torch"
        )
