"""How busy a GPU is and how full, through NVML (the extra `gpu`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from streamer.clock import Clock, MonotonicClock

READ_EVERY_NS = 1_000_000_000  # 1 s: NVML averages over about as long


@dataclass(frozen=True, slots=True)
class GpuLoad:
    """A GPU at one moment.

    Attributes:
        busy: share of the time for which it worked, in 0..1, or None where it does not say.
        used_bytes: of its memory, by whomever.
        total_bytes: of its memory.
    """

    busy: float | None
    used_bytes: int
    total_bytes: int

    @property
    def text(self) -> str:
        """Such as `87% busy, 4.2 of 80.0 GB`."""
        busy = "" if self.busy is None else f"{self.busy:.0%} busy, "
        return f"{busy}{self.used_bytes / 1e9:.1f} of {self.total_bytes / 1e9:.1f} GB"


GpuProbe = Callable[[], GpuLoad | None]


def open_gpu(uuid: str) -> GpuProbe | None:
    """What asks the GPU `uuid`, at most once a second, or None where nobody can be asked.

    Args:
        uuid: as NVML has it, such as `GPU-4cf8db2d-...`: numbers change with what a process sees.
    """
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByUUID(uuid)
    except pynvml.NVMLError:
        return None
    return _Nvml(pynvml, handle, MonotonicClock()).read


class _Nvml:
    """Asks one GPU, and remembers the answer for a while."""

    def __init__(self, library: Any, handle: Any, clock: Clock) -> None:  # untyped by its authors
        self._library, self._handle, self._clock = library, handle, clock
        self._read_ns: int | None = None
        self._last: GpuLoad | None = None

    def read(self) -> GpuLoad | None:
        now_ns = self._clock.now_ns()
        if self._read_ns is None or now_ns - self._read_ns >= READ_EVERY_NS:
            self._read_ns = now_ns
            self._last = self._ask()
        return self._last

    def _ask(self) -> GpuLoad | None:
        try:
            memory = self._library.nvmlDeviceGetMemoryInfo(self._handle)
        except self._library.NVMLError:
            return None
        try:
            busy = self._library.nvmlDeviceGetUtilizationRates(self._handle).gpu / 100
        except self._library.NVMLError:  # a slice of a GPU does not know
            busy = None
        return GpuLoad(busy, int(memory.used), int(memory.total))
