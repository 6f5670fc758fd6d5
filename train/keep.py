"""Which checkpoints stay, and when nothing is to be hoped for any more."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeepConfig:
    """Which checkpoints are kept, and when to stop early.

    Attributes:
        every_epochs: besides the last and the best, one is kept after so many epochs; 0 for none.
        every_steps: the last one is also written after so many steps; 0 for at ends of epochs only.
        patience: epochs without a better AP before training stops; 0 for never.
    """

    every_epochs: int = 0
    every_steps: int = 0
    patience: int = 0

    def __post_init__(self) -> None:
        for name in ("every_epochs", "every_steps", "patience"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: expected at least 0, got {getattr(self, name)!r}")
