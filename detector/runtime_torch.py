"""A network run by torch on the CPU, as it is or compiled."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detector.engine import EngineChoice
from detector.errors import DetectorError
from detector.network import Heads
from detector.packed import packed
from detector.parallelism import Parallelism
from detector.program import place_network

_COMPILERS = ("c++", "g++", "clang++")


class _Torch:
    """Runs something that takes (B, 3, H, W), channels last."""

    def __init__(self, network: Callable[[Tensor], Heads], dtype: torch.dtype) -> None:
        self._network = network
        self._dtype = dtype

    @torch.inference_mode()
    def run(self, pictures: NDArray[np.float32]) -> Heads:
        """Of (B, H, W, 3)."""
        x = torch.from_numpy(pictures).permute(0, 3, 1, 2)  # (B, 3, H, W), channels last
        return self._network(x.to(self._dtype))


class TorchEngine(_Torch):
    """Layer by layer, channels last, weights as the processor wants them.

    Args:
        choice: what to run.
        parallelism: None for what is best on this machine, of the cores that torch may use.
    """

    def __init__(self, choice: EngineChoice, *, parallelism: Parallelism | None = None) -> None:
        place_network(choice.network, choice.compute)
        # Of several threads, either might meet the first of many shapes: then what is found would
        # be rounded one way today and another way tomorrow.
        network = packed(choice.network) if choice.has_one_shape else choice.network
        super().__init__(network, choice.compute.dtype)
        self._threads = torch.get_num_threads()
        parallelism = parallelism or Parallelism.of_machine(most=self._threads)
        self.runs = parallelism.runs

    def take_share(self, runs: int) -> None:
        """Give the calling thread's operations its share of torch's threads.

        Each thread has a number and a team of its own, so that two with all cores would get in
        each other's way.
        """
        # Who first meets torch takes the number that was set last, by whomever: so it is asked for
        # once before it is set, and put back for those who are still to come.
        torch.get_num_threads()
        torch.set_num_threads(max(1, self._threads // runs))
        restore = threading.Thread(target=torch.set_num_threads, args=(self._threads,))
        restore.start()
        restore.join()


class CompiledEngine(_Torch):
    """Compiled for each shape it meets: a minute for the first, then faster than layer by layer.

    One run at a time: what is compiled is compiled for a number of threads.

    Raises:
        DetectorError: there is no C++ compiler.
    """

    runs = 1

    def __init__(self, choice: EngineChoice) -> None:
        if not any(map(shutil.which, _COMPILERS)):
            raise DetectorError(
                f"runtime 'compile': expected a C++ compiler ({', '.join(_COMPILERS)}), found "
                "none; install one or use --runtime openvino"
            )
        place_network(choice.network, choice.compute)
        # `freezing` lets it lay out the weights as it likes: 962 ms instead of 1120 for HarDNet-85
        # at 512 on two Zen 4 cores.
        compiled = torch.compile(choice.network, dynamic=False, options={"freezing": True})
        super().__init__(compiled, choice.compute.dtype)
