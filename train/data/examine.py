"""Looks at a whole data set, labels and pixels, before hours are spent on it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from train.data.config import DataConfig
from train.data.folder import FolderSamples
from train.data.labels import Labels
from train.data.picture import decode_picture
from train.data.problem import Problem, Trouble
from train.data.table import open_folder

_AHEAD = 64  # pictures handed to the threads at once: enough to keep them busy


@dataclass(frozen=True, slots=True)
class Examination:
    """What is in a data set.

    Attributes:
        pictures: in the label files.
        boxes_per_class: by class id.
        class_names: by class id.
        problems: everything that is wrong.
    """

    pictures: int
    boxes_per_class: tuple[int, ...]
    class_names: tuple[str, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class _Seen:
    """One picture file.

    Attributes:
        problem: what is wrong with it, or None.
        size: width, height in px, where it could be decoded.
        digest: of its bytes, where it could be read.
    """

    problem: Problem | None = None
    size: tuple[int, int] | None = None
    digest: bytes = b""


def examine(
    config: DataConfig,
    *,
    has_pixels: bool = True,
    counter: Callable[[int], Callable[[], None]] | None = None,
) -> Examination:
    """Reads all labels and decodes every picture.

    Args:
        config: of the data set; `broken` does not matter.
        has_pixels: open the pictures too; else only whether each is there.
        counter: called with the number of pictures; what it gives back, once for each.

    Raises:
        DataError: the label files cannot be read.
    """
    samples, inspection = open_folder(config)
    tick = counter(len(samples)) if counter else _nothing
    problems = list(inspection.problems)
    problems.extend(_pixels(samples, tick) if has_pixels else _absent(samples.labels, tick))
    if not inspection.boxes_per_class.total():
        problems.append(Problem(Trouble.EMPTY_CLASS, config.type, "no box of any class"))
    order = {trouble: place for place, trouble in enumerate(Trouble)}
    problems.sort(key=lambda problem: order[problem.trouble])
    names = samples.class_names
    counts = tuple(inspection.boxes_per_class[each] for each in range(len(names)))
    return Examination(len(samples), counts, names, tuple(problems))


def _pixels(samples: FolderSamples, tick: Callable[[], None]) -> Iterator[Problem]:
    labels = samples.labels
    first_with: dict[bytes, Path] = {}
    # Reading and decoding release the interpreter's lock, so threads serve.
    for index, seen in enumerate(_in_threads(labels.paths, _look)):
        tick()
        path = labels.paths[index]
        if seen.problem is not None:
            yield seen.problem
        said = samples.picture_size(index)
        if seen.size and said and seen.size != said:
            text = f"labelled as {_times(said)} px, but it is {_times(seen.size)}"
            yield Problem(Trouble.WRONG_SIZE, path.name, text)
        if seen.digest and (same := first_with.setdefault(seen.digest, path)) != path:
            yield Problem(Trouble.DUPLICATE_PICTURE, path.name, f"the same bytes as {same.name}")


def _absent(labels: Labels, tick: Callable[[], None]) -> Iterator[Problem]:
    for path in labels.paths:
        tick()
        if not path.is_file():
            yield Problem(Trouble.MISSING_PICTURE, path.name, str(path))


def _look(path: Path) -> _Seen:
    try:
        data = path.read_bytes()
    except OSError as error:
        text = f"{path}: {error.strerror}"
        return _Seen(Problem(Trouble.MISSING_PICTURE, path.name, text))
    digest = hashlib.blake2b(data, digest_size=16).digest()
    try:
        height, width = decode_picture(data).shape[:2]
    except ValueError as error:
        return _Seen(Problem(Trouble.BROKEN_PICTURE, path.name, str(error)), digest=digest)
    return _Seen(size=(width, height), digest=digest)


def _in_threads(paths: tuple[Path, ...], look: Callable[[Path], _Seen]) -> Iterator[_Seen]:
    """`look` at each, in order, without holding the results of all of them."""
    rest = iter(paths)
    with ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="examine") as pool:
        while chunk := list(islice(rest, _AHEAD)):
            yield from pool.map(look, chunk)


def _times(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"


def _nothing() -> None:
    pass
