"""Who is told how the training goes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from streamer.picture import BgrArray
from train.history import EpochRow
from train.losses import LossValues


@dataclass(frozen=True, slots=True)
class StepReport:
    """One step.

    Attributes:
        epoch: from 1.
        step: within the epoch, from 1.
        steps: of the epoch.
        total_step: in all, from 1.
        lr: learning rate.
        losses: of the step.
        gradient_norm: before clipping.
        pictures_per_second: since the epoch or the going on began.
        data_wait: likewise, in 0..1.
    """

    epoch: int
    step: int
    steps: int
    total_step: int
    lr: float
    losses: LossValues
    gradient_norm: float
    pictures_per_second: float
    data_wait: float


class Observer(AbstractContextManager["Observer"], Protocol):
    """Is told; may not change anything, and is closed at the end."""

    def began(self, rows: Sequence[EpochRow]) -> None:
        """Before the first step: the epochs of earlier runs, the last of which may be untold."""
        ...

    def stepped(self, report: StepReport) -> None:
        """After every step."""
        ...

    def finished(self, rows: Sequence[EpochRow], pictures: Sequence[BgrArray]) -> None:
        """After every epoch: all rows so far, and some pictures with what was found."""
        ...
