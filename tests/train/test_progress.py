from __future__ import annotations

import io

from rich.console import Console

from streamer.clock import ManualClock
from train.losses import LossValues
from train.observer import StepReport
from train.progress import ConsoleProgress


def test_long_epoch_is_told_of_now_and_then_where_there_is_no_terminal() -> None:
    text, clock = io.StringIO(), ManualClock()
    with ConsoleProgress(Console(file=text), epochs=3, clock=clock) as progress:
        for step in range(1, 8):
            clock.advance(20 * 10**9)
            progress.stepped(report(step))
    assert [line.split("  ")[:2] for line in text.getvalue().splitlines()] == [
        ["epoch 2/3", "step 3/9"],  # after a minute
        ["epoch 2/3", "step 6/9"],
    ]


def test_terminal_has_a_bar_and_no_such_lines() -> None:
    text, clock = io.StringIO(), ManualClock()
    with ConsoleProgress(Console(file=text, force_terminal=True), 3, clock) as progress:
        clock.advance(90 * 10**9)
        progress.stepped(report(1))
    assert "step 1/9" not in text.getvalue()
    assert "epoch 2/3" in text.getvalue()


def report(step: int) -> StepReport:
    return StepReport(
        epoch=2,
        step=step,
        steps=9,
        total_step=9 + step,
        lr=0.01,
        losses=LossValues(total=1.5),
        gradient_norm=1.0,
        pictures_per_second=10.0,
        data_wait=0.1,
    )
