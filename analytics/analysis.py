"""What analytics knows after a frame."""

from __future__ import annotations

from dataclasses import dataclass

from analytics.event import Event
from analytics.heatmap import Heat
from analytics.line import LineCount
from analytics.speed import Motion
from analytics.trace import Traces
from analytics.zone import ZoneState


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """What is known of one stream after one frame; never changes afterwards.

    All places are px of a picture of `size`, the stream's first; a frame of another size is taken
    for the same view at another scale.

    Attributes:
        stream_id: which stream.
        time_s: media seconds of the frame.
        size: width and height, px.
        lines: with their counts so far.
        zones: as they are now.
        events: what became certain on this frame, in its order.
        traces: recent paths.
        motion: on the ground, parallel to the frame's detections, or None without a ground.
        heat: gathered so far, or None without a heat map.
    """

    stream_id: str
    time_s: float
    size: tuple[int, int]
    lines: tuple[LineCount, ...] = ()
    zones: tuple[ZoneState, ...] = ()
    events: tuple[Event, ...] = ()
    traces: Traces = Traces()  # noqa: RUF009  # frozen and empty
    motion: Motion | None = None
    heat: Heat | None = None
