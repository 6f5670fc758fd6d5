"""What this machine's processor can do at best, and how near the network comes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.rows import Row
from detector.network import PointNetwork

_SIDE = 1024  # of the matrices: their product is 2.1 GFLOP, and they fit no cache but the last
_BYTES = 2**26  # that are copied: more than any cache holds


@dataclass(frozen=True, slots=True)
class Ceilings:
    """Of the processor, all its cores.

    Attributes:
        fp32_gflops: GFLOP a second of a matrix product.
        bf16_gflops: likewise, in bfloat16; without such instructions it is below fp32.
        copy_gb_s: GB a second, read and written.
    """

    fp32_gflops: float
    bf16_gflops: float
    copy_gb_s: float

    def __str__(self) -> str:
        """One line."""
        return (
            f"ceilings of the processor: matrix product {self.fp32_gflops:.0f} GFLOP/s in fp32, "
            f"{self.bf16_gflops:.0f} in bf16; copies {self.copy_gb_s:.1f} GB/s"
        )

    def gflops(self, precision: str) -> float:
        """Of a matrix product in "fp32" or "bf16"."""
        return {"fp32": self.fp32_gflops, "bf16": self.bf16_gflops}[precision]

    def or_better(self, other: Ceilings) -> Ceilings:
        """The best of each that either found."""
        return Ceilings(
            max(self.fp32_gflops, other.fp32_gflops),
            max(self.bf16_gflops, other.bf16_gflops),
            max(self.copy_gb_s, other.copy_gb_s),
        )


def measure(*, seconds: float) -> Ceilings:
    """Each for about so many seconds; random numbers, no zeros."""
    stream = torch.Generator().manual_seed(0)
    left, right = (torch.randn(_SIDE, _SIDE, generator=stream) for _ in range(2))
    left16, right16 = left.bfloat16(), right.bfloat16()
    source = torch.randint(0, 256, (_BYTES,), dtype=torch.uint8, generator=stream)
    target = torch.empty_like(source)
    flop = 2 * _SIDE**3
    return Ceilings(
        flop / _best_s(lambda: left @ right, seconds) / 1e9,
        flop / _best_s(lambda: left16 @ right16, seconds) / 1e9,
        2 * _BYTES / _best_s(lambda: target.copy_(source), seconds) / 1e9,
    )


def _best_s(work: Callable[[], object], seconds: float) -> float:
    """The shortest call: a ceiling is what is possible, not what is usual."""
    work()
    taken: list[float] = []
    end_s = time.perf_counter() + seconds
    while not taken or time.perf_counter() < end_s:
        start_s = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start_s)
    return min(taken)


def gflop_of(network: PointNetwork, side: int) -> float:
    """GFLOP of one picture (1, 3, side, side); a multiplication and an addition are two."""
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 3, side, side))
    return float(counter.get_total_flops()) / 1e9


def distance(
    title: str,
    kind: str,
    wall_ms: Sequence[float],
    *,
    gflop: float,
    ceilings: Ceilings,
) -> Row:
    """The network's arithmetic a second / that of a matrix product, pictures to boxes.

    Args:
        title: of the network.
        kind: runtime and precision.
        wall_ms: of a picture, one a round.
        gflop: of a picture.
        ceilings: of this run.
    """
    most = ceilings.gflops(kind.split()[-1])
    says = f"{gflop:.1f} GFLOP in {median(wall_ms):.1f} ms; ceiling {most:.0f} GFLOP/s"
    ratios = [gflop / ms * 1e3 / most for ms in wall_ms]
    return Row.of(f"{title} on the CPU: its arithmetic / the ceiling", kind, ratios, says)
