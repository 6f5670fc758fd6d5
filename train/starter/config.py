"""What a person may choose about teaching the starter."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from train.starter.view import ViewConfig


@dataclass(frozen=True, slots=True)
class ExamConfig:
    """What the student is held against; choosing among trials by it is a choice made on it.

    Attributes:
        annotations: a file in COCO's form.
        images: the folder with its pictures.
        sizes: inputs, as in DetectorConfig.
        every: steps between two exams; the last one is at the end.
        record: a table in Markdown that gets a row for every exam, or None.
    """

    annotations: Path
    images: Path
    sizes: tuple[str, ...] = ("320", "416")
    every: int = 200
    record: Path | None = None


@dataclass(frozen=True, slots=True)
class DistilConfig:
    """One trial.

    Attributes:
        name: of the trial, for the record.
        start: weights to begin with.
        labels: the folder that `train.starter.prepare` wrote.
        output: the folder to write to.
        exam: None for none.
        steps: in all.
        batch: views a step.
        sides: px, width and height of an input are drawn from these, apart from each other.
        most_cells: of an input, at stride 8; larger draws are drawn again.
        learns: beginnings of the names of weights that learn; the rest stays as it is.
        lr: of AdamW at the end of the warm-up; a cosine follows.
        cost_lr: times `lr`; of the cost of lying off, four numbers that matter to everything.
        warmup: share of the steps.
        weight_decay: of AdamW.
        clip_norm: gradients longer than this are shortened to it.
        average: decay of the running mean of weights, which is what is examined and kept.
        common: a class on a smaller share of the pictures is shown more often; 0 for never.
        view: how pictures are varied.
        threads: of torch.
        seed: of everything that is drawn.
    """

    name: str
    start: Path
    labels: Path
    output: Path
    exam: ExamConfig | None = None
    steps: int = 1000
    batch: int = 8
    sides: tuple[int, ...] = (256, 288, 320, 352, 384, 416, 448)
    most_cells: int = 2704  # 416 x 416
    learns: tuple[str, ...] = ("",)
    lr: float = 5e-5
    cost_lr: float = 10.0
    warmup: float = 0.1
    weight_decay: float = 0.01
    clip_norm: float = 5.0
    average: float = 0.995
    common: float = 0.02
    view: ViewConfig = field(default_factory=ViewConfig)
    threads: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)!r}")
        if not self.sides or any(side < 64 or side % 32 for side in self.sides):
            raise ValueError(f"sides: expected multiples of 32 from 64, got {list(self.sides)!r}")
        if min(self.sides) ** 2 > 64 * self.most_cells:
            raise ValueError(f"most_cells: expected room for the smallest, got {self.most_cells}")
