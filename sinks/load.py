"""Where the time of a run goes, over the last seconds or over all of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sinks.album import ALBUM
from streamer.snapshot import RunSnapshot
from streamer.stats import StageTime

DECODE = "decode"  # the part that the sources' threads book
DETECTOR = "detector"  # what the parts of the stage's thread are together
SINKS = "sinks"  # all of them
WINDOW_NS = 5_000_000_000  # 5 s, as for rates
BUSY = 0.8  # of the time: below, live pictures wait for nobody
FEW = 0.02  # of the frames: a hiccup is no shortage


@dataclass(frozen=True, slots=True)
class Load:
    """What each part of a run was busy with.

    Attributes:
        shares: part and share of the time, in 0..1; of sinks the busiest one stands for all.
            "decode" is the mean of the sources, and left out where they wait for the world.
        busiest: the thread that holds up the others, or would be the first to; of the detector's
            with the part that takes most.
        share: of the time for which it was busy.
        keeps_up: the sources are live, it is busy for less than 80% of the time, and next to
            nothing is dropped.
        dropped: share of the frames of live sources that were dropped, in 0..1.
    """

    shares: tuple[tuple[str, float], ...]
    busiest: str
    share: float
    keeps_up: bool
    dropped: float = 0.0

    @property
    def verdict(self) -> str:
        """Such as `bottleneck: detector (network), busy 87%`."""
        if self.keeps_up and self.share < 0.01:
            return "keeps up"
        if self.keeps_up:
            return f"keeps up; busiest: {self.busiest}, {self.share:.0%}"
        if self.dropped > FEW and self.share < BUSY:  # then others have the processor
            return f"drops {self.dropped:.0%}; busiest: {self.busiest}, only {self.share:.0%}"
        return f"bottleneck: {self.busiest}, busy {self.share:.0%}"


class Loads:
    """Turns snapshots, as they come, into the load of the last seconds.

    Args:
        sink_names: of every sink of the run, repeated where two share a name.
    """

    def __init__(self, sink_names: Sequence[str]) -> None:
        self._sink_names = tuple(sink_names)
        self._history: deque[RunSnapshot] = deque()

    def add(self, snapshot: RunSnapshot) -> Load | None:
        """The load, or None before anything has been done."""
        self._history.append(snapshot)
        while (
            len(self._history) > 2
            and snapshot.elapsed_ns - self._history[1].elapsed_ns >= WINDOW_NS
        ):
            self._history.popleft()
        return load_of(_since(self._history[0], snapshot), self._sink_names)


def load_of(snapshot: RunSnapshot, sink_names: Sequence[str]) -> Load | None:
    """What a run was busy with, or None if it has not begun.

    The detector's parts share one thread and count together.

    Args:
        snapshot: of a run, or the difference of two.
        sink_names: of every sink that ran.
    """
    times = worked(snapshot)
    if not times or not snapshot.elapsed_ns:
        return None
    is_live = waits(snapshot)
    shares: dict[str, float] = {}
    busy: dict[str, float] = {}
    for part, time in times.items():
        share = min(1.0, busy_share(time, snapshot.elapsed_ns))
        is_sink = part in sink_names
        if part == DECODE and is_live:
            continue
        group = SINKS if is_sink else part
        shares[group] = max(shares.get(group, 0.0), share)
        owner = part if is_sink or part == DECODE else DETECTOR
        busy[owner] = busy.get(owner, 0.0) + share
    if not busy:
        return None
    thread = max(busy, key=lambda name: busy[name])
    share = min(1.0, busy[thread])  # what runs beside the detector's thread is counted with it
    busiest = thread
    if thread == DETECTOR:
        own = [part for part in shares if part not in (DECODE, SINKS)]
        busiest = f"{DETECTOR} ({max(own, key=lambda part: shares[part])})"
    dropped = _dropped(snapshot) if is_live else 0.0
    keeps_up = is_live and share < BUSY and dropped <= FEW
    return Load(tuple(shares.items()), busiest, share, keeps_up, dropped)


def busy_share(time: StageTime, elapsed_ns: int) -> float:
    """The share of the time for which a part's threads were busy: their mean, in 0..1.

    >>> busy_share(StageTime(9_000, 10, threads=2), 10_000)
    0.45
    """
    return time.total_ns / time.threads / elapsed_ns


def waits(snapshot: RunSnapshot) -> bool:
    """Its sources wait for the world, so that their time says nothing."""
    return any(stream.info is not None and stream.info.is_live for stream in snapshot.streams)


def worked(snapshot: RunSnapshot) -> Mapping[str, StageTime]:
    """The parts a person wants to see."""
    return {part: time for part, time in snapshot.times.items() if part != ALBUM}


def _dropped(snapshot: RunSnapshot) -> float:
    given = sum(stream.frames_in for stream in snapshot.streams)
    return sum(stream.dropped for stream in snapshot.streams) / given if given else 0.0


def _since(first: RunSnapshot, last: RunSnapshot) -> RunSnapshot:
    """What happened between two snapshots; all of it if they are one."""
    if first is last:
        return last
    times = {
        part: StageTime(
            time.total_ns - first.times.get(part, StageTime()).total_ns,
            time.count - first.times.get(part, StageTime()).count,
            time.threads,
        )
        for part, time in last.times.items()
    }
    before = {stream.stream_id: stream for stream in first.streams}
    streams = tuple(
        replace(
            stream,
            frames_in=stream.frames_in - before[stream.stream_id].frames_in,
            dropped=stream.dropped - before[stream.stream_id].dropped,
        )
        if stream.stream_id in before
        else stream
        for stream in last.streams
    )
    elapsed_ns = last.elapsed_ns - first.elapsed_ns
    return replace(last, elapsed_ns=elapsed_ns, times=times, streams=streams)
