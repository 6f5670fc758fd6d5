"""Decodes and resizes labelled pictures once, and keeps how a teacher sees them.

Goes on where it was stopped. See `python -m train.student.prepare --help`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detector.checkpoint import load_weights
from detector.coco import COCO_CLASSES
from detector.failure import DONE
from detector.ghostpan import WIDTH
from detector.network import bare
from detector.recipe import RECIPES
from detector.starter import Starter
from detector.weights import resolve_weights
from streamer.picture import BgrArray
from train.command import Parser, Screen, counting, run_command, run_module
from train.errors import DataError
from train.starter.labels import Label, read_labels
from train.starter.prepare import read_picture
from train.student.store import (
    SIDE,
    STEPS_PER_SPREAD,
    STRIDES,
    About,
    Store,
    about,
    create,
    open_store,
    say,
)

PIECE = 100  # pictures between two notes of how far it is
_KNOWN = 256  # pictures that tell mean and deviation of the teacher's channels
_SPREAD = "spread.npz"
_AT_ONCE = 4  # pictures the teacher looks at

Spread = list[tuple[NDArray[np.float32], NDArray[np.float32]]]  # mean, deviation (C, 1, 1) a stride

_EPILOG = """\
example, after python -m train.starter.prepare:
  python -m train.student.prepare --labels runs/starter/labels \\
      --output runs/student/store
"""


def main(typed: Sequence[str]) -> int:
    """Prepares as the command line says; gives back the exit code."""
    return run_command(lambda screen, _: _prepare(typed, screen), typed)


def _prepare(typed: Sequence[str], screen: Screen) -> int:
    parser = Parser(
        "train.student.prepare",
        "Store pictures and a teacher's features for training a student.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "--labels", type=Path, required=True, metavar="DIR", help="written by train.starter.prepare"
    )
    parser.add_argument(
        "--teacher",
        default="starter_coco",
        metavar="W",
        help="weights of a starter (default: starter_coco)",
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="folder for the store"
    )
    given = parser.read(typed)
    torch.set_num_threads(1)  # small maps: a second thread waits more than it works
    known = about(given.output)
    if known is None:
        labels = _stretched(read_labels(given.labels), screen)
        if not labels:
            raise DataError(f"labels {str(given.labels)!r}: expected some, got none; prepare first")
        create(given.output, labels, channels=WIDTH)
        known = About(len(labels), WIDTH, done=0)
    store = open_store(given.output, writes=True)
    paths = [Path(name) for name in store.names]
    teacher = Teacher(resolve_weights(given.teacher))
    spread = _spread(given.output, teacher, paths)
    screen.say(f"{known.count} pictures, {known.count - known.done} of them to prepare")
    with counting(screen, "pictures", known.count - known.done) as count:
        for start in range(known.done, known.count, PIECE):
            end = min(start + PIECE, known.count)
            for at in range(start, end, _AT_ONCE):
                rows = slice(at, min(at + _AT_ONCE, end))
                _fill(store, rows, paths[rows], teacher, spread)
                for _ in paths[rows]:
                    count()
            for kept in (store.pictures, *store.maps):
                kept.flush()  # type: ignore[attr-defined]  # a memmap, which numpy does not type
            say(given.output, replace(known, done=end))
    return DONE


def _fill(
    store: Store, rows: slice, paths: Sequence[Path], teacher: Teacher, spread: Spread
) -> None:
    """Some pictures and what the teacher makes of them."""
    pictures = np.stack([square(path) for path in paths])
    store.pictures[rows] = pictures
    looks = zip(store.maps, teacher.look(pictures), spread, strict=True)
    for kept, x, (mean, deviation) in looks:
        steps: NDArray[np.float32] = (x.numpy() - mean) * (STEPS_PER_SPREAD / deviation)
        kept[rows] = np.rint(steps).clip(-127, 127)


class Teacher:
    """How a starter sees: the maps of its neck."""

    def __init__(self, weights: Path) -> None:
        network = bare(Starter, len(COCO_CLASSES))
        load_weights(network, weights)
        self._network = network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in the stub
        self._lookup = RECIPES["starter"].normalisation()

    @torch.inference_mode()
    def look(self, pictures: BgrArray) -> list[Tensor]:
        """(B, H, W, 3) uint8 to maps (B, C, H / stride, W / stride) float32, one of each stride."""
        x = self._lookup[0, pictures, np.arange(3)]
        maps = self._network.neck(self._network.backbone(torch.from_numpy(x).permute(0, 3, 1, 2)))
        return list(maps[: len(STRIDES)])


def square(path: Path) -> BgrArray:
    """A picture stretched, (SIDE, SIDE, 3), averaged where it shrinks.

    Raises:
        DataError: it is missing or broken.
    """
    picture = read_picture(path)
    is_shrunk = min(picture.shape[:2]) > SIDE
    how = cv2.INTER_AREA if is_shrunk else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (SIDE, SIDE), interpolation=how), np.uint8)


def _stretched(labels: Sequence[Label], screen: Screen) -> list[Label]:
    """With boxes in px of the stretched pictures."""
    moved = []
    with counting(screen, "labels", len(labels)) as count:
        for label in labels:
            height, width = read_picture(label.path).shape[:2]
            scale = np.array([SIDE / width, SIDE / height] * 2, np.float32)
            moved.append(replace(label, xyxy=label.xyxy * scale))
            count()
    return moved


def _spread(folder: Path, teacher: Teacher, paths: Sequence[Path]) -> Spread:
    """Found out once."""
    file = folder / _SPREAD
    if not file.exists():
        looks = [teacher.look(square(path)[None]) for path in paths[:_KNOWN]]
        found = {}
        for stride, each in zip(STRIDES, zip(*looks, strict=True), strict=True):
            values = torch.cat([x.flatten(2) for x in each], 2)[0]  # (C, values)
            found[f"mean_{stride}"] = values.mean(1).numpy()
            found[f"deviation_{stride}"] = values.std(1).clamp(min=1e-3).numpy()
        with file.open("wb") as target:
            np.savez(target, allow_pickle=False, **found)
    with np.load(file) as content:
        return [
            (
                content[f"mean_{stride}"][:, None, None],
                content[f"deviation_{stride}"][:, None, None],
            )
            for stride in STRIDES
        ]


if __name__ == "__main__":
    run_module(main)
