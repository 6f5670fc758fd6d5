"""The report as one page that needs nothing else: no network, no script."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import jinja2
import numpy as np
from numpy.typing import NDArray

from analytics.report.chart import (
    Chart,
    clock,
    counts_over_time,
    histogram_of,
    levels_over_time,
)
from analytics.report.png import heat_rgba, png
from analytics.report.store import MOST_EVENTS, Crossings, StreamReport, Visits


@dataclass(frozen=True, slots=True)
class _LineView:
    """What the template shows of a line: its totals by class, and its chart."""

    rule: str
    totals: Sequence[tuple[str, int, int]]  # class, in, out
    chart: Chart


@dataclass(frozen=True, slots=True)
class _ZoneView:
    """What the template shows of a zone."""

    rule: str
    visits: int
    open: int
    mean_s: float
    median_s: float
    longest_s: float
    dwell: Chart
    occupancy: Chart


def render(title: str, streams: Sequence[StreamReport]) -> str:
    """The HTML page.

    Args:
        title: of the page, plain text.
        streams: to be shown, one after the other; there may be none.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("analytics.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"clock": clock, "data_uri": _data_uri, "heat_uri": _heat_uri}
    views = [
        {
            "about": stream,
            "lines": [_line_view(each, stream) for each in stream.crossings],
            "zones": [_zone_view(each) for each in stream.visits],
        }
        for stream in streams
    ]
    template = environment.get_template("page.html.jinja")
    return template.render(title=title, streams=views, most_events=MOST_EVENTS)


def _line_view(line: Crossings, stream: StreamReport) -> _LineView:
    names = sorted(set(line.class_name.tolist()))
    totals = [
        (
            name or "unknown",
            int(((line.class_name == name) & (line.direction == "in")).sum()),
            int(((line.class_name == name) & (line.direction == "out")).sum()),
        )
        for name in names
    ]
    pairs = zip(line.class_name.tolist(), line.direction.tolist(), strict=True)
    series = [f"{name or 'unknown'} {direction}" for name, direction in pairs]
    chart = counts_over_time(line.time_s, series, stream.first_s, stream.last_s)
    return _LineView(line.rule, totals, chart)


def _zone_view(zone: Visits) -> _ZoneView:
    dwell = zone.dwell_s if len(zone.dwell_s) else np.zeros(1)
    return _ZoneView(
        rule=zone.rule,
        visits=len(zone.dwell_s) + zone.open,
        open=zone.open,
        mean_s=float(dwell.mean()),
        median_s=float(np.median(dwell)),
        longest_s=float(dwell.max()),
        dwell=histogram_of(zone.dwell_s, "visits"),
        occupancy=levels_over_time(zone.occupancy, "inside"),
    )


def _data_uri(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def _heat_uri(grid: NDArray[np.generic]) -> str:
    return _data_uri(png(heat_rgba(grid)), "png")
