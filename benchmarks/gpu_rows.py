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
HOPED_RATE = 2600.0  # likewise, beyond it
WANTED_BATCH_1_MS = 1.2
CAMERAS = 100  # of 1080p at 30 Hz
BUDGET_MS = 100.0  # capture to result, p95
KEPT = 0.95  # of the results that an overloaded device can give
FAIR = 0.9  # results of the worst served camera / of the best
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


def _rate(wanted: float) -> Callable[[Found], Measured]:
    def of(found: Found) -> Measured:
        rates = found["rate"]
        names = [name for name in ("i420 batch 16", "i420 batch 32") if name in rates]
        best = max(rates[name]["pictures_a_second"] for name in names)
        return best / wanted, f"{best:.0f} pictures/s"

    return of


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


def _cameras(how: str = "") -> Callable[[Found], Measured]:
    def of(found: Found) -> Measured:
        row = found["cameras"][f"{CAMERAS} cameras{how}"]
        return BUDGET_MS / row["p95_ms"], _aged(row)

    return of


def _held(found: Found) -> Measured:
    held = found["cameras"]["held"]
    if held is None:
        return 0.0, "not one"
    return held["streams"] / CAMERAS, f"{held['streams']} cameras: {_aged(held)}"


def _aged(row: Mapping[str, float]) -> str:
    return (
        f"p50 {row['p50_ms']:.0f}, p95 {row['p95_ms']:.0f}, p99 {row['p99_ms']:.0f} ms; dropped "
        f"{row['dropped']:.1%}, worst / best served {row['fairness']:.2f}"
    )


def _soaked(figure: str) -> Callable[[Found], Measured]:
    def of(found: Found) -> Measured:
        soak = found["soak"]
        return soak[figure], (
            f"{soak['streams']} cameras, load {soak['load']:.0%}, {soak['seconds']:.0f} s: "
            f"{soak['results_a_second']:.0f} results/s, dropped {soak['dropped_share']:.1%}"
        )

    return of


def _steady(found: Found) -> Measured:
    soak = found["soak"]
    first, last = (soak["thirds"][each]["p95_ms"] for each in ("first", "last"))
    return first / last, f"p95 {first:.0f}, then {last:.0f} ms"


def _leak(where: str) -> Callable[[Found], Measured]:
    def of(found: Found) -> Measured:
        memory = found["soak"][where]
        slope = memory["slope_mib_a_minute"]
        return memory["first_mib"] / memory["last_mib"], (
            f"{memory['first_mib']:.0f}, then {memory['last_mib']:.0f} MiB; {slope:+.1f} a minute"
        )

    return of


def _trained(way: str, other: str, part: str = "ways") -> Callable[[Found], Measured]:
    def of(found: Found) -> Measured:
        ours, theirs = (found["training"][part][each] for each in (way, other))
        first, second = (each["pictures_per_second"] for each in (ours, theirs))
        return first / second, (
            f"{first:.0f} / {second:.0f} pictures/s, batch {found['training']['batch']}; waits for "
            f"pictures {ours['data_wait']:.1%}, {theirs['data_wait']:.1%}"
        )

    return of


def _busy_step(found: Found) -> Measured:
    step = found["training"]["step"]
    phases = sorted(step["phases"].items(), key=lambda row: -row[1]["share"])
    says = ", ".join(f"{name} {phase['share']:.0%}" for name, phase in phases)
    return step["busy"], f"{step['step_ms']:.0f} ms: {says}"


def _joining(found: Found) -> Measured:
    joined = found["profile"]["concatenation"]
    floor = "" if joined["floor_ms"] is None else f", as copies {joined['floor_ms']:.2f} ms"
    return joined["share"], (
        f"{joined['ms']:.2f} of {found['profile']['kernels_ms']:.2f} ms a batch of "
        f"{found['profile']['batch']}{floor}"
    )


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
    *(
        (f"detector alone / {wanted:.0f} pictures a second, batch 16 or 32", 1.0, _rate(wanted))
        for wanted in (WANTED_RATE, HOPED_RATE)
    ),
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
    ("concatenations' share of the network's kernels", None, _joining),
    (f"{BUDGET_MS:.0f} ms / p95 of {CAMERAS} cameras, 1080p, 30 Hz", 1.0, _cameras()),
    ("the same, every second frame looked at", 1.0, _cameras(", every second frame looked at")),
    (f"cameras held / {CAMERAS}: p95 within the budget, next to none dropped", None, _held),
    ("soak: results / possible", KEPT, _soaked("kept")),
    ("soak: worst / best served", FAIR, _soaked("fairness")),
    ("soak: p95 of the first third / of the last", FAIR, _steady),
    ("soak: memory at first / at last, host", None, _leak("host_memory")),
    ("soak: memory at first / at last, device", None, _leak("device_memory")),
    ("training: ours / a plain loop in float32", None, _trained("ours", "a plain loop")),
    ("training: ours / a plain loop in bf16", None, _trained("ours", "a plain loop, bf16")),
    ("training: compiled / not", None, _trained("ours, compiled", "ours", "compiled")),
    ("training: share of a step that the device is busy", None, _busy_step),
)


def rows(results: Path) -> list[Row]:
    """From its file of results; empty ones that name the command where there is none.

    Args:
        results: `gpu.json`; what a run was cut off before stays empty.
    """
    if not results.exists():
        return [Row(PART, name, None, aim, f"no GPU: {COMMAND}") for name, aim, _ in _ROWS]
    found = {
        step: part
        for step, part in json.loads(results.read_text()).items()
        if not (isinstance(part, dict) and "skipped" in part)
    }
    filled = []
    for name, aim, measure in _ROWS:
        try:
            ratio, says = measure(found)
        except (KeyError, ValueError, StopIteration, TypeError, ZeroDivisionError):
            filled.append(Row(PART, name, None, aim, f"not measured: {COMMAND}"))
        else:
            filled.append(Row(PART, name, ratio, aim, says, (ratio,)))
    return filled
