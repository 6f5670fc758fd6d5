"""The rows that only a GPU can fill: from what `python -m benchmarks.gpu` has written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.rows import Row

PART = "on a GPU"
COMMAND = "python -m benchmarks.gpu benchmarks/results"
WANTED_RATE = 1800.0  # pictures a second at 512 in batches of 16 or 32, one H200
WANTED_BATCH_1_MS = 1.2
GFLOP = 175.4  # of HarDNet-85 on a picture of 512 x 512
I420_MB = 1920 * 1080 * 1.5 / 1e6  # of a picture

Found = Mapping[str, Mapping[str, Any]]  # of JSON: figures, or mappings of them
Measured = tuple[float, str]


def _pipeline_share(batch: int) -> Callable[[Found], Measured]:
    def of(found: Found) -> Measured:
        piped = found["pipeline"][f"batch {batch}"]["pictures_a_second"]
        alone = found["rate"][f"i420 batch {batch}"]["pictures_a_second"]
        return piped / alone, f"{piped:.0f} of {alone:.0f} pictures/s"

    return of


def _rate(found: Found) -> Measured:
    names = [f"i420 batch {size}" for size in (16, 32)]
    best = max(found["rate"][name]["pictures_a_second"] for name in names if name in found["rate"])
    return best / WANTED_RATE, f"{best:.0f} pictures/s"


def _batch_1(found: Found) -> Measured:
    took_ms = found["rate"]["i420 batch 1"]["ms_a_batch"]
    return WANTED_BATCH_1_MS / took_ms, f"{took_ms:.2f} ms"


def _ablated(what: str) -> Callable[[Found], Measured]:
    def of(found: Found) -> Measured:
        name = next(name for name in found["rate"] if name.endswith(what))
        whole = found["rate"][name.partition(",")[0]]["pictures_a_second"]
        rate = found["rate"][name]["pictures_a_second"]
        return rate / whole, f"{rate:.0f} of {whole:.0f} pictures/s"

    return of


def _pageable(found: Found) -> Measured:
    ceilings = found["probe"]["ceilings"]
    pageable, pinned = ceilings["pageable_to_device_gb_s"], ceilings["pinned_to_device_gb_s"]
    return pageable / pinned, f"{pageable:.1f} of {pinned:.1f} GB/s"


def _step(name: str, before: str) -> Callable[[Found], Measured]:
    """One technique of the ladder: time without / time with it, at the largest batch there is."""

    def of(found: Found) -> Measured:
        ladder = found["ladder"]
        size = max((each for each in ladder if {name, before} <= ladder[each].keys()), key=int)
        took, was = ladder[size][name], ladder[size][before]
        return was / took, f"{was:.2f} / {took:.2f} ms a batch of {size}"

    return of


def _graph_of_one(found: Found) -> Measured:
    took = found["ladder"]["1"]
    eager, recorded = took["padded, fused"], took["graph, padded, fused"]
    return recorded / eager, f"{recorded:.2f} / {eager:.2f} ms, batch 1"


def _of_the_product(found: Found) -> Measured:
    rate = max(row["pictures_a_second"] for row in found["rate"].values())
    reached, most = rate * GFLOP / 1e3, found["probe"]["ceilings"]["matmul_tflops"]
    return reached / most, f"{reached:.0f} of {most:.0f} TFLOP/s, half precision"


def _of_the_copies(found: Found) -> Measured:
    rate = max(row["pictures_a_second"] for row in found["rate"].values())
    moved, most = rate * I420_MB / 1e3, found["probe"]["ceilings"]["pinned_to_device_gb_s"]
    return moved / most, f"{moved:.1f} of {most:.1f} GB/s, 1080p I420 from pinned memory"


def _nvdec(found: Found) -> Measured:
    rates = {name.partition(" x ")[::2]: rate for name, rate in found["decode"].items()}
    cpu, nvdec = (
        max(float(rate) for (each, count), rate in rates.items() if each == way and count)
        for way in ("cpu", "nvdec")
    )
    return nvdec / cpu, f"{nvdec:.0f} / {cpu:.0f} frames/s, the best number of recordings at once"


def _to_boxes(way: str, other: str) -> Callable[[Found], Measured]:
    """Whole runs, with the most recordings at once that both ways were tried with."""

    def of(found: Found) -> Measured:
        rates = found["decode"]
        counts = {
            name.rpartition(" ")[2] for name in rates if name.startswith(f"to boxes, {way} x ")
        }
        most = max((each for each in counts if f"to boxes, {other} x {each}" in rates), key=int)
        first, second = (float(rates[f"to boxes, {each} x {most}"]) for each in (way, other))
        return first / second, f"{first:.0f} / {second:.0f} frames/s, {most} recordings at once"

    return of


def _busy(found: Found) -> Measured:
    name, best = max(found["rate"].items(), key=lambda row: row[1]["pictures_a_second"])
    return best["device_share"], f"{name}; gap p99 {best['p99_gap_ms']:.2f} ms"


_LADDER = (  # a technique, and what it is added to
    ("eager fp32 folded", "eager fp32"),
    ("folded, channels last", "eager fp32 folded"),
    ("padded", "folded, channels last"),
    ("padded, fused", "padded"),
    ("graph, padded, fused", "padded, fused"),
    ("graph, padded, fused, autotuned", "graph, padded, fused"),
    ("graph, padded, fused, logits first", "graph, padded, fused, published peaks"),
)


_ROWS: tuple[tuple[str, float | None, Callable[[Found], Measured]], ...] = (
    ("pipeline / detector alone, batch 16, 8 streams", 0.95, _pipeline_share(16)),
    ("pipeline / detector alone, batch 32, 8 streams", 0.95, _pipeline_share(32)),
    (f"detector alone / {WANTED_RATE:.0f} pictures a second, batch 16 or 32", 1.0, _rate),
    (f"{WANTED_BATCH_1_MS} ms / batch of 1", 1.0, _batch_1),
    *((f"ladder: {name}, over {before}", None, _step(name, before)) for name, before in _LADDER),
    ("network's arithmetic / matrix product", None, _of_the_product),
    ("copies to the device / their ceiling", None, _of_the_copies),
    ("NVDEC / CPU, 1080p", None, _nvdec),
    ("to boxes: NVDEC, pictures stay / come down", None, _to_boxes("nvdec staying", "nvdec")),
    ("to boxes: NVDEC, pictures stay / CPU", None, _to_boxes("nvdec staying", "cpu")),
    ("share of the time that the device is busy", None, _busy),
    ("one batch in flight / three", None, _ablated("one in flight")),
    ("no graph / graph, batch 1", None, _graph_of_one),
    ("beside a busy Python thread / alone", None, _ablated("beside a busy thread")),
    ("the same, with short turns", None, _ablated("beside one cut short")),
    ("copies from pageable / from pinned memory", None, _pageable),
)


def rows(results: Path) -> list[Row]:
    """From its file of results; empty ones that name the command where there is none.

    Args:
        results: `gpu.json`; what a run was cut off before stays empty.
    """
    if not results.exists():
        return [Row(PART, name, None, aim, f"no GPU: {COMMAND}") for name, aim, _ in _ROWS]
    found = json.loads(results.read_text())
    filled = []
    for name, aim, measure in _ROWS:
        try:
            ratio, says = measure(found)
        except (KeyError, ValueError, StopIteration, TypeError):
            filled.append(Row(PART, name, None, aim, f"not measured: {COMMAND}"))
        else:
            filled.append(Row(PART, name, ratio, aim, says, (ratio,)))
    return filled
