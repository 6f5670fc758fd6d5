"""Numbers as bars: the shapes of a chart, in shares of its area, for a template to draw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

MOST_BINS = 48  # more are thinner than a finger on a phone
_NICE_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)


@dataclass(frozen=True, slots=True)
class Bar:
    """One rectangle, in shares of the chart's area, the upper left being 0, 0.

    Attributes:
        left: of the rectangle.
        top: of it.
        width: of it.
        height: of it.
        series: which colour.
        told: what it means, in words.
    """

    left: float
    top: float
    width: float
    height: float
    series: int
    told: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars and what stands beside them.

    Attributes:
        bars: to be drawn.
        series: the names of the colours, in their order.
        highest: the value at the upper edge.
        first: what stands below the left end.
        last: what stands below the right end.
    """

    bars: Sequence[Bar]
    series: Sequence[str]
    highest: float
    first: str
    last: str


def counts_over_time(
    time_s: NDArray[np.float64], series: Sequence[str], start_s: float, end_s: float
) -> Chart:
    """How many fell into each stretch of time, a colour a series, one on top of the other.

    Args:
        time_s: (N,) media seconds.
        series: (N,) what each belongs to.
        start_s: where the chart begins.
        end_s: where it ends, at least.
    """
    names = sorted(set(series))
    edges = time_edges(start_s, end_s)
    labels = np.array(series, str)
    each = [np.histogram(time_s[labels == name], edges)[0] for name in names]
    stacked = np.array(each).reshape(len(names), len(edges) - 1)
    told = [f"{clock(a)} to {clock(b)}" for a, b in pairwise(edges.tolist())]
    return _stack(stacked.astype(np.float64), names, told, clock(edges[0]), clock(edges[-1]))


def histogram_of(seconds: NDArray[np.float64], name: str) -> Chart:
    """How many lasted how long; the longest hundredth shares the last bar."""
    top = float(np.percentile(seconds, 99)) if len(seconds) else 1.0
    bins = min(MOST_BINS // 2, max(6, math.isqrt(len(seconds))))
    edges = np.linspace(0, max(top, 1e-3), bins + 1)
    counts = np.histogram(np.clip(seconds, 0, edges[-1]), edges)[0]
    told = [f"{a:.1f} to {b:.1f} s" for a, b in pairwise(edges.tolist())]
    last = f"{edges[-1]:.1f} s" + (" and more" if len(seconds) and seconds.max() > top else "")
    return _stack(counts[None].astype(np.float64), [name], told, "0 s", last)


def levels_over_time(stretches: NDArray[np.float64], name: str) -> Chart:
    """A level in each stretch of time, each as wide as it lasts.

    Args:
        stretches: (M, 4) start and end in media seconds, mean, peak; rising.
        name: of the level.
    """
    if not len(stretches):
        return Chart((), (name,), 0.0, "", "")
    start_s, end_s = float(stretches[0, 0]), float(stretches[-1, 1])
    length, highest = max(end_s - start_s, 1e-9), max(float(stretches[:, 2].max()), 1e-9)
    bars = [
        Bar(
            left=(a - start_s) / length,
            top=1 - mean / highest,
            width=(b - a) / length,
            height=mean / highest,
            series=0,
            told=f"{clock(a)} to {clock(b)}: {mean:.2f} on average, {peak:.0f} at most",
        )
        for a, b, mean, peak in stretches.tolist()
    ]
    return Chart(bars, (name,), highest, clock(start_s), clock(end_s))


def time_edges(start_s: float, end_s: float) -> NDArray[np.float64]:
    """Edges of equal stretches of a round length, at most MOST_BINS of them.

    >>> time_edges(0, 95).tolist()[:4], len(time_edges(0, 95)) - 1
    ([0.0, 2.0, 4.0, 6.0], 48)
    """
    length = max(end_s - start_s, 1e-9)
    fitting = [step for step in _NICE_S if length / step <= MOST_BINS]
    step = fitting[0] if fitting else length / MOST_BINS
    edges: NDArray[np.float64] = start_s + step * np.arange(math.ceil(length / step) + 1.0)
    return edges


def clock(time_s: float) -> str:
    """Media seconds as a person reads them.

    >>> clock(63.46), clock(3725.0)
    ('1:03.5', '1:02:05.0')
    """
    tenths = round(abs(time_s) * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    start = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{'-' if time_s < 0 else ''}{start}:{rest / 10:04.1f}"


def _stack(
    values: NDArray[np.float64], names: Sequence[str], told: Sequence[str], first: str, last: str
) -> Chart:
    """Bars of (S, B) values, the first series lowest."""
    series, bins = values.shape
    totals = values.sum(axis=0) if series else np.zeros(bins)
    highest = max(float(totals.max(initial=0.0)), 1.0)
    bars: list[Bar] = []
    for column in range(bins):
        below = 0.0
        for row in range(series):
            value = float(values[row, column])
            if value:
                below += value
                words = f"{told[column]}: {value:.0f} {names[row]}"
                bars.append(
                    Bar(column / bins, 1 - below / highest, 1 / bins, value / highest, row, words)
                )
    return Chart(bars, names, highest, first, last)
