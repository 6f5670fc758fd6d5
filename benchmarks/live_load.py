"""Cameras at a set share of what a device can do: ages, drops, fairness; and how many it holds.

Pictures are ready and small and the device is a fake one, so that nothing but scheduling is
measured: the interpreter's own limit is part of it, decoding is not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median

import numpy as np

from benchmarks.fake_device import FakeDevice, Service, Usage, said, usage_of
from benchmarks.live_streams import FAIRNESS_WANTED, ArrivalSink, Watch
from benchmarks.pool import RATE, camera
from benchmarks.rows import Row
from streamer.contract import Stage
from streamer.feed import Inlet
from streamer.outlet import Outlet
from streamer.picture import Picture
from streamer.pipeline import Pipeline
from streamer.sources.synthetic import SyntheticConfig, SyntheticSource

AIM = 0.95
HOST_SHARE = 0.2  # copying 8 pictures of 1080p into staging memory, beside a batch of 12 ms
WARM_UP_S = 0.5  # threads start, batches find their size
DROPPED_ALLOWED = 0.01  # of the frames, where streams count as held
FULL_BATCH = 8


@dataclass(frozen=True, slots=True)
class LiveLoad:
    """What cameras got.

    Attributes:
        streams: cameras, of 30 frames a second each.
        load: of the device's best rate that they ask for, where that is known.
        served: results / frames given.
        fairness: results of the worst served / of the best.
        p50_ms: capture to result.
        p95_ms: likewise.
        p99_ms: likewise.
        usage: of the device, where it is known.
    """

    streams: int
    load: float | None
    served: float
    fairness: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    usage: Usage | None = None

    @property
    def dropped(self) -> float:
        """Share of the frames that got no result."""
        return 1 - self.served

    @property
    def kept(self) -> float:
        """Of the results that were possible: what was asked for, or what the device can do."""
        return self.served * max(1.0, self.load or 1.0)


def service_for(load: float) -> Service:
    """Of a device of which a full batch of cameras asks for that share of its best rate."""
    full_ms = load / float(RATE) * 1e3
    return replace(Service.of_full_batch(full_ms, FULL_BATCH), host_ms=full_ms * HOST_SHARE)


def measure(
    stage: Stage[object],
    *,
    streams: int,
    seconds: float,
    load: float | None = None,
    pictures: Sequence[Picture] | None = None,
) -> LiveLoad:
    """Run so many cameras for so long, of which the first half second does not count.

    Args:
        stage: not yet entered; a fake device also says how busy it was.
        streams: cameras.
        seconds: measured.
        load: of the stage's best rate that they ask for, where that is known.
        pictures: what the cameras show; None for small ones.
    """
    sink = ArrivalSink()
    cameras = [Inlet.live(camera(number, pictures)) for number in range(streams)]
    pipeline: Pipeline[object] = Pipeline(cameras, stage, [Outlet(sink)], is_fresh=True)
    watch = Watch(pipeline, sink, seconds=WARM_UP_S + seconds)
    # Looking at 100 streams takes 8 ms of the interpreter's time: seldom, where there is time.
    pipeline.run(watch.tick, tick_s=min(0.25, (WARM_UP_S + seconds) / 20))
    begin_ns = (watch.begun_ns or 0) + int(WARM_UP_S * 1e9)
    end_ns = begin_ns + int(seconds * 1e9)
    done = [np.asarray(times) for times in sink.done_ns.values()]
    inside = [(at >= begin_ns) & (at < end_ns) for at in done]
    counts = [int(np.count_nonzero(kept)) for kept in inside]
    ages = zip(sink.age_ns.values(), inside, strict=True)
    ages_ms = np.concatenate([np.asarray(each)[kept] / 1e6 for each, kept in ages])
    if not len(ages_ms):  # it can do nothing within that time
        ages_ms = np.array([math.inf])
    p50, p95, p99 = np.percentile(ages_ms, (50, 95, 99), method="nearest")
    usage = None
    if isinstance(stage, FakeDevice):
        spans = [span for span in stage.spans if begin_ns <= span.start_ns < end_ns]
        usage = usage_of(spans) if len(spans) > 2 else None
    return LiveLoad(
        streams=streams,
        load=load,
        served=min(1.0, sum(counts) / (streams * float(RATE) * seconds)),
        fairness=min(counts) / max(1, *counts),
        p50_ms=float(p50),
        p95_ms=float(p95),
        p99_ms=float(p99),
        usage=usage,
    )


def most_streams(try_streams: Callable[[int], LiveLoad], *, budget_ms: float, limit: int) -> int:
    """The largest number of cameras whose p95 keeps the budget and of whom next to none is dropped.

    Doubles until it fails, then halves the distance, down to a tenth of the number.

    Args:
        try_streams: measures so many.
        budget_ms: capture to result.
        limit: no more than these.
    """

    def holds(streams: int) -> bool:
        found = try_streams(streams)
        return found.p95_ms <= budget_ms and found.dropped <= DROPPED_ALLOWED

    held, failing = 0, limit + 1
    while held < limit:
        streams = min(max(1, 2 * held), limit)
        if not holds(streams):
            failing = streams
            break
        held = streams
    while failing - held > max(1, math.ceil(held / 10)):
        middle = (held + failing) // 2
        held, failing = (middle, failing) if holds(middle) else (held, middle)
    return held


def streams_held(
    make: Callable[[], Stage[object]],
    *,
    budget_ms: float,
    seconds: float,
    limit: int,
    pictures: Sequence[Picture] | None = None,
) -> LiveLoad | None:
    """What the largest number of cameras got that keep the budget; None if not even one does.

    Args:
        make: the stage, once for every number that is tried.
        budget_ms: capture to result, p95.
        seconds: of each try.
        limit: cameras at most.
        pictures: what they show; None for small ones.
    """
    tried: dict[int, LiveLoad] = {}

    def try_streams(streams: int) -> LiveLoad:
        tried[streams] = measure(make(), streams=streams, seconds=seconds, pictures=pictures)
        return tried[streams]

    held = most_streams(try_streams, budget_ms=budget_ms, limit=limit)
    return tried.get(held)


def held_row(held: LiveLoad | None, *, budget_ms: float, best_rate: float | None = None) -> Row:
    """How many cameras are held.

    Args:
        held: what they got; None if not even one is.
        budget_ms: that they keep.
        best_rate: of the device, pictures a second, of which their frames are a share.
    """
    part = "cameras of 30 Hz held: their frames / what the device can do"
    name = f"p95 within {budget_ms:g} ms, at most {DROPPED_ALLOWED:.0%} dropped"
    if held is None:
        return Row(part, name, None, None, "none")
    says = (
        f"{held.streams} streams: p50 {held.p50_ms:.1f}, p95 {held.p95_ms:.1f}, p99 "
        f"{held.p99_ms:.1f} ms, dropped {held.dropped:.1%}"
    )
    if held.usage is not None:
        says += f"; {said([held.usage])}"
    return Row(part, name, best_rate and held.streams * float(RATE) / best_rate, None, says)


def full_hd_pictures() -> list[Picture]:
    """What cameras show to a real detector."""
    config = SyntheticConfig(width=1920, height=1080, frames=8)
    with SyntheticSource(config) as source:
        return [frame.picture for frame in source]


def rows(*, seconds: float, rounds: int) -> list[Row]:
    """At 70% and 120% of what the device can do, which the host feeds for a fifth of its time."""
    found = []
    for load in (0.7, 1.2):
        service = service_for(load)
        runs = [
            measure(
                FakeDevice(service, max_batch=FULL_BATCH),
                streams=FULL_BATCH,
                seconds=seconds,
                load=load,
            )
            for _ in range(rounds)
        ]
        name = f"{FULL_BATCH} cameras, 30 Hz, {load:.0%} load"
        p50, p95, p99 = np.median([(r.p50_ms, r.p95_ms, r.p99_ms) for r in runs], axis=0)
        says = (
            f"capture to result p50 {p50:.0f}, p95 {p95:.0f}, p99 {p99:.0f} ms; a full batch takes "
            f"{service.time_ms(FULL_BATCH):.0f} ms"
        )
        usages = [run.usage for run in runs if run.usage is not None]
        used = f"dropped {median(run.dropped for run in runs):.1%}; {said(usages)}"
        part = "live: results / possible, and evenly"
        found.append(Row.of(part, name, [run.kept for run in runs], says, AIM))
        found.append(
            Row.of(
                part,
                f"{name}: worst / best served",
                [run.fairness for run in runs],
                used,
                FAIRNESS_WANTED,
            )
        )
    return found
