"""A network run by torch on the CPU, as it is or compiled."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detector.engine import EngineChoice
from detector.errors import DetectorError
from detector.network import Heads
from detector.program import place_network

_COMPILERS = ("c++", "g++", "clang++")


class TorchEngine:
    """Layer by layer, channels last."""

    runs = 1

    def __init__(self, choice: EngineChoice) -> None:
        self._dtype = choice.compute.dtype
        self._network: Callable[[Tensor], Heads] = choice.network
        place_network(choice.network, choice.compute)

    @torch.inference_mode()
    def run(self, pictures: NDArray[np.float32]) -> Heads:
        """Of (B, H, W, 3)."""
        x = torch.from_numpy(pictures).permute(0, 3, 1, 2)  # (B, 3, H, W), channels last
        return self._network(x.to(self._dtype))


class CompiledEngine(TorchEngine):
    """Compiled for each shape it meets: a minute for the first, then faster than layer by layer.

    Raises:
        DetectorError: there is no C++ compiler.
    """

    def __init__(self, choice: EngineChoice) -> None:
        if not any(map(shutil.which, _COMPILERS)):
            raise DetectorError(
                f"runtime 'compile': expected a C++ compiler ({', '.join(_COMPILERS)}), found "
                "none; install one or use --runtime openvino"
            )
        super().__init__(choice)
        # `freezing` lets it lay out the weights as it likes: 962 ms instead of 1120 for HarDNet-85
        # at 512 on two Zen 4 cores.
        self._network = torch.compile(choice.network, dynamic=False, options={"freezing": True})
