"""An evaluation as tables for a person."""

from __future__ import annotations

import math

from rich.console import Console
from rich.table import Table
from rich.text import Text

from train.eval.coco_ap import ApSummary
from train.eval.evaluation import Evaluation, Speed


def show_report(out: Console, evaluation: Evaluation) -> None:
    """Classes, sizes and speed; the line with the three figures is not part of it."""
    out.print(_classes(evaluation.summary))
    out.print(_figures(evaluation.summary))
    out.print(Text(_speed(evaluation.speed)), soft_wrap=True)


def _classes(summary: ApSummary) -> Table:
    table = Table("class", title=f"{summary.truths} boxes on {summary.pictures} pictures")
    for name in ("boxes", "AP", "AP50", "AP75"):
        table.add_column(name, justify="right")
    for each in summary.classes:
        figures = (_figure(value) for value in (each.ap, each.ap50, each.ap75))
        table.add_row(Text(each.name), str(each.truths), *figures)
    return table


def _figures(summary: ApSummary) -> Table:
    """Sizes by COCO's limits of 32 x 32 and 96 x 96 px."""
    table = Table("", "small", "medium", "large", "all")
    sizes = (summary.ap_small, summary.ap_medium, summary.ap_large, summary.ap)
    table.add_row("AP", *map(_figure, sizes))
    table.add_section()
    table.add_row("boxes a picture", "1", "10", "100", "")
    table.add_row("recall", *map(_figure, (summary.ar1, summary.ar10, summary.ar100)), "")
    return table


def _speed(speed: Speed) -> str:
    parts = [f"{part} {time.mean_ms:.1f} ms" for part, time in speed.times.items() if time.count]
    mean = f" ({', '.join(parts)} each)" if parts else ""
    whole = f"{speed.pictures} pictures in {speed.elapsed_s:.1f} s"
    return f"{whole}, {speed.per_s:.3g} a second{mean}"


def _figure(value: float) -> str:
    """Three decimals, or a dash where there is nothing to find."""
    return "-" if math.isnan(value) else f"{value:.3f}"
