"""A student's figures beside its teachers'; see `python -m train.starter.measure --help`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from detector.checkpoint import load_weights, read_checkpoint
from detector.coco import COCO_CLASSES
from detector.errors import WeightsError
from detector.failure import DONE
from detector.network import bare
from detector.recipe import RECIPES
from detector.weights import resolve_weights
from train.command import Parser, Screen, run_command, run_module
from train.eval.coco_ap import ApSummary
from train.starter.config import ExamConfig
from train.starter.exam import examine, examine_teacher
from train.starter.nanodet import read_nanodet
from train.starter.teachers import Mirrored, NanoDetTeacher, Panel, YoloxTeacher

BEGIN, END = "<!-- figures: begin -->\n", "<!-- figures: end -->\n"
CLASSES = ("person", "bicycle", "car", "bus", "truck", "dog", "cat", "chair", "bottle")

_EPILOG = """\
example:
  python -m train.starter.measure --annotations val.json --images val2017 \\
      --nanodet weights/nanodet_plus_m_416 --yolox weights/yolox_nano.onnx
"""


def main(typed: Sequence[str]) -> int:
    """Measures as the command line says; gives back the exit code."""
    return run_command(lambda screen, out: _measure(typed, screen, out), typed)


def _measure(typed: Sequence[str], screen: Screen, out: Screen) -> int:
    parser = Parser(
        "train.starter.measure",
        "Measure the AP of a student, and of its teachers if they are given.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "--annotations", type=Path, required=True, metavar="FILE", help="COCO JSON file"
    )
    parser.add_argument(
        "--images", type=Path, required=True, metavar="DIR", help="folder of the pictures"
    )
    parser.add_argument(
        "--weights",
        default="starter_coco",
        metavar="W",
        help="of a student (default: starter_coco)",
    )
    parser.add_argument(
        "--sizes", default="320,416", metavar="N,N", help="input sizes in pixels (default: 320,416)"
    )
    parser.add_argument(
        "--nanodet", type=Path, metavar="PATH", help="a teacher's .param and .bin, without suffix"
    )
    parser.add_argument("--yolox", type=Path, metavar="FILE", help="a teacher's ONNX file")
    parser.add_argument(
        "--card", type=Path, metavar="FILE", help="Markdown file to put the table into"
    )
    given = parser.read(typed)
    torch.set_num_threads(1)
    exam = ExamConfig(given.annotations, given.images, tuple(given.sizes.split(",")))
    weights = resolve_weights(given.weights)
    about = read_checkpoint(weights).about
    name = "starter" if about is None else about.architecture
    student = bare(RECIPES[name].network, len(COCO_CLASSES))
    load_weights(student, weights)
    found = examine(student, exam, name=name)
    rows = {f"{name} {size}": summary for size, summary in found.items()}
    if given.nanodet is not None and given.yolox is not None:
        rows.update(_teachers(given.nanodet, given.yolox, exam))
    table = "".join(f"{line}\n" for line in table_of(rows))
    out.say(table)
    if given.card is not None:
        insert(given.card, table)
        screen.say(f"wrote {given.card}")
    return DONE


def table_of(rows: dict[str, ApSummary]) -> Iterator[str]:
    """A table in Markdown: all classes first, then a class a column."""
    yield f"| | AP | AP50 | AP75 | {' | '.join(CLASSES)} |"
    yield f"| --- {'| --- ' * (3 + len(CLASSES))}|"
    for name, summary in rows.items():
        own = {each.name: each.ap for each in summary.classes}
        of_all = (summary.ap, summary.ap50, summary.ap75)
        cells = [f"{value:.3f}" for value in of_all]
        cells += [f"{own[name]:.3f}" if name in own else "none" for name in CLASSES]
        yield f"| {name} | {' | '.join(cells)} |"
    truths = {each.name: each.truths for each in next(iter(rows.values())).classes}
    counted = " | ".join(str(truths.get(name, 0)) for name in CLASSES)
    yield f"| boxes to find | {sum(truths.values())} | | | {counted} |"


def insert(card: Path, table: str) -> None:
    """Puts the table between the marks in the card, in place of what is there.

    Raises:
        WeightsError: the card has no such marks.
    """
    text = card.read_text("utf-8")
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise WeightsError(f"card {str(card)!r}: expected the lines {BEGIN!r} and {END!r} in it")
    card.write_text(f"{head}{begin}{table}{end}{tail}", "utf-8")


def _teachers(nanodet: Path, yolox: Path, exam: ExamConfig) -> dict[str, ApSummary]:
    one = NanoDetTeacher(read_nanodet(nanodet.with_suffix(".param"), nanodet.with_suffix(".bin")))
    other = YoloxTeacher(yolox)
    return {
        "NanoDet-Plus-m 416": examine_teacher(one, exam),
        "YOLOX-Nano 416": examine_teacher(other, exam),
        "both, fused": examine_teacher(Panel([one, Mirrored(other)]), exam),
    }


if __name__ == "__main__":
    run_module(main)
