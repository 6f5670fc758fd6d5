"""A point network as a detector: frames in, boxes in pixels of the frames out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from detector.about import About
from detector.batching import make_ready, measured_batch
from detector.buckets import LARGEST
from detector.checkpoint import read_checkpoint
from detector.classes import choose_classes
from detector.config import DetectorConfig
from detector.detections import Detections
from detector.device import Compute, choose_compute
from detector.errors import WeightsError
from detector.executor import Shape, home_of, open_executor
from detector.fold import fold_batch_norm
from detector.geometry import Geometry, Placement, Stretch, parse_imgsz
from detector.network import PointNetwork, bare, untrained
from detector.program import Executor, Pending, Program
from detector.recipe import RECIPES, Recipe
from streamer.frame import Frame
from streamer.samples import DlDevice
from streamer.stats import StageTimes

# For inputs whose size nobody knows beforehand. At 512 x 512 a large GPU's roofline flattens here:
# more only adds latency.
_CUDA_BATCH = 8


class CenterNetDetector:
    """Finds boxes with a point network; fits `detector.contract.Detector`.

    Takes the network over: folds it, casts it and, once entered, moves it to the device.

    Args:
        network: with its weights, on the CPU.
        recipe: what the weights need.
        geometry: how frames lie in the input.
        compute: where and in which precision.
        config: thresholds and limits; what the other arguments say already is not read from it.
        prepared: folder for networks that were made ready; None for the user's cache folder.

    Raises:
        ValueError: `config.classes` has a name that the recipe has not, or the input is of a size
            that the network cannot take.
    """

    def __init__(
        self,
        network: PointNetwork,
        recipe: Recipe,
        geometry: Geometry,
        compute: Compute,
        config: DetectorConfig,
        *,
        prepared: Path | None = None,
    ) -> None:
        _check_size(geometry, network.multiple)
        self.times = StageTimes()
        self._wanted = choose_classes(recipe.class_names, config.classes)
        self._recipe = recipe
        self._geometry = geometry
        self._compute = compute
        self._score_threshold = config.score_threshold
        on_cuda = compute.device.type == "cuda"
        self._max_batch = config.fixed_batch or (_CUDA_BATCH if on_cuda else 1)
        is_automatic = config.batch == "auto" or (config.batch is None and on_cuda)
        self._measures_batch = is_automatic and isinstance(geometry, Stretch)
        self._batch_budget_ms = config.batch_budget_ms
        fold_batch_norm(network.eval())
        self._program = Program(
            network,
            recipe.normalisation(),
            config.flip_test,
            config.top_k,
            config.score_threshold,
        )
        self._runtime = config.runtime
        self._prepared = prepared
        self._quantised = None if config.quantised is None else Path(config.quantised)
        self._opened = ExitStack()
        self._executor: Executor | None = None

    @classmethod
    def from_config(cls, config: DetectorConfig, weights: Path | None) -> Self:
        """The detector that a person asked for.

        Args:
            config: `name` is a key of RECIPES; `weights` in it is not read.
            weights: a checkpoint file, or None for untrained weights, always the same. Class names,
                input size and normalisation are the file's where it has them.

        Raises:
            ValueError: the name, imgsz, device or a class is no such word.
            WeightsError: the file is missing, damaged or for another network.
            DeviceError: the device or precision cannot be had.
        """
        if config.name not in RECIPES:
            raise ValueError(f"detector: expected {' or '.join(RECIPES)}, got {config.name!r}")
        recipe = RECIPES[config.name]
        compute = choose_compute(config.device, config.precision)
        checkpoint = None if weights is None else read_checkpoint(weights)
        if checkpoint is not None and checkpoint.about is not None:
            recipe = _told(recipe, checkpoint.about, config.name, checkpoint.path)
        geometry = parse_imgsz(recipe.imgsz if config.imgsz is None else config.imgsz)
        choose_classes(recipe.class_names, config.classes)  # before the network, which takes longer
        if checkpoint is None:
            network = untrained(recipe.network, len(recipe.class_names))
        else:
            network = bare(recipe.network, len(recipe.class_names))
            checkpoint.fill(network)
        return cls(network, recipe, geometry, compute, config)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The name of every class id."""
        return self._recipe.class_names

    @property
    def program(self) -> Program:
        """What is computed; once entered, its network may be elsewhere and in another precision."""
        return self._program

    @property
    def geometry(self) -> Geometry:
        """How frames lie in the input."""
        return self._geometry

    @property
    def max_batch(self) -> int:
        """Frames a forward pass takes at most."""
        return self._max_batch

    @property
    def home(self) -> DlDevice | None:
        """The device out of whose memory it takes pictures, or None: the host's."""
        return home_of(self._compute, self._runtime, self._quantised)

    @property
    def depth(self) -> int:
        """Batches worth having in flight."""
        return self._entered().depth

    def __enter__(self) -> Self:
        """Moves the network to the device and makes it ready for the input it will get.

        Where nobody has said how many pictures make a batch, it is measured here.
        """
        executor = open_executor(
            self._program,
            self._compute,
            self.times,
            runtime=self._runtime,
            shape=self._shape(),
            most=LARGEST if self._measures_batch else self._max_batch,
            folder=self._prepared,
            quantised=self._quantised,
        )
        self._executor = self._opened.enter_context(executor)
        if isinstance(self._geometry, Stretch):
            place = self._geometry.place(self._geometry.width, self._geometry.height)
            if self._measures_batch:
                budget_ms = self._batch_budget_ms
                self._max_batch = measured_batch(self._executor, place, budget_ms=budget_ms)
            elif self.home is not None:
                make_ready(self._executor, place, most=self._max_batch)
            self.times.clear()  # it has not seen a frame yet
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Ends the executor; torch keeps the memory for the next one."""
        self._executor = None
        self._opened.close()

    def submit(self, frames: Sequence[Frame]) -> object:
        """Start on 1 to `max_batch` frames of any sizes; the rest is done beside.

        Frames whose inputs differ in size go through the network apart.

        Raises:
            ValueError: more frames than `max_batch`, or none.
            DeviceError: the device's memory is too small.
        """
        if not 1 <= len(frames) <= self._max_batch:
            raise ValueError(f"submit: expected 1..{self._max_batch} frames, got {len(frames)}")
        placements = [self._geometry.place(frame.width, frame.height) for frame in frames]
        by_size: dict[tuple[int, int], list[int]] = {}
        for index, place in enumerate(placements):
            by_size.setdefault((place.height, place.width), []).append(index)
        groups = [
            self._submit_group([frames[i] for i in rows], [placements[i] for i in rows], rows)
            for rows in by_size.values()
        ]
        return _Ticket(groups)

    def collect(self, ticket: object) -> list[Detections]:
        """The boxes of each frame of a ticket, in the order of `submit`; blocks until known.

        Raises:
            TypeError: `ticket` is not of this detector's making.
        """
        if not isinstance(ticket, _Ticket):
            raise TypeError(f"collect: expected a ticket of submit, got {type(ticket).__name__}")
        found: dict[int, Detections] = {}
        for group in ticket.groups:
            rows = group.pending.wait()  # (B, K, 6)
            with self.times.measure("postprocess", count=0):  # the executor has counted them
                for index, place, boxes in zip(group.indices, group.placements, rows, strict=True):
                    found[index] = self._detections(boxes, place)
        return [found[index] for index in sorted(found)]

    def _submit_group(
        self, frames: list[Frame], placements: list[Placement], indices: list[int]
    ) -> _Group:
        """Queue frames whose inputs are of one size."""
        return _Group(indices, placements, self._entered().submit(frames, placements))

    def _detections(self, rows: NDArray[np.float32], place: Placement) -> Detections:
        """Of (K, 6) rows in cells, best first."""
        score, class_id = rows[:, 4], rows[:, 5].astype(np.int32)
        keep = (score >= self._score_threshold) & self._wanted[class_id]
        xyxy = place.to_frame(rows[keep, :4] * np.float64(self._program.network.stride))
        return Detections(xyxy, score[keep], class_id[keep])

    def _shape(self) -> Shape | None:
        """The inputs' shape, where it is known before the first frame."""
        if not isinstance(self._geometry, Stretch):
            return None
        return self._max_batch, self._geometry.height, self._geometry.width

    def _entered(self) -> Executor:
        if self._executor is None:
            raise RuntimeError("the detector works only inside its `with` block")
        return self._executor


def _check_size(geometry: Geometry, multiple: int) -> None:
    if not isinstance(geometry, Stretch):
        return  # pads to what every network takes
    sides = (geometry.width, geometry.height)
    if any(side % multiple for side in sides):
        near = (max(multiple, round(side / multiple) * multiple) for side in sides)
        raise ValueError(
            f"imgsz: expected sides that are multiples of {multiple} px, got "
            f"{'x'.join(map(str, sides))}; the nearest is {'x'.join(map(str, near))}"
        )


def _told(recipe: Recipe, about: About, name: str, path: Path) -> Recipe:
    """The recipe as the weights themselves say it."""
    if about.architecture != name:
        raise WeightsError(
            f"weights {str(path)!r}: for {about.architecture!r}, expected ones for {name!r}; "
            f"choose the detector {about.architecture!r}"
        )
    return recipe.trained_as(about)


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Frames that went through the network together."""

    indices: list[int]
    placements: list[Placement]
    pending: Pending


@dataclass(frozen=True, slots=True, eq=False)
class _Ticket:
    """The groups of one `submit`."""

    groups: list[_Group]
