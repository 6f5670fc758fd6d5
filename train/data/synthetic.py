"""Pictures of drawn streets as a data set: as many as wanted, with perfect labels.

Drawing takes some 30 ms a picture, too long for a training loop, so they are drawn once, by
several processes, into a folder, from where they come as fast as memory is read.
"""

from __future__ import annotations

import hashlib
import json
import logging
import multiprocessing
import os
import signal
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from configs.loader import dump
from detector.detections import BoxesXyxy, ClassIds
from streamer.scene.config import SyntheticConfig
from streamer.scene.scene import Scene
from streamer.truth import Truth
from train.data.reserve import reserve
from train.errors import DataError
from train.sample import Sample

logger = logging.getLogger(__name__)

CLASS_NAMES = ("person", "car", "bicycle")  # as COCO calls them
_LONGEST_S = 120  # of a scene: frames are taken from its first two minutes
_CHUNK = 16  # scenes a process draws before it takes more


@dataclass(frozen=True, slots=True)
class SyntheticDataConfig:
    """Which streets, and how many pictures of each.

    Attributes:
        type: says that this is meant.
        scenes: how many streets, each of another seed.
        first_seed: of the first; the others count up from it.
        frames: pictures of each street, at moments far apart.
        width: px.
        height: px.
        is_varied: whether the number of objects, noise, blur, light and shadows differ from street
            to street; else they are those of the `synthetic` source.
        min_visible: in 0..1: objects of which a smaller share is to be seen count neither way.
        min_side: px: likewise those that are narrower or lower.
        cache: folder to draw into, once; None draws at every read.
        processes: that draw; None for one a core.
    """

    type: Literal["synthetic"] = "synthetic"
    scenes: int = 1000
    first_seed: int = 1_000_000
    frames: int = 2
    width: int = 640
    height: int = 360
    is_varied: bool = True
    min_visible: float = 0.25
    min_side: float = 6.0
    cache: Path | None = None
    processes: int | None = None

    def __post_init__(self) -> None:
        for name in ("scenes", "frames"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)!r}")
        if not 0 <= self.min_visible <= 1:
            raise ValueError(f"min_visible: expected 0..1, got {self.min_visible!r}")
        if self.processes is not None and self.processes < 1:
            raise ValueError(f"processes: expected at least 1, got {self.processes!r}")
        _scene_config(self, 0)  # its sizes and seeds have bounds of their own

    def __len__(self) -> int:
        return self.scenes * self.frames


class _Labels(NamedTuple):
    """What is on one picture: parallel columns of N rows."""

    boxes_xyxy: BoxesXyxy
    class_id: ClassIds
    is_unclear: NDArray[np.bool_]


class SyntheticSamples:
    """Labelled pictures of drawn streets; fits `train.sample.Samples`.

    The same configuration gives the same pictures and boxes, in any order of reading. A box is that
    of the whole object, hidden parts too, as far as it lies in the picture. One that is hardly to
    be seen is marked as a crowd is: nobody has to find it, and finding it is no mistake.

    Args:
        config: with `cache`, the pictures are drawn now, unless they are there; takes minutes.

    Raises:
        DataError: the cache cannot be written or read.
    """

    class_names = CLASS_NAMES

    def __init__(self, config: SyntheticDataConfig) -> None:
        self._config = config
        self._scene: tuple[int, Scene] | None = None
        self._drawn = None if config.cache is None else _Drawn.of(config, config.cache)

    def __len__(self) -> int:
        return len(self._config)

    def read(self, index: int) -> Sample:
        """The picture at `index`; those of one street follow each other."""
        picture, labels = self._draw(index) if self._drawn is None else self._drawn[index]
        return Sample(
            picture=picture,
            boxes_xyxy=labels.boxes_xyxy,
            class_id=labels.class_id,
            polygons=((),) * len(labels.class_id),
            is_crowd=labels.is_unclear,
            image_id=index,
            name=_name(self._config, index),
        )

    def __getstate__(self) -> object:
        """Without the scene at hand, so that worker processes draw their own."""
        return self._config

    def __setstate__(self, config: SyntheticDataConfig) -> None:
        self.__init__(config)  # type: ignore[misc]  # the state is the arguments

    def _draw(self, index: int) -> tuple[NDArray[np.uint8], _Labels]:
        number, turn = divmod(range(len(self))[index], self._config.frames)
        seed = self._config.first_seed + number
        if self._scene is None or self._scene[0] != seed:
            self._scene = seed, Scene(_scene_config(self._config, seed))
        picture, truth = self._scene[1].render(_moment(self._config, seed, turn))
        return picture, _labels(truth, self._config)


class _Drawn:
    """Pictures that lie in a folder, with their boxes."""

    def __init__(self, pictures: NDArray[np.uint8], rows: NDArray[np.float32]) -> None:
        self._pictures = pictures  # (n, H, W, 3), mapped
        self._rows = rows[:, 1:]
        self._starts = np.searchsorted(rows[:, 0], np.arange(len(pictures) + 1))

    @classmethod
    def of(cls, config: SyntheticDataConfig, folder: Path) -> _Drawn:
        """The pictures of `config`, drawn first where they are not there yet."""
        key = _key(config)
        pictures, rows = folder / f"{key}.pictures.npy", folder / f"{key}.boxes.npy"
        try:
            if not rows.is_file():
                folder.mkdir(parents=True, exist_ok=True)
                _draw_all(config, pictures, rows)
            return cls(np.load(pictures, mmap_mode="r"), np.load(rows))
        except (OSError, ValueError, BrokenProcessPool) as error:
            raise DataError(
                f"drawn pictures in {str(folder)!r}: cannot be written or read: {error}; "
                "free some space or name another folder"
            ) from error

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], _Labels]:
        index = range(len(self._pictures))[index]
        rows = self._rows[self._starts[index] : self._starts[index + 1]]
        labels = _Labels(rows[:, :4].copy(), rows[:, 4].astype(np.int32), rows[:, 5].astype(bool))
        return np.array(self._pictures[index]), labels


def _draw_all(config: SyntheticDataConfig, pictures: Path, rows: Path) -> None:
    """Write both files; the boxes come last, so where they are everything is."""
    partial_pictures = pictures.with_suffix(f".{os.getpid()}.partial")
    shape = (len(config), config.height, config.width, 3)
    try:
        reserve(partial_pictures, np.uint8, shape)
        chunks = [
            range(first, min(first + _CHUNK, config.scenes))
            for first in range(0, config.scenes, _CHUNK)
        ]
        draw = partial(_draw_chunk, replace(config, cache=None), partial_pictures)
        logger.info("drawing %d pictures into %s, once", len(config), pictures.parent)
        fresh = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(config.processes, fresh, _leave_ctrl_c) as pool:
            tables = list(pool.map(draw, chunks))
        partial_pictures.replace(pictures)
        partial_rows = rows.with_suffix(f".{os.getpid()}.partial.npy")
        np.save(partial_rows, np.concatenate(tables))
        partial_rows.replace(rows)
    finally:
        partial_pictures.unlink(missing_ok=True)


def _leave_ctrl_c() -> None:
    """To the process that waits, which then ends these: a terminal sends it to all of them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _draw_chunk(config: SyntheticDataConfig, path: Path, scenes: range) -> NDArray[np.float32]:
    """Draw some streets into the file; gives back (N, 7): index, box, class, unclear."""
    samples = SyntheticSamples(config)
    pictures = np.lib.format.open_memmap(path, "r+")
    tables = []
    for index in range(scenes.start * config.frames, scenes.stop * config.frames):
        sample = samples.read(index)
        pictures[index] = sample.picture
        columns = (np.full(len(sample), index), sample.boxes_xyxy, sample.class_id, sample.is_crowd)
        tables.append(np.column_stack(columns).astype(np.float32))
    pictures.flush()
    return np.concatenate(tables)


def _key(config: SyntheticDataConfig) -> str:
    """A file name that only the same pictures have, as long as scenes are drawn in the same way."""
    fields = dump(replace(config, cache=None, processes=None))
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:16]


def _scene_config(config: SyntheticDataConfig, seed: int) -> SyntheticConfig:
    plain = SyntheticConfig(width=config.width, height=config.height, frames=None, seed=seed)
    if not config.is_varied:
        return plain
    rng = np.random.default_rng((seed, 101))
    return replace(
        plain,
        objects=int(rng.integers(4, 15)),
        occluders=int(rng.integers(0, 6)),
        noise=float(rng.uniform(0, 6)),
        blur=float(rng.uniform(0, 1)),
        light=float(rng.uniform(0, 0.25)),
        shadow=float(rng.uniform(0.2, 0.65)),
    )


def _moment(config: SyntheticDataConfig, seed: int, turn: int) -> int:
    """The frame number of a street's picture number `turn`: its part of two minutes, anywhere."""
    whole = int(_LONGEST_S * SyntheticConfig().rate)
    share = np.random.default_rng((seed, 103)).random(config.frames)[turn]
    return int((turn + share) / config.frames * whole)


def _labels(truth: Truth, config: SyntheticDataConfig) -> _Labels:
    sides = truth.xyxy[:, 2:] - truth.xyxy[:, :2]
    is_unclear = (truth.visible < config.min_visible) | (
        sides.min(1, initial=np.inf) < config.min_side
    )
    ids = [CLASS_NAMES.index(label) for label in truth.label]
    return _Labels(truth.xyxy.copy(), np.array(ids, np.int32), is_unclear)


def _name(config: SyntheticDataConfig, index: int) -> str:
    number, turn = divmod(index, config.frames)
    return f"street {config.first_seed + number}, picture {turn + 1}"
