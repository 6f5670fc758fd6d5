"""The network step by step: what each technique gives, at every batch size, taken in turn."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.backends import cudnn

from benchmarks.gpu.clock import Work, interleaved_ms
from detector.buckets import LARGEST, bucket_sizes
from detector.cuda_device import CudaDevice
from detector.cuda_executor import CudaOptions, prepare_network
from detector.device import Compute
from detector.fold import fold_batch_norm
from detector.network import Heads, PointNetwork
from detector.padding import picture_channels
from detector.peaks import decode, decode_logits, plain_maps

logger = logging.getLogger(__name__)

_PLAIN = CudaOptions(pads=False, fuses=False)


@dataclass(frozen=True, slots=True)
class Variant:
    """One way of running the network.

    Attributes:
        precision: of its arithmetic; None for half on a GPU, float32 on the CPU.
        options: what is done to it; None leaves it as it was trained, rows first.
        is_recorded: as a CUDA graph.
        decode: what follows the network within it, or None.
        sizes: of batches it is measured at, or None for all.
    """

    precision: torch.dtype | None = None
    options: CudaOptions | None = _PLAIN
    is_recorded: bool = False
    decode: Callable[[Heads], Tensor] | None = None
    sizes: frozenset[int] | None = None


def _published(heads: Heads) -> Tensor:
    return decode(plain_maps(heads), top_k=100)


def _logits_first(heads: Heads) -> Tensor:
    return decode_logits(heads, top_k=100)


_FULL = CudaOptions()
VARIANTS: Mapping[str, Variant] = {
    "eager fp32": Variant(precision=torch.float32, options=None),
    "eager fp32 folded": Variant(precision=torch.float32),
    "eager": Variant(options=None),
    "folded, channels last": Variant(),
    "padded": Variant(options=CudaOptions(pads=True, fuses=False)),
    "padded, fused": Variant(options=_FULL),
    "graph": Variant(is_recorded=True),
    "graph, padded": Variant(options=CudaOptions(pads=True, fuses=False), is_recorded=True),
    "graph, padded but the picture, fused": Variant(
        options=CudaOptions(pads_picture=False), is_recorded=True
    ),
    "graph, fused": Variant(options=CudaOptions(pads=False, fuses=True), is_recorded=True),
    "graph, padded, fused": Variant(options=_FULL, is_recorded=True),
    "graph, padded, fused, autotuned": Variant(
        options=CudaOptions(autotunes=True), is_recorded=True, sizes=frozenset({1, 16})
    ),  # trying every algorithm of 114 convolutions may take a minute a size
    "graph, padded, fused, published peaks": Variant(
        options=_FULL, is_recorded=True, decode=_published
    ),
    "graph, padded, fused, logits first": Variant(
        options=_FULL, is_recorded=True, decode=_logits_first
    ),
}
COMPILED: Mapping[str, Variant] = {
    "graph, compiled": Variant(
        options=CudaOptions(pads=False, fuses=False, compiles=True), is_recorded=True
    ),
    "graph, padded, compiled": Variant(
        options=CudaOptions(pads=True, fuses=False, compiles=True), is_recorded=True
    ),
}
_NEEDS_CUDA = ("fused", "graph", "autotuned")


def measure(
    make: Callable[[], PointNetwork],
    place: torch.device,
    *,
    side: int,
    sizes: Sequence[int] = bucket_sizes(LARGEST),
    variants: Mapping[str, Variant] = VARIANTS,
    rounds: int,
    deadline_s: float,
    save: Callable[[dict[str, dict[str, float]]], None],
) -> dict[str, dict[str, float]]:
    """Milliseconds a batch, by size and variant; sizes beyond time or memory are left out.

    Args:
        make: the network with its weights, on the CPU, the same at every call.
        place: where.
        side: of the square input, px.
        sizes: of batches.
        variants: by name; those that need CUDA are left out on the CPU.
        rounds: timed calls of each.
        deadline_s: on `time.monotonic`.
        save: called with the table after every size.
    """
    chosen = {
        name: variant
        for name, variant in variants.items()
        if place.type == "cuda" or not any(word in name for word in _NEEDS_CUDA)
    }
    networks = {name: prepared(make(), variant, place) for name, variant in chosen.items()}
    table: dict[str, dict[str, float]] = {}
    for size in sizes:
        if time.monotonic() > deadline_s:
            logger.warning("ladder: no time left for batches of %d", size)
            break
        try:
            with torch.inference_mode(), cudnn.flags(enabled=True, allow_tf32=False):
                works: dict[str, Work] = {}
                for name, variant in chosen.items():
                    if variant.sizes is None or size in variant.sizes:
                        work = _work_that_runs(name, networks[name], variant, size, side, place)
                        if work is not None:
                            works[name] = work
                took = interleaved_ms(works, place, rounds=rounds, deadline_s=deadline_s)
        except torch.OutOfMemoryError:
            logger.warning("ladder: no memory for batches of %d", size)
            break
        table[str(size)] = took
        save(table)
    return table


def _work_that_runs(
    name: str, network: PointNetwork, variant: Variant, size: int, side: int, place: torch.device
) -> Work | None:
    """None for what a library has no kernel for, which is no reason to lose the other variants."""
    pictures = random_pictures(network, variant, size, side, place)
    try:
        work = work_of(network, variant, pictures, place)
        work()
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        logger.warning("ladder: %s, batches of %d: left out: %s", name, size, reason)
        return None
    return work


def prepared(network: PointNetwork, variant: Variant, place: torch.device) -> PointNetwork:
    """The network as that variant wants it, on its device; in place."""
    network.eval()
    dtype = _dtype(variant, place)
    if variant.options is None:
        network.to(place, dtype)
    else:
        fold_batch_norm(network)
        prepare_network(network, Compute(place, dtype), variant.options)
    return network


def _dtype(variant: Variant, place: torch.device) -> torch.dtype:
    half = torch.float16 if place.type == "cuda" else torch.float32
    return variant.precision or half


def random_pictures(
    network: PointNetwork, variant: Variant, size: int, side: int, place: torch.device
) -> Tensor:
    """(size, C, side, side) of noise on the device, as the network wants it."""
    stream = torch.Generator().manual_seed(size)
    pictures = torch.randn(size, picture_channels(network), side, side, generator=stream)
    pictures = pictures.to(place, _dtype(variant, place))
    if variant.options is not None:
        pictures = pictures.to(memory_format=torch.channels_last)
    return pictures


def work_of(network: PointNetwork, variant: Variant, pictures: Tensor, place: torch.device) -> Work:
    """One forward pass over pictures that stay where they are."""

    def forward() -> None:
        heads = network(pictures)
        if variant.decode is not None:
            variant.decode(heads)

    if not variant.is_recorded:
        return forward
    autotunes = variant.options is not None and variant.options.autotunes
    device = CudaDevice(place, autotunes=autotunes)
    lane = device.lane("ladder")
    replay = lane.recorded(forward)

    def replayed() -> None:
        lane.stream.wait_stream(torch.cuda.current_stream(place))
        with lane.current():
            replay()
        torch.cuda.current_stream(place).wait_stream(lane.stream)

    return replayed
