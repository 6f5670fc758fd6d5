"""Gives pictures that were written with placeholders their own times, without encoding again."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from sinks.timeline import Timeline, decode_times, movie_timescale

logger = logging.getLogger(__name__)

_FINE_TICKS = 1_000_000  # a second; room for decode times between presentation times
_MOST_TICKS = 2**31 - 1  # mp4 keeps the distance of the two in 32 signed bits


@dataclass(frozen=True, slots=True)
class _Plan:
    """How the times go into the file: one (pts, dts) a picture, in ticks of `time_base`."""

    time_base: Fraction
    times: Sequence[tuple[int, int]]
    shift_s: Fraction
    options: dict[str, str]
    has_edit_list: bool


def rewrite(path: Path, timeline: Timeline) -> None:
    """Replace the mp4 or mov at `path` by one with the true times of `timeline`.

    Two ways are tried, and the result of each is read back. With an edit list times may start
    anywhere, but players then drop pictures that jump far back. Without one they drop nothing, but
    the first decode time must be 0; where pictures at 0 repeat later everything moves by one fine
    tick for each. Where neither works, the placeholders stay: all pictures, playable.
    """
    with av.open(f"file:{path}") as source:
        placed = _shown_at(source, timeline.time_base)
        rate = source.streams.audio[0].sample_rate if source.streams.audio else None
    pts = timeline.true_pts(placed)
    other = path.with_name(f"{path.stem}.times{path.suffix}")
    try:
        for plan in (_with_edit_list(pts, timeline, rate), _without_edit_list(pts, timeline)):
            if plan is None:
                continue
            _copy(path, other, plan)
            with av.open(f"file:{other}") as result:
                if _shown_at(result, plan.time_base) == [shown for shown, _ in plan.times]:
                    other.replace(path)
                    return
    finally:
        other.unlink(missing_ok=True)
    logger.warning("%s: times jump back too far for mp4; kept growing instead", path.name)


def _with_edit_list(pts: Sequence[int], timeline: Timeline, rate: int | None) -> _Plan | None:
    if min(pts) < pts[0]:
        return None  # the edit list would begin at the first picture and cut earlier ones
    times = list(zip(pts, decode_times(pts), strict=True))
    options = {"movie_timescale": str(movie_timescale(timeline.time_base, rate))}
    return _Plan(timeline.time_base, times, Fraction(0), options, has_edit_list=True)


def _without_edit_list(pts: Sequence[int], timeline: Timeline) -> _Plan | None:
    ticks_s = timeline.time_base.denominator
    span = (max(pts) - min(min(pts), 0) + 1) * timeline.time_base.numerator
    finer = min(max(1, _FINE_TICKS // ticks_s), _MOST_TICKS // (2 * span))
    if finer < 1:
        return None
    shown = [finer * ticks for ticks in pts]
    decoded = decode_times(shown)
    shift = max(0, -decoded[0])
    decoded = [0, *(ticks + shift for ticks in decoded[1:])]
    times = [(ticks + shift, at) for ticks, at in zip(shown, decoded, strict=True)]
    time_base = timeline.time_base / finer
    options = {"use_editlist": "0", "video_track_timescale": str(ticks_s * finer)}
    return _Plan(time_base, times, shift * time_base, options, has_edit_list=False)


def _copy(path: Path, other: Path, plan: _Plan) -> None:
    """Copy all packets; pictures get the times of the plan, sound moves with them."""
    with (
        av.open(f"file:{path}") as source,
        av.open(f"file:{other}", "w", format=_muxer(path), options=plan.options) as output,
    ):
        tracks = {}
        for stream in source.streams:
            tracks[stream.index] = output.add_stream_from_template(stream)
        pictures = source.streams.video[0]
        tracks[pictures.index].time_base = plan.time_base
        times = iter(plan.times)
        begun: set[int] = set()
        for packet in source.demux():
            if not packet.size:
                continue  # the end of a stream
            if packet.stream_index == pictures.index:
                duration_s = (packet.duration or 0) * packet.time_base
                packet.time_base = plan.time_base
                packet.duration = round(duration_s / plan.time_base)
                packet.pts, packet.dts = next(times)
            elif not _move(packet, plan):
                continue
            if not plan.has_edit_list and packet.stream_index not in begun:
                packet.dts = (
                    0  # the track's clock begins there; costs sound its first packet's place
                )
                begun.add(packet.stream_index)
            packet.stream = tracks[packet.stream_index]
            output.mux(packet)


def _muxer(path: Path) -> str:
    """QuickTime differs from mp4 in the codecs it takes, not in its times."""
    return "mov" if path.suffix.lower() == ".mov" else "mp4"


def _move(packet: Packet[Stream], plan: _Plan) -> bool:
    """Move sound along with the pictures; False for what would begin before 0 and cannot."""
    if packet.pts is None or packet.dts is None:
        return False
    shift = round(plan.shift_s / packet.time_base)
    packet.pts += shift
    packet.dts += shift
    return plan.has_edit_list or packet.dts >= 0


def _shown_at(container: InputContainer, time_base: Fraction) -> list[int]:
    """Presentation times of the pictures a player shows, in the nearest ticks of `time_base`."""
    packets = container.demux(container.streams.video[0])
    return [
        round(packet.pts * packet.time_base / time_base)
        for packet in packets
        if packet.pts is not None and packet.size and not packet.is_discard
    ]
