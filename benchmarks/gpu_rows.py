"""The rows that only a GPU can fill: from what `python -m benchmarks.gpu` has written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.rows import Row

PART = "on a GPU"
COMMAND = "python -m benchmarks.gpu benchmarks/results"
WANTED_RATE = 1800.0  # pictures a second at 512 in batches of 16 or 32, one H200
WANTED_BATCH_1_MS = 1.2

Found = Mapping[str, Mapping[str, Mapping[str, float]]]
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


def _busy(found: Found) -> Measured:
    name, best = max(found["rate"].items(), key=lambda row: row[1]["pictures_a_second"])
    return best["device_share"], f"{name}; gap p99 {best['p99_gap_ms']:.2f} ms"


_ROWS: tuple[tuple[str, float | None, Callable[[Found], Measured]], ...] = (
    ("pipeline / detector alone, batch 16, 8 streams", 0.95, _pipeline_share(16)),
    ("pipeline / detector alone, batch 32, 8 streams", 0.95, _pipeline_share(32)),
    (f"detector alone / {WANTED_RATE:.0f} pictures a second, batch 16 or 32", 1.0, _rate),
    (f"{WANTED_BATCH_1_MS} ms / batch of 1", 1.0, _batch_1),
    ("share of the time that the device is busy", None, _busy),
    ("one batch in flight / three", None, _ablated("one in flight")),
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
