"""What a device spends its time on: every kernel, by the operation that launched it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import torch
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile

# What an operation is for; the first row with a word that is in its name counts. On CUDA only
# operations that launch kernels are asked for; on the CPU all that take time.
KINDS: Sequence[tuple[str, tuple[str, ...]]] = (
    ("made by the compiler", ("triton_",)),
    ("convolution, backward", ("convolution_backward",)),
    ("convolution", ("conv",)),
    ("concatenation", ("aten::cat",)),
    ("normalisation, backward", ("batch_norm_backward",)),
    ("normalisation", ("batch_norm",)),
    ("moving weights", ("_foreach", "_fused")),
    ("ReLU", ("relu", "threshold", "clamp_min")),
    ("pooling", ("pool",)),
    ("resizing", ("upsample",)),
    ("copies and casts", ("copy", "fill", "zero", "clone", "contiguous")),
    ("sums and products", ("add", "sum", "div", "mul")),
    ("selecting", ("topk", "sort", "gather", "index", "where", "max", "eq")),
)
_REARRANGING = ("nchwtonhwc", "nhwctonchw", "converttensor")  # in a kernel's name, small letters


class Launch(NamedTuple):
    """A kernel that ran once.

    Attributes:
        operation: of torch, that launched it.
        kernel: its name; on the CPU the operation's.
        ms: that it took.
    """

    operation: str
    kernel: str
    ms: float

    @property
    def kind(self) -> str:
        """What it is for."""
        name = self.kernel.lower()
        if any(word in name for word in _REARRANGING):
            return "rearranging for convolutions"
        operation = self.operation.lower()
        found = (kind for kind, words in KINDS if any(word in operation for word in words))
        return next(found, "other")


def launches(work: Callable[[], object], place: torch.device) -> list[Launch]:
    """Every kernel of one call of `work`, which has run before.

    Where no kernel is seen, as without NVIDIA's tracing library, the list is empty.
    """
    on_cuda = place.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_cuda else [])]
    with profile(activities=activities) as profiler:
        work()
        if on_cuda:
            torch.cuda.synchronize(place)
    return launches_of(profiler.events() or (), on_cuda=on_cuda)


def launches_of(events: Iterable[FunctionEvent], *, on_cuda: bool) -> list[Launch]:
    """The kernels that operations launched; on the CPU the operations, less those within them."""
    found = []
    for event in events:
        kernels = [(event.name, event.self_cpu_time_total)]
        if on_cuda:
            kernels = [(kernel.name, kernel.duration) for kernel in event.kernels]
        if on_cuda and event.is_user_annotation:  # its "kernel" would be all those within it
            kernels = []
        found += [Launch(event.name, name, us / 1e3) for name, us in kernels if us > 0]
    return found


def by_kind(found: Sequence[Launch]) -> dict[str, dict[str, float]]:
    """Milliseconds, share and launches of each kind, the dearest first."""
    return _summed([(launch.kind, launch.ms) for launch in found])


def dearest(found: Sequence[Launch], most: int = 20) -> dict[str, dict[str, float]]:
    """The same of single kernels, each with its operation."""
    rows = _summed([(f"{each.operation}: {each.kernel[:120]}", each.ms) for each in found])
    return dict(list(rows.items())[:most])


def _summed(named: Sequence[tuple[str, float]]) -> dict[str, dict[str, float]]:
    times: dict[str, list[float]] = defaultdict(list)
    for name, ms in named:
        times[name].append(ms)
    whole = sum(ms for _, ms in named)
    rows = {
        name: {"ms": sum(each), "share": sum(each) / whole, "launches": len(each)}
        for name, each in times.items()
    }
    return dict(sorted(rows.items(), key=lambda row: -row[1]["ms"]))
