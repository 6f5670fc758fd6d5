"""What a student is worth now, and the record of it."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from pathlib import Path

from detector.coco import COCO_CLASSES
from detector.config import DetectorConfig
from detector.device import choose_compute
from detector.geometry import parse_imgsz
from detector.hardnet_detector import CenterNetDetector
from detector.network import PointNetwork
from detector.recipe import RECIPES
from train.eval.coco_ap import ApSummary, CocoRow, average_precision, rows_of
from train.eval.evaluation import evaluate
from train.eval.look import find_pictures
from train.eval.truth import read_truth
from train.starter.config import ExamConfig
from train.starter.prepare import read_picture
from train.starter.teachers import Teacher

LOWEST_SCORE = 0.001  # as the evaluation's


def examine(
    student: PointNetwork, config: ExamConfig, *, name: str = "starter"
) -> dict[str, ApSummary]:
    """By the project's own evaluator and detector, for every size of `config`.

    Args:
        student: a network of RECIPES[name].
        config: what it is held against.
        name: of the recipe.
    """
    truth = read_truth(config.annotations)
    pictures = find_pictures(truth, config.images)
    found = {}
    for size in config.sizes:
        asked = DetectorConfig(
            name=name, imgsz=size, score_threshold=LOWEST_SCORE, device="cpu", runtime="torch"
        )
        detector = CenterNetDetector(
            copy.deepcopy(student),  # it is taken over
            RECIPES[name],
            parse_imgsz(size),
            choose_compute("cpu", "fp32"),
            asked,
        )
        found[size] = evaluate(detector, truth, pictures).summary
    return found


def examine_teacher(teacher: Teacher, config: ExamConfig) -> ApSummary:
    """On the same pictures."""
    truth = read_truth(config.annotations)
    pictures = find_pictures(truth, config.images)
    category_ids = truth.category_ids(COCO_CLASSES)
    rows: list[CocoRow] = []
    for name, image_ids in pictures.ids.items():
        found = teacher.look(read_picture(pictures.root / name))
        for image_id in image_ids:
            rows.extend(rows_of(image_id, found, category_ids))
    return average_precision(truth.dataset, rows)


def record(path: Path, row: Mapping[str, object]) -> None:
    """Adds a row to a table in Markdown; makes the table where there is none."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_line(row.keys()) + _line("---" for _ in row), "utf-8")
    with path.open("a", encoding="utf-8") as file:
        file.write(_line(row.values()))


def _line(cells: Iterable[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |\n"
