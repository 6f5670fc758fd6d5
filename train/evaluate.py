"""What a detector is worth on annotated pictures; see `python -m train.evaluate --help`.

Source: the published CenterNet's test protocol, section by section behind its options.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from detector.config import DetectorConfig
from detector.contract import Detector
from detector.failure import DONE
from detector.table import build_detector
from train.command import (
    Parser,
    Screen,
    add_detector,
    check_detector_name,
    counting,
    detector_config,
    run_command,
    run_module,
    usage_errors,
)
from train.errors import DataError
from train.eval.confusion import confusion
from train.eval.confusion_picture import draw
from train.eval.evaluation import Evaluation, evaluate
from train.eval.look import Pictures, find_pictures
from train.eval.multi_scale import MultiScale, check_scales
from train.eval.output import check_target, write_picture, write_whole
from train.eval.report import show_report
from train.eval.truth import Truth, read_truth

LOWEST_SCORE = 0.001  # below it boxes change no figure that anybody prints

EXAMPLES = """\
examples:
  python -m train.evaluate --annotations instances_val2017.json --images val2017
  ... --imgsz native --flip-test --scales 0.5,0.75,1,1.25,1.5
  ... --detector yolox --weights yolox_nano.onnx --save results.json

The last line of stdout is such as: AP=0.443 AP50=0.629 AP75=0.483
"""


@dataclass(frozen=True, slots=True)
class EvaluateConfig:
    """Everything a person may choose about an evaluation.

    Attributes:
        annotations: a file in COCO's form.
        images: the folder with its pictures.
        detector: what looks; its threshold is low, for weak boxes count too.
        scales: sizes to look at every picture in; one alone changes nothing but the size.
        soft_nms: suppress softly after one look too; after several it happens anyway.
        published_rounding: results as the published program writes them: two decimals, no
            threshold, float32 in torch, and the rows that its soft suppression left behind.
        through_pipeline: show the pictures through the application's threads and channels.
        limit: pictures, the first of the file, or None.
        save: write what was found here, in COCO's results form, or None.
        confusion: write a picture of who was taken for whom here, or None.
    """

    annotations: Path
    images: Path
    detector: DetectorConfig
    scales: tuple[float, ...] = (1.0,)
    soft_nms: bool = False
    published_rounding: bool = False
    through_pipeline: bool = False
    limit: int | None = None
    save: Path | None = None
    confusion: Path | None = None

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise ValueError(f"limit: expected at least 1, got {self.limit!r}")
        check_scales(self.scales)


def main(typed: Sequence[str]) -> int:
    """Evaluate as a command line says; gives back the exit code."""

    def body(screen: Screen, out: Screen) -> int:
        with usage_errors():
            config = _config(_parser().read(typed))
        _evaluate(config, screen, out)
        return DONE

    return run_command(body, typed)


def _evaluate(config: EvaluateConfig, screen: Screen, out: Screen) -> None:
    check_detector_name(config.detector.name)
    _check_targets(config)
    truth = read_truth(config.annotations)
    pictures = find_pictures(truth, config.images, limit=config.limit)
    _tell_missing(pictures, screen)
    with usage_errors():
        detector = _detector(config)
    _tell_lacking(truth, pictures, detector, screen)
    with counting(screen, "pictures", len(pictures.ids)) as count:
        evaluation = evaluate(
            detector,
            truth,
            pictures,
            is_published_rounding=config.published_rounding,
            through_pipeline=config.through_pipeline,
            on_picture=count,
        )
    if evaluation.fault is not None:
        screen.say(f"note: {evaluation.fault}; they are left out")
    if evaluation.other_size:
        screen.say(
            f"note: {len(evaluation.other_size)} pictures are of another size than annotated, such "
            f"as {evaluation.other_size[0]!r}; their boxes cannot fit"
        )
    if not evaluation.summary.truths:
        raise DataError("expected boxes on the pictures that were looked at, got none but crowds")
    show_report(out, evaluation)
    _save(config, evaluation, screen)
    out.say(evaluation.summary.line())


def _detector(config: EvaluateConfig) -> Detector:
    detector = build_detector(config.detector)
    if config.scales == (1.0,) and not config.soft_nms:
        return detector
    return MultiScale(
        detector,
        config.scales,
        most=config.detector.top_k,
        keeps_leftovers=config.published_rounding,
    )


def _tell_missing(pictures: Pictures, screen: Screen) -> None:
    missing = pictures.missing
    if missing:
        names = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
        screen.say(
            f"note: {len(missing)} annotated pictures are not in '{pictures.root}' and are left "
            f"out: {names}"
        )


def _tell_lacking(truth: Truth, pictures: Pictures, detector: Detector, screen: Screen) -> None:
    """Classes that can never be found, for their AP of 0 pulls the mean down."""
    shown = truth.of_pictures({image_id for ids in pictures.ids.values() for image_id in ids})
    truth.category_ids(detector.class_names)  # none at all is an error, not a note
    lacking = shown.lacking(detector.class_names)
    if lacking:
        screen.say(
            f"note: the detector knows no {', '.join(lacking)}; their AP of 0 is part of the mean"
        )


def _check_targets(config: EvaluateConfig) -> None:
    inputs = [config.annotations, Path(config.detector.weights or "")]
    if config.save is not None:
        check_target("--save", config.save, [".json"], inputs=inputs)
    if config.confusion is not None:
        check_target("--confusion", config.confusion, [".png"], inputs=inputs)


def _save(config: EvaluateConfig, evaluation: Evaluation, screen: Screen) -> None:
    if config.save is not None:
        write_whole(config.save, json.dumps(evaluation.rows).encode())
        screen.say(f"wrote {config.save}")
    if config.confusion is not None:
        write_picture(config.confusion, draw(confusion(evaluation.truth, evaluation.rows)))
        screen.say(f"wrote {config.confusion}")


def _config(given: argparse.Namespace) -> EvaluateConfig:
    is_published = given.published_rounding
    score = given.conf
    if score is None:
        score = 0.0 if is_published else LOWEST_SCORE
    detector = detector_config(given)
    if is_published:
        detector = replace(
            detector, precision=given.precision or "fp32", runtime=given.runtime or "torch"
        )
    confusion_path = given.confusion
    if confusion_path is None and given.save is not None:
        confusion_path = given.save.with_name(f"{given.save.stem}_confusion.png")
    return EvaluateConfig(
        annotations=given.annotations,
        images=given.images,
        detector=replace(detector, score_threshold=score, nms_iou=given.nms_iou),
        scales=given.scales,
        soft_nms=given.soft_nms,
        published_rounding=is_published,
        through_pipeline=given.through_pipeline,
        limit=given.limit,
        save=given.save,
        confusion=confusion_path,
    )


def _scales(text: str) -> tuple[float, ...]:
    with suppress(ValueError):
        return tuple(float(part) for part in text.split(","))
    raise argparse.ArgumentTypeError(f"expected numbers such as 0.5,1,1.5, got {text!r}")


def _parser() -> Parser:
    parser = Parser(
        "train.evaluate",
        "Measure the accuracy (AP) of a detector on annotated pictures.",
        epilog=EXAMPLES,
    )
    add = parser.add_argument
    add("--annotations", type=Path, required=True, metavar="A.json", help="COCO JSON file")
    add("--images", type=Path, required=True, metavar="DIR", help="folder of the pictures")
    add_detector(parser)
    add(
        "--scales",
        type=_scales,
        default=(1.0,),
        metavar="S,...",
        help="detect at these scales and merge by Soft-NMS, such as 0.5,0.75,1,1.25,1.5",
    )
    add(
        "--nms-iou",
        type=float,
        metavar="P",
        help="IoU above which YOLOX drops the weaker box (default: 0.45)",
    )
    add("--soft-nms", action="store_true", help="Soft-NMS at a single scale, too")
    add(
        "--published-rounding",
        action="store_true",
        help="the published protocol exactly: two decimals, no threshold, float32 in torch, "
        "and the rows that its Soft-NMS leaves behind",
    )
    add("--through-pipeline", action="store_true", help="feed the pictures as run.py does")
    add(
        "--conf",
        type=float,
        metavar="P",
        help=f"lowest score that counts (default: {LOWEST_SCORE})",
    )
    add("--limit", type=int, metavar="N", help="only the first N pictures")
    add(
        "--save",
        type=Path,
        metavar="results.json",
        help="write the detections in COCO's results format",
    )
    add(
        "--confusion",
        type=Path,
        metavar="C.png",
        help="write the confusion matrix (default: beside --save)",
    )
    return parser


if __name__ == "__main__":
    run_module(main)
