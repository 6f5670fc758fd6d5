"""Pictures decoded and resized once, with their labels and how a teacher sees them, on the disk.

Arrays that are mapped and not read: a training on a CPU keeps the parts it needs in the page cache,
one on a GPU takes the pictures there once.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from detector.detections import BoxesXyxy, ClassIds, Scores
from train.data.reserve import reserve
from train.errors import DataError
from train.eval.output import make_folder, write_whole
from train.starter.labels import Label

SIDE = 320  # px of the square every picture is stretched to
STRIDES = (8, 16, 32)  # of the teacher's maps that are kept
STEPS_PER_SPREAD = 24.0  # of the 8-bit maps: 5.3 standard deviations either way
FORMAT = 1
_ABOUT, _LABELS, _PICTURES = "about.json", "labels.npz", "pictures.npy"


@dataclass(frozen=True, slots=True)
class About:
    """What lies in a folder.

    Attributes:
        count: pictures, N.
        channels: of a map of the teacher.
        done: pictures that are written; the rest is empty yet.
    """

    count: int
    channels: int
    done: int


@dataclass(frozen=True, slots=True, eq=False)
class Store:
    """Everything of a training.

    Attributes:
        pictures: (N, SIDE, SIDE, 3) uint8 BGR, stretched.
        maps: of each of STRIDES (N, C, SIDE / stride, SIDE / stride) int8: the teacher's, less the
            channel's mean, over its standard deviation, times STEPS_PER_SPREAD.
        first: (N + 1,) int64: where the labels of a picture begin in the three below.
        xyxy: (M, 4) float32, px of the stretched picture.
        score: (M,) float32 in 0..1.
        class_id: (M,) int32.
        names: of the pictures' files.
    """

    pictures: NDArray[np.uint8]
    maps: tuple[NDArray[np.int8], ...]
    first: NDArray[np.int64]
    xyxy: BoxesXyxy
    score: Scores
    class_id: ClassIds
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def sights(self) -> int:
        """Channels of all maps."""
        return sum(kept.shape[1] for kept in self.maps)

    def labels(self) -> list[Label]:
        """One a picture."""
        return [
            Label(Path(name), self.xyxy[a:b], self.score[a:b], self.class_id[a:b])
            for name, a, b in zip(self.names, self.first[:-1], self.first[1:], strict=True)
        ]


def create(folder: Path, labels: Sequence[Label], *, channels: int) -> None:
    """An empty store for labelled pictures; their labels are filled in already.

    Args:
        folder: is made where it is not there.
        labels: of the pictures, with boxes in px of the stretched picture.
        channels: of the teacher's maps.

    Raises:
        DataError: there is no room for it.
        OutputError: the folder cannot be made.
    """
    make_folder(folder)
    try:
        _fill_in(folder, labels, channels)
    except OSError as error:
        raise DataError(
            f"store {str(folder)!r}: cannot be written: {error.strerror or error}; make room or "
            "choose another folder"
        ) from error
    say(folder, About(len(labels), channels, done=0))


def _fill_in(folder: Path, labels: Sequence[Label], channels: int) -> None:
    count = len(labels)
    reserve(folder / _PICTURES, np.uint8, (count, SIDE, SIDE, 3))
    for stride in STRIDES:
        side = SIDE // stride
        reserve(_map_file(folder, stride), np.int8, (count, channels, side, side))
    with (folder / _LABELS).open("wb") as file:
        np.savez(
            file,
            first=np.cumsum([0, *(len(label.score) for label in labels)]),
            xyxy=np.concatenate([label.xyxy for label in labels]),
            score=np.concatenate([label.score for label in labels]),
            class_id=np.concatenate([label.class_id for label in labels]),
            name=np.array([str(label.path) for label in labels]),
        )


def say(folder: Path, about: About) -> None:
    """Writes down what lies in a folder; whole or not at all."""
    content = {"format": FORMAT, **dataclasses.asdict(about)}
    write_whole(folder / _ABOUT, json.dumps(content).encode())


def about(folder: Path) -> About | None:
    """What lies in a folder; None where nobody began one.

    Raises:
        DataError: what is there is no store.
    """
    path = folder / _ABOUT
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text("utf-8"))
        found = About(int(content["count"]), int(content["channels"]), int(content["done"]))
        form = content["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{str(path)!r}: expected what train.student.prepare writes, got {error!r}; delete the "
            "folder and prepare again"
        ) from error
    if form != FORMAT:
        raise DataError(
            f"{str(path)!r}: expected format {FORMAT}, got {form!r}; delete the folder "
            "and prepare again"
        )
    return found


def open_store(folder: Path, *, writes: bool = False) -> Store:
    """A store as it is; what is not written yet is empty pictures.

    Raises:
        DataError: there is none, or it is damaged.
    """
    known = about(folder)
    if known is None:
        raise DataError(
            f"store {str(folder)!r}: expected prepared pictures, got none; run "
            "python -m train.student.prepare"
        )
    mode = "r+" if writes else "r"
    try:
        pictures = open_memmap(folder / _PICTURES, mode)
        maps = tuple(open_memmap(_map_file(folder, stride), mode) for stride in STRIDES)
        with np.load(folder / _LABELS) as labels:
            content = {name: labels[name] for name in labels.files}
        names = tuple(str(name) for name in content["name"])
        store = Store(
            pictures,
            maps,
            content["first"],
            content["xyxy"],
            content["score"],
            content["class_id"],
            names,
        )
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f"store {str(folder)!r}: expected whole files, got {error}; delete the folder and "
            "prepare again"
        ) from error
    if not len(pictures) == len(names) == known.count:
        raise DataError(
            f"store {str(folder)!r}: expected {known.count} pictures and labels, got "
            f"{len(pictures)} and {len(names)}; delete the folder and prepare again"
        )
    return store


def _map_file(folder: Path, stride: int) -> Path:
    return folder / f"maps-{stride}.npy"
