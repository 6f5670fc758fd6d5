"""Curves of a training as one picture: losses, precision, learning rate, speed."""

from __future__ import annotations

import io
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from train.history import EpochRow

# Each panel: its title, the columns of EpochRow on it, and whether a
# wide range is better seen on a logarithmic scale.
_PANELS = (
    ("loss", ("loss", "val_loss"), True),
    ("heatmap", ("heatmap", "val_heatmap"), True),
    ("size, cells", ("size", "val_size"), True),
    ("offset, cells", ("offset", "val_offset"), False),
    ("average precision", ("ap", "ap50", "ap75"), False),
    ("learning rate", ("lr",), True),
    ("pictures/s", ("pictures_per_second",), False),
    ("share of time waiting for pictures", ("data_wait",), False),
)


def curves(rows: Sequence[EpochRow]) -> bytes:
    """A PNG file with a panel for everything that was measured."""
    panels = [
        (title, found, is_logarithmic)
        for title, columns, is_logarithmic in _PANELS
        if (found := [name for name in columns if _points(rows, name)])
    ]
    figure = Figure(figsize=(14, 3.4 * -(-len(panels) // 3)), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    for place, (title, columns, is_logarithmic) in enumerate(panels):
        axes = figure.add_subplot(-(-len(panels) // 3), 3, place + 1)
        _draw(axes, title, rows, columns, is_logarithmic=is_logarithmic)
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def _draw(
    axes: Axes,
    title: str,
    rows: Sequence[EpochRow],
    columns: Sequence[str],
    *,
    is_logarithmic: bool,
) -> None:
    values = []
    for name in columns:
        points = _points(rows, name)
        axes.plot([x for x, _ in points], [y for _, y in points], ".-", markersize=4, label=name)
        values += [y for _, y in points]
    if is_logarithmic and 0 < 10 * min(values) < max(values):  # else its ticks say nothing
        axes.set_yscale("log")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title(title)
    axes.set_xlabel("epoch")
    axes.grid(visible=True, which="both", alpha=0.3)
    if len(columns) > 1:
        axes.legend()


def _points(rows: Sequence[EpochRow], name: str) -> list[tuple[int, float]]:
    """Epoch and value where it was measured and is not nothing all along."""
    points = [(row.epoch, value) for row in rows if (value := getattr(row, name)) is not None]
    return points if any(value for _, value in points) else []
