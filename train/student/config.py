"""What a person may choose about teaching a student from nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from train.starter.config import ExamConfig
from train.starter.view import ViewConfig


@dataclass(frozen=True, slots=True)
class StudentConfig:
    """One training.

    Attributes:
        store: the folder that `train.student.prepare` wrote.
        output: the folder to write to.
        start: weights to begin with; None for fresh ones.
        exam: what it is held against on the way; None for nothing.
        steps: in all.
        batch: views a step and process.
        sides: px; the square input of a step is one of these.
        lr: of AdamW at the end of the warm-up; a cosine follows.
        warmup: share of the steps.
        weight_decay: of AdamW.
        clip_norm: gradients longer than this are shortened to it.
        average: decay of the running mean of weights, which is what is examined and kept.
        common: a class on a smaller share of the pictures is shown more often; 0 for never.
        least_score: teachers less sure than that teach nothing.
        sight: weight of seeing as the teacher sees, beside finding what it finds.
        view: how pictures are varied.
        device: "auto", "cpu", "cuda" or "cuda:N"; of several processes each takes a GPU of its own.
        precision: of the network's arithmetic while it learns.
        compiles: run the network through torch.compile.
        save_every: steps between two saves.
        seed: of everything that is drawn.
    """

    store: Path
    output: Path
    start: Path | None = None
    exam: ExamConfig | None = None
    steps: int = 20000
    batch: int = 32
    sides: tuple[int, ...] = (160,)
    lr: float = 2e-3
    warmup: float = 0.03
    weight_decay: float = 0.02
    clip_norm: float = 5.0
    average: float = 0.998
    common: float = 0.02
    least_score: float = 0.1
    sight: float = 1.0
    view: ViewConfig = field(default_factory=lambda: ViewConfig(zoom=1.4))
    device: str = "auto"
    precision: Literal["fp32", "bf16"] = "bf16"
    compiles: bool = False
    save_every: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "save_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)!r}")
        if not self.sides or any(side < 64 or side % 32 for side in self.sides):
            raise ValueError(f"sides: expected multiples of 32 from 64, got {list(self.sides)!r}")
        if not 0 <= self.least_score < 1:
            raise ValueError(f"least_score: expected 0 to below 1, got {self.least_score!r}")
