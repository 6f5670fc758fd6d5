"""Minutes with more cameras than the device can serve: what grows, what is dropped, who starves.

All that is noted lies in arrays made beforehand, so that the memory that grows is not the meter's.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.gpu.kept import Kept
from benchmarks.live_streams import WARM_UP_S, ArrivalSink, Watch
from benchmarks.pool import RATE, camera
from benchmarks.scheduler import SHORT_TURN_S, turns_of
from streamer.feed import Inlet
from streamer.outlet import Outlet
from streamer.picture import Picture
from streamer.pipeline import Pipeline
from streamer.result import Result
from streamer.snapshot import RunSnapshot

LOAD = 1.2  # of the device's best rate, that the cameras ask for
PARTS = 12  # of the time; each third has four
_BIN_MS = 0.1
_BINS = 50_000  # 5 s; older results count as so old

Save = Callable[[Mapping[str, object]], None]


class Tally(ArrivalSink):
    """Counts results by part of the time, stream and age.

    Args:
        streams: how many there are.
    """

    name = "tally"

    def __init__(self, streams: int) -> None:
        super().__init__()
        self.ages = np.zeros((PARTS, _BINS), np.int64)
        self.counts = np.zeros((PARTS, streams), np.int64)
        self.ages += 1  # a page of zeros takes memory only when it is written
        self.ages -= 1
        self._begin_ns = math.inf
        self._part_ns = 1.0
        self._column: dict[str, int] = {}

    def begin(self, at_ns: int, seconds: float) -> None:
        """Count from then on, for so long."""
        self._part_ns = seconds * 1e9 / PARTS
        self._begin_ns = at_ns

    def write(self, result: Result[object]) -> None:
        """Count one."""
        now_ns = time.monotonic_ns()
        stream_id = result.frame.stream_id
        column = self._column.setdefault(stream_id, len(self._column))
        self.done_ns.setdefault(stream_id, [])  # it has begun: all that a Watch asks
        if now_ns < self._begin_ns:
            return
        part = int((now_ns - self._begin_ns) / self._part_ns)
        if part < PARTS:
            age_ms = (now_ns - result.frame.captured_ns) / 1e6
            self.counts[part, column] += 1
            self.ages[part, min(_BINS - 1, int(age_ms / _BIN_MS))] += 1


class Gauges:
    """Begins the tally when every stream has begun, and reads memory once a second.

    Args:
        watch: ends the run, and reads the host's memory.
        tally: of the results.
        place: whose memory is read, too, where it is a GPU.
        seconds: measured, after warming up.
    """

    def __init__(self, watch: Watch, tally: Tally, place: torch.device, seconds: float) -> None:
        self.device: list[float] = []  # MiB, beside each reading of the watch
        self.first = self.last = (0, 0)  # frames given and dropped, when it began and now
        self._watch, self._tally, self._place, self._seconds = watch, tally, place, seconds
        self._is_counting = False

    def tick(self, snapshot: RunSnapshot) -> None:
        """Called by the pipeline several times a second."""
        self._watch.tick(snapshot)
        begun_ns = self._watch.begun_ns
        if begun_ns is None:
            return
        if not self.device:  # now, and perhaps once more
            self._tally.begin(begun_ns + int(WARM_UP_S * 1e9), self._seconds)
        while len(self.device) < len(self._watch.memory):
            self.device.append(self._device_mib())
        now_ns = time.monotonic_ns()
        given = sum(stream.frames_in for stream in snapshot.streams)
        dropped = sum(stream.dropped for stream in snapshot.streams)
        if not self._is_counting and now_ns >= begun_ns + WARM_UP_S * 1e9:
            self.first, self._is_counting = (given, dropped), True
        if now_ns < begun_ns + (WARM_UP_S + self._seconds) * 1e9:
            self.last = (given, dropped)

    def memory(self) -> dict[str, dict[str, float]]:
        """How both sides' memory grew after warming up."""
        rows = [
            (at_s, mib, on_device)
            for (at_s, mib), on_device in zip(self._watch.memory, self.device, strict=False)
            if at_s >= WARM_UP_S
        ]
        at_s, host, device = np.array(rows).T if rows else np.zeros((3, 1))
        return {"host_memory": _grown(at_s, host), "device_memory": _grown(at_s, device)}

    def _device_mib(self) -> float:
        """What everything on the device holds, decoders and libraries included."""
        if self._place.type != "cuda":
            return 0.0
        free, total = torch.cuda.mem_get_info(self._place)
        return float(total - free) / 2**20


def streams_for(rate: float) -> int:
    """Cameras that ask for LOAD of what a detector can do.

    Args:
        rate: its best, pictures a second.

    >>> streams_for(1800)
    72
    """
    return max(2, math.ceil(LOAD * rate / float(RATE)))


def soak(
    detector: Kept,
    pictures: Sequence[Picture],
    place: torch.device,
    *,
    rate: float,
    seconds: float,
    save: Save,
) -> dict[str, object]:
    """Memory, drops, fairness and ages over the time.

    Args:
        detector: used by nobody else.
        pictures: what the cameras show.
        place: where it computes.
        rate: its best, pictures a second.
        seconds: measured, after warming up.
        save: called after every part of the time.
    """
    streams = streams_for(rate)
    tally = Tally(streams)
    inlets = [Inlet.live(camera(number, pictures)) for number in range(streams)]
    pipeline: Pipeline[object] = Pipeline(inlets, detector, [Outlet(tally)], is_fresh=True)
    watch = Watch(pipeline, tally, seconds=WARM_UP_S + seconds)
    gauges = Gauges(watch, tally, place, seconds)
    saved = 0

    def tick(snapshot: RunSnapshot) -> None:
        nonlocal saved
        gauges.tick(snapshot)
        begun_ns = watch.begun_ns
        if begun_ns is None:
            return
        done_s = (time.monotonic_ns() - begun_ns) / 1e9 - WARM_UP_S
        if saved < int(done_s / seconds * PARTS) < PARTS:
            saved += 1
            save({"is_whole": False, **_summed_up(tally, gauges, rate, seconds * saved / PARTS)})

    with turns_of(SHORT_TURN_S):  # as run.py has them
        pipeline.run(tick)
    return {"is_whole": True, **_summed_up(tally, gauges, rate, seconds)}


def _summed_up(tally: Tally, gauges: Gauges, rate: float, seconds: float) -> dict[str, object]:
    """What is known after so much of the time."""
    by_stream = tally.counts.sum(0)
    given, dropped = (now - before for now, before in zip(gauges.last, gauges.first, strict=True))
    third = PARTS // 3
    thirds = {
        "first": percentiles(tally.ages[:third].sum(0)),
        "last": percentiles(tally.ages[-third:].sum(0)),
    }
    asked = len(by_stream) * float(RATE)
    results = int(by_stream.sum()) / seconds
    return {
        "streams": len(by_stream),
        "rate_alone": rate,
        "load": asked / rate,
        "seconds": seconds,
        "results_a_second": results,
        "served": results / asked,
        "kept": results / min(rate, asked),  # of those that were possible
        "frames": given,
        "dropped": dropped,
        "dropped_share": dropped / max(1, given),
        "fairness": int(by_stream.min()) / max(1, int(by_stream.max())),
        **percentiles(tally.ages.sum(0)),
        "thirds": thirds,
        "parts": [
            {"results": int(counts.sum()), **percentiles(ages)}
            for counts, ages in zip(tally.counts, tally.ages, strict=True)
        ],
        **gauges.memory(),
    }


def percentiles(counted: NDArray[np.int64]) -> dict[str, float]:
    """p50, p95 and p99 of ages that were counted by bins; endless where there were none."""
    total = int(counted.sum())
    if not total:
        return dict.fromkeys(("p50_ms", "p95_ms", "p99_ms"), math.inf)
    up_to = np.cumsum(counted)
    return {
        f"p{percent}_ms": float(np.searchsorted(up_to, total * percent / 100) + 1) * _BIN_MS
        for percent in (50, 95, 99)
    }


def _grown(at_s: NDArray[np.float64], mib: NDArray[np.float64]) -> dict[str, float]:
    """First, last and most, and the slope of a straight line through all."""
    slope = float(np.polyfit(at_s, mib, 1)[0] * 60) if len(mib) > 2 else math.nan
    return {
        "first_mib": float(mib[0]),
        "last_mib": float(mib[-1]),
        "most_mib": float(mib.max()),
        "slope_mib_a_minute": slope,
    }
