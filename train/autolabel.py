"""Labels for one's own recordings by a stronger detector; see `python -m train.autolabel --help`.

A detector that is too slow for the cameras labels what they recorded, and a small network learns
from that. Only frames that differ are looked at; `train.teacher.difference` says how that is
measured.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.table import Table
from rich.text import Text

from configs.errors import ConfigError
from detector.classes import choose_classes
from detector.config import DetectorConfig
from detector.contract import Detector
from detector.failure import DONE, NO_SOURCE, STREAM_FAILED
from detector.table import build_detector
from streamer.feed import Inlet
from streamer.outlet import Outlet
from streamer.pipeline import Pipeline
from streamer.redact import redact
from streamer.snapshot import RunSnapshot
from streamer.sources.inlets import open_inlets
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
from train.errors import TrainError
from train.eval.output import check_target
from train.teacher.difference import DifferenceConfig, Differing
from train.teacher.labels import LabelPlan, LabelSink, Tally, lowest_of, read_thresholds

DEFAULT_THRESHOLD = 0.5  # a wrong label teaches more harm than a missed one that other frames show

EXAMPLES = """\
examples:
  python -m train.autolabel --source clips/ --detector yolox \\
      --weights nano.onnx --out coco.json
  ... --threshold 0.5 --threshold person=0.4 --classes person,car --min-gap 5

The pictures go into a folder named after the JSON file: coco.json and coco/.
To train on them, set `annotations: coco.json` and `images: coco`.
"""


@dataclass(frozen=True, slots=True)
class AutolabelConfig:
    """Everything a person may choose about labelling.

    Attributes:
        sources: as for run.py.
        out: the JSON file; the pictures go into a folder beside it, named like it.
        detector: the teacher; its own threshold follows from `thresholds`.
        thresholds: `0.5` for all classes or `person=0.4` for one.
        difference: which frames are worth a look.
        keeps_empty: frames without a box stay.
        limit: frames a stream to look at, or None.
        overwrite: replace what is already there.
    """

    sources: tuple[str, ...]
    out: Path
    detector: DetectorConfig
    thresholds: tuple[str, ...] = ()
    difference: DifferenceConfig = field(default_factory=DifferenceConfig)
    keeps_empty: bool = True
    limit: int | None = None
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise ValueError(f"limit: expected at least 1, got {self.limit!r}")


def main(typed: Sequence[str]) -> int:
    """Label as a command line says; gives back the exit code."""

    def body(screen: Screen, out: Screen) -> int:
        with usage_errors():
            config = _config(_parser().read(typed))
        return _label(config, screen, out)

    return run_command(body, typed)


def _label(config: AutolabelConfig, screen: Screen, out: Screen) -> int:
    check_detector_name(config.detector.name)
    _check_target(config)
    inlets = open_inlets(config.sources)
    with usage_errors():
        detector, plan = _teacher(config)
    with counting(screen, "pictures kept", None) as count:
        sink = LabelSink(plan, count)
        differing = [_differing(inlet, config.difference) for inlet in inlets]
        try:
            snapshot = Pipeline(differing, detector, [Outlet(sink)], limit=config.limit).run()
        finally:  # Ctrl-C keeps what there is
            _show(out, sink.tally, plan)
    return _ending(snapshot, sink.tally, screen)


def _teacher(config: AutolabelConfig) -> tuple[Detector, LabelPlan]:
    """The detector, finding all that may become a label, and what does become one.

    Raises:
        ValueError: a threshold or a class is no such word.
    """
    lowest = min(lowest_of(config.thresholds), DEFAULT_THRESHOLD)
    detector = build_detector(replace(config.detector, score_threshold=lowest))
    names = detector.class_names
    if not names:
        raise ConfigError("--detector", f"expected one with classes, got {config.detector.name!r}")
    weights = redact(Path(config.detector.weights or "").name)
    return detector, LabelPlan(
        config.out,
        names,
        choose_classes(names, config.detector.classes) if config.detector.classes else None,
        read_thresholds(config.thresholds, names, default=DEFAULT_THRESHOLD),
        f"{config.detector.name} {weights}".strip(),
        config.keeps_empty,
    )


def _differing(inlet: Inlet, config: DifferenceConfig) -> Inlet:
    return replace(inlet, source=Differing(inlet.source, config))


def _check_target(config: AutolabelConfig) -> None:
    """Labels may have been corrected by hand: nothing is replaced unasked.

    Raises:
        ConfigError: the JSON file or the folder cannot be written to, or is there.
    """
    check_target("--out", config.out, [".json"], inputs=[])
    folder = config.out.with_suffix("")
    if folder.exists() and not folder.is_dir():
        raise ConfigError("--out", f"expected a folder for the pictures, got the file '{folder}'")
    taken = [path for path in (config.out, folder) if path.exists()]
    if taken and not config.overwrite:
        raise ConfigError("--out", f"'{taken[0]}' exists; choose another, or pass --overwrite")
    inside = [each for each in config.sources if folder.resolve() == Path(each).resolve()]
    if inside:
        raise ConfigError("--out", f"the pictures would go into the source '{inside[0]}'")


def _show(out: Screen, tally: Tally, plan: LabelPlan) -> None:
    """What there is now; nothing where nothing is."""
    if not tally.pictures:
        return
    table = Table("class")
    table.add_column("labels", justify="right")
    for name in plan.class_names:
        if name in tally.boxes:
            table.add_row(Text(name), str(tally.boxes[name]))
    if tally.boxes:
        out.print(table)
    out.say(f"{tally.pictures} pictures kept, {tally.empty} of them without a box")
    out.say(f"{plan.path} and {plan.folder}/")


def _ending(snapshot: RunSnapshot, tally: Tally, screen: Screen) -> int:
    """Report the streams that failed, once each; gives back the exit code."""
    failed = [stream for stream in snapshot.streams if stream.state == "failed"]
    for stream in failed:
        screen.say(f"error: {stream.error}")
    if len(failed) == len(snapshot.streams) and all(stream.info is None for stream in failed):
        return NO_SOURCE
    if not tally.pictures:
        raise TrainError("labels: expected a picture to keep, got none; lower --threshold")
    return STREAM_FAILED if failed else DONE


def _config(given: argparse.Namespace) -> AutolabelConfig:
    return AutolabelConfig(
        sources=tuple(given.source),
        out=given.out,
        detector=replace(
            detector_config(given),
            classes=tuple(name.strip() for name in given.classes.split(",") if name.strip()),
        ),
        thresholds=tuple(given.threshold),
        difference=DifferenceConfig(given.difference, given.min_gap, given.memory),
        keeps_empty=not given.drop_empty,
        limit=given.limit,
        overwrite=given.overwrite,
    )


def _parser() -> Parser:
    usual = DifferenceConfig()
    parser = Parser(
        "train.autolabel", "Label your own recordings with a strong detector.", epilog=EXAMPLES
    )
    add = parser.add_argument
    add(
        "--source",
        action="append",
        required=True,
        metavar="S",
        help="as for run.py; repeatable",
    )
    add("--out", type=Path, required=True, metavar="coco.json", help="COCO JSON file to write")
    add_detector(parser)
    add(
        "--threshold",
        action="append",
        default=[],
        metavar="[CLASS=]P",
        help="lowest score of a label, for all classes or for one; repeatable "
        f"(default: {DEFAULT_THRESHOLD})",
    )
    add("--classes", default="", metavar="A,B", help="class names to label (default: all)")
    add(
        "--difference",
        type=float,
        default=usual.least,
        metavar="D",
        help="share of the picture that must differ from each frame kept lately "
        f"(default: {usual.least})",
    )
    add(
        "--min-gap",
        type=float,
        default=usual.min_gap_s,
        metavar="S",
        help=f"least seconds between kept frames of a stream (default: {usual.min_gap_s:g})",
    )
    add(
        "--memory",
        type=int,
        default=usual.memory,
        metavar="N",
        help=f"how many kept frames --difference compares with (default: {usual.memory})",
    )
    add("--drop-empty", action="store_true", help="skip frames in which nothing is found")
    add("--limit", type=int, metavar="N", help="keep at most N frames of each stream")
    add("--overwrite", action="store_true", help="replace existing files")
    return parser


if __name__ == "__main__":
    run_module(main)
