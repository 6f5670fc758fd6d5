from __future__ import annotations

import logging

import pytest

from tests.train.test_progress import report
from train.events import Events


class FullDisk:
    """What torch's writer does on one; counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def add_scalar(self, name: str, value: float, step: int) -> None:
        del name, value, step
        self.asked += 1
        raise OSError(28, "No space left on device")

    def close(self) -> None:
        raise OSError(28, "No space left on device")


def test_full_disk_ends_the_curves_and_not_the_training(caplog: pytest.LogCaptureFixture) -> None:
    writer = FullDisk()
    with caplog.at_level(logging.WARNING), Events(writer) as events:  # type: ignore[arg-type]  # stands for torch's
        events.stepped(report(1))
        events.stepped(report(11))
    assert writer.asked == 1
    assert caplog.messages == ["no more events for TensorBoard: No space left on device"]
