"""Inside the network: what its kernels are for, and what concatenations cost beside what they must.

It is watched as single calls. Recorded as a graph the same kernels run, with less time between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.backends import cudnn
from torch.overrides import TorchFunctionMode

from benchmarks.gpu.clock import interleaved_ms
from benchmarks.gpu.ladder import VARIANTS, Variant, prepared, random_pictures, work_of
from benchmarks.gpu.launches import by_kind, dearest, launches
from benchmarks.gpu.plan import Plan
from detector.cuda_executor import CudaOptions
from detector.peaks import decode_logits

_CALLS = "padded, fused"
_GRAPH = "graph, padded, fused"


class _Joined(TorchFunctionMode):
    """Counts the elements that concatenations write."""

    def __init__(self) -> None:
        super().__init__()
        self.elements = 0

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: object,
        args: tuple[Any, ...] = (),  # Any: whatever the network calls with
        kwargs: Mapping[str, Any] | None = None,  # likewise
    ) -> object:
        result = func(*args, **(kwargs or {}))
        if func is torch.cat and isinstance(result, torch.Tensor):
            self.elements += result.numel()
        return result


def look(plan: Plan, *, batch: int, copy_gb_s: float | None) -> dict[str, object]:
    """Kernels by kind, of the network and of what finds its peaks; and the price of joining maps.

    Args:
        plan: of the run.
        batch: pictures.
        copy_gb_s: the device's own rate, bytes read and written; None where it is not known.
    """
    on_cuda = plan.place.type == "cuda"
    rounds = 3 if plan.is_quick else 20
    variant = VARIANTS[_CALLS] if on_cuda else Variant(options=CudaOptions(fuses=False))
    network = prepared(plan.make(), variant, plan.place)
    pictures = random_pictures(network, variant, batch, plan.side, plan.place)
    with torch.inference_mode(), cudnn.flags(enabled=True, allow_tf32=False):
        works = {"calls": work_of(network, variant, pictures, plan.place)}
        if on_cuda:
            works["graph"] = work_of(network, VARIANTS[_GRAPH], pictures, plan.place)
        took = interleaved_ms(works, plan.place, rounds=rounds, deadline_s=plan.deadline_s)
        with _Joined() as joined:
            heads = network(pictures)
        of_network = launches(lambda: network(pictures), plan.place)
        decode_logits(heads, top_k=100)
        of_peaks = launches(lambda: decode_logits(heads, top_k=100), plan.place)
    kernels_ms = sum(launch.ms for launch in of_network)
    kinds = by_kind(of_network)
    joining_ms = kinds.get("concatenation", {}).get("ms", 0.0)
    moved = 2 * joined.elements * pictures.element_size()  # read and written
    floor_ms = None if copy_gb_s is None else moved / copy_gb_s / 1e6
    return {
        "batch": batch,
        **{f"{name}_ms": ms for name, ms in took.items()},
        "kernels_ms": kernels_ms,
        "busy": kernels_ms / took.get("graph", took["calls"]),
        "kinds": kinds,
        "dearest": dearest(of_network),
        "peaks_ms": sum(launch.ms for launch in of_peaks),
        "peaks": by_kind(of_peaks),
        "concatenation": {
            "million_elements_a_picture": joined.elements / batch / 1e6,
            "ms": joining_ms,
            "ms_a_picture": joining_ms / batch,
            "floor_ms": floor_ms,
            "share": joining_ms / kernels_ms if kernels_ms else None,
        },
    }


def say(found: Mapping[str, Any]) -> str:
    """What concatenation costs, in one line."""
    joined = found["concatenation"]
    if joined["share"] is None:
        return "no kernel was seen: the profiler does not work here"
    floor = "not known" if joined["floor_ms"] is None else f"{joined['floor_ms']:.2f} ms"
    return (
        f"concatenation: {joined['share']:.0%} of the network's kernels, {joined['ms']:.2f} ms a "
        f"batch of {found['batch']} ({joined['million_elements_a_picture']:.0f} M elements a "
        f"picture; as fast as copies: {floor})"
    )
