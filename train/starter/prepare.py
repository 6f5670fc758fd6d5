"""Labels every picture of a training, by people where they did and by teachers elsewhere.

Goes on where it was stopped. See `python -m train.starter.prepare --help`.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch

from detector.detections import Detections
from detector.failure import DONE
from streamer.picture import BgrArray
from train.command import Parser, Screen, counting, run_command, run_module
from train.errors import DataError
from train.eval.output import make_folder
from train.starter.labels import Label, read_labels, write_labels
from train.starter.likeness import HeldOut
from train.starter.nanodet import read_nanodet
from train.starter.teachers import Mirrored, NanoDetTeacher, Panel, YoloxTeacher
from train.starter.truth import Known, read_known, with_truth

PIECE = 200  # pictures a file: what is lost when it is stopped
_ENDINGS = (".jpg", ".jpeg", ".png", ".webp")

_EPILOG = """\
example:
  python -m train.starter.prepare --nanodet weights/nanodet_plus_m_416 \\
    --yolox weights/yolox_nano.onnx --annotated coco/train.json:coco/train2017 \\
    --pictures photos --held-out coco/val2017 --output labels
"""


def main(typed: Sequence[str]) -> int:
    """Labels as the command line says; gives back the exit code."""
    return run_command(lambda screen, _: _prepare(typed, screen), typed)


def _prepare(typed: Sequence[str], screen: Screen) -> int:
    given = _parser().read(typed)
    make_folder(given.output)
    torch.set_num_threads(1)  # two of these, a core each, are twice as fast as one on both
    unseen = _pictures_in([given.held_out])
    known = _known(given.annotated)
    everything = sorted({*known, *_pictures_in(given.pictures)})
    random.Random(0).shuffle(everything)  # so that a part of the work is a fair sample
    done = {label.path for label in read_labels(given.output)} | _left_out(given.output)
    todo = [path for path in everything if path not in done]
    screen.say(f"{len(everything)} pictures, {len(todo)} of them to label")
    held_out = HeldOut(read_picture(path) for path in unseen)
    nanodet = NanoDetTeacher(
        read_nanodet(given.nanodet.with_suffix(".param"), given.nanodet.with_suffix(".bin"))
    )
    panel = Panel([nanodet, Mirrored(YoloxTeacher(given.yolox))])
    with counting(screen, "pictures", len(todo)) as count:
        for start in range(0, len(todo), PIECE):
            labels, alike = [], []
            for path in todo[start : start + PIECE]:
                picture = read_picture(path)
                if picture in held_out:
                    alike.append(path)
                else:
                    labels.append(_label(path, panel.look(picture), known.get(path)))
                count()
            write_labels(given.output, labels)
            _leave_out(given.output, alike)
    screen.say(f"{len(_left_out(given.output))} pictures look like held-out ones: left out")
    return DONE


def _parser() -> Parser:
    parser = Parser(
        "train.starter.prepare",
        "Label pictures with two teachers, for training a student.",
        epilog=_EPILOG,
    )
    add = parser.add_argument
    add(
        "--nanodet",
        type=Path,
        required=True,
        metavar="PATH",
        help="NanoDet-Plus: .param and .bin, no suffix",
    )
    add("--yolox", type=Path, required=True, metavar="FILE", help="YOLOX: its ONNX file")
    add(
        "--annotated",
        action="append",
        default=[],
        metavar="FILE:DIR",
        help="COCO JSON file and folder of pictures; repeatable",
    )
    add(
        "--pictures",
        action="append",
        default=[],
        type=Path,
        metavar="DIR",
        help="folder of pictures without labels; repeatable",
    )
    add("--held-out", type=Path, required=True, metavar="DIR", help="pictures not to train on")
    add("--output", type=Path, required=True, metavar="DIR", help="folder for the labels")
    return parser


def read_picture(path: Path) -> BgrArray:
    """(H, W, 3) uint8.

    Raises:
        DataError: it is missing or broken.
    """
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise DataError(f"picture {str(path)!r}: expected a picture, got a missing or broken file")
    return np.asarray(picture, np.uint8)


def _label(path: Path, found: Detections, known: Known | None) -> Label:
    if known is not None:
        return with_truth(found, known)
    return Label(path, found.xyxy, found.score, found.class_id)


def _known(pairs: Iterable[str]) -> dict[Path, Known]:
    known = {}
    for pair in pairs:
        annotations, _, images = pair.partition(":")
        known.update({each.path: each for each in read_known(Path(annotations), Path(images))})
    return known


def _pictures_in(folders: Sequence[Path]) -> list[Path]:
    """All pictures in folders and those below.

    Raises:
        DataError: one is no folder: of pictures held out, none would be.
    """
    for folder in folders:
        if not folder.is_dir():
            raise DataError(f"pictures {str(folder)!r}: expected a folder")
    return [
        path
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in _ENDINGS
    ]


def _left_out(folder: Path) -> set[Path]:
    """Pictures that look like held-out ones."""
    path = folder / "left_out.txt"
    return {Path(line) for line in path.read_text("utf-8").splitlines()} if path.exists() else set()


def _leave_out(folder: Path, paths: Iterable[Path]) -> None:
    with (folder / "left_out.txt").open("a", encoding="utf-8") as file:
        file.writelines(f"{path}\n" for path in paths)


if __name__ == "__main__":
    run_module(main)
