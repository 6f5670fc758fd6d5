"""How the CPU's cores are shared among runs of a network."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parallelism:
    """How the CPU's cores are shared; nothing of it changes a result.

    Attributes:
        runs: pictures (or batches) in the network at once.
        threads: of each run.
        spin: threads of a run wait by burning their core: faster alone, but taken from whoever
            decodes and encodes.
    """

    runs: int
    threads: int = 1
    spin: bool = False

    @classmethod
    def of_machine(cls, *, on_cuda: bool = False, most: int | None = None) -> Parallelism:
        """The best measured.

        Args:
            on_cuda: the cores only feed a GPU.
            most: cores that may be used; None for all.
        """
        # Threads of one run wait for each other, runs do not. Processor time of a frame of the
        # starter by OpenVINO on 2 Zen 4 cores: 14.6 ms by runs of 1 thread, 19.5 by one run of 2.
        # Frames/s of YOLOX-Nano, alone and with decoding and x264 of a 768x432 clip beside it, on 2
        # Zen 4 cores: 2 runs of 1 thread 258 and 171; 1 of 2 spinning 228 and 146; 1 of 2 163 and
        # 130; 1 of 1 140 and 127. Threads within a run cost 10.9 ms of CPU a frame, runs 7.8.
        # Milliseconds a frame of the starter at 320 by torch there: 2 runs of 1 thread 15.0 in fp32
        # and 12.3 in bf16, 1 run of 2 threads 34.0 and 36.4.
        cores = _cores() if most is None else min(_cores(), most)
        runs = 1 if on_cuda else min(cores, 4)
        return cls(runs, cores // runs)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # fewer than the machine has, in a container
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
