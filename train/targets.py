"""What the network should say of a picture: heatmap peaks, and box size and offset around them.

Only cells that are not zero are kept, as (cell, value) pairs: a heatmap of 80 classes is 5 MB a
picture, and the few thousand cells that matter cross process and device borders for nothing.

Source: Zhou et al. 2019, Objects as Points, section 3 ("sparse": a box is learnt at its centre's
cell). The published CenterNet-HarDNet learns it in a narrow Gaussian around ("dense").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from train.radius import RADII, RadiusRule
from train.sample import Sample

Regression = Literal["dense", "sparse"]
Map = NDArray[np.float32]

_EPSILON = float(np.finfo(np.float64).eps)  # below this share of its peak a Gaussian is zero


@dataclass(frozen=True, slots=True)
class TargetsConfig:
    """What a picture is turned into.

    Attributes:
        regression: where boxes are learnt: "dense" as CenterNet-HarDNet, "sparse" as CenterNet.
        radius: of a heatmap peak: "published", or "corrected" as the formula was meant.
        min_overlap: in 0..1; the overlap that `radius` keeps.
        max_objects: of a picture; the first ones count.
        learns_crowds: whether boxes that stand for many objects are learnt, as published.
    """

    regression: Regression = "dense"
    radius: RadiusRule = "published"
    min_overlap: float = 0.7
    max_objects: int = 128
    learns_crowds: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.min_overlap < 1:
            raise ValueError(f"min_overlap: expected a number in 0..1, got {self.min_overlap!r}")
        if self.max_objects < 1:
            raise ValueError(f"max_objects: expected at least 1, got {self.max_objects!r}")


class PictureTargets(NamedTuple):
    """Of one picture, (C, h, w) cells; boxes as width, height, offset x, offset y in cells.

    Attributes:
        heat_at: (n,) int64, flat into (C, h, w): heatmap cells that are not zero, each once.
        heat: (n,) float32 in 0..1; exactly 1 at a centre.
        box_at: (m,) int64, flat into (h, w): cells where a box is learnt.
        box: (m, 4) float32; the offset is from the cell to the centre.
        box_weight: (m,) float32, positive.
        centre_at: (k,) int64, flat into (C, h, w): the cell of every object's centre.
        centre_box: (k, 4) float32: the objects themselves, seen from that cell.
    """

    heat_at: NDArray[np.int64]
    heat: Map
    box_at: NDArray[np.int64]
    box: Map
    box_weight: Map
    centre_at: NDArray[np.int64]
    centre_box: Map


def encode(sample: Sample, classes: int, stride: int, config: TargetsConfig) -> PictureTargets:
    """The targets of a sample that is as large as the network's input.

    Args:
        sample: its sides are multiples of `stride`.
        classes: C.
        stride: input px a cell.
        config: how.
    """
    h, w = sample.height // stride, sample.width // stride
    rows = np.arange(len(sample)) < config.max_objects
    if not config.learns_crowds:
        rows &= ~sample.is_crowd
    objects = _OBJECTS[config.regression](sample.select(rows), stride, h, w)
    canvas = _CANVASES[config.regression](h, w)
    heat = _Heat(h, w, config)
    for item in objects:
        heat.draw(item)
        canvas.draw(item)
    heat_at, heat_values = heat.cells()
    box_at, box, box_weight = canvas.cells()
    centre_at = np.array([(o.class_id * h + o.y) * w + o.x for o in objects], np.int64)
    centre_box = np.array([o.box for o in objects], np.float32).reshape(-1, 4)
    assert not len(heat_at) or int(heat_at[-1]) < classes * h * w, "a class id beyond the classes"
    return PictureTargets(heat_at, heat_values, box_at, box, box_weight, centre_at, centre_box)


class _Object(NamedTuple):
    """What is learnt of one box: its class, the cell its centre lies in, and the box from there."""

    class_id: int
    x: int
    y: int
    box: tuple[float, float, float, float]  # width, height, offset x, offset y; cells


def _visible_objects(sample: Sample, stride: int, h: int, w: int) -> list[_Object]:
    """Boxes of visible parts, unless little of a small one is left.

    Source: the published CenterNet-HarDNet's rule: more than 2 cells, or more than half of it.
    """
    limits = np.array([w, h, w, h], np.float32)
    seen = np.clip(sample.visible() / np.float32(stride), 0, limits)
    whole = _sides(sample.boxes_xyxy / np.float32(stride))
    sides = _sides(seen)
    kept = ((sides > 2) | (sides / (whole + np.float32(0.01)) > 0.5)).all(axis=1)
    return _objects(seen[kept], sample.class_id[kept])


def _clipped_objects(sample: Sample, stride: int, h: int, w: int) -> list[_Object]:
    """Boxes cut to the last cell's index, if anything is left."""
    limits = np.array([w - 1, h - 1, w - 1, h - 1], np.float32)
    boxes = np.clip(sample.boxes_xyxy / np.float32(stride), 0, limits)
    kept = (_sides(boxes) > 0).all(axis=1)
    return _objects(boxes[kept], sample.class_id[kept])


def _sides(boxes: Map) -> Map:
    return boxes[:, 2:] - boxes[:, :2]


def _objects(boxes: Map, class_id: NDArray[np.int32]) -> list[_Object]:
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    cells = centres.astype(np.int32)
    columns = np.concatenate([_sides(boxes), centres - cells], axis=1)
    return [
        _Object(int(kind), int(x), int(y), (float(bw), float(bh), float(ox), float(oy)))
        for kind, (x, y), (bw, bh, ox, oy) in zip(class_id, cells, columns, strict=True)
    ]


class _Heat:
    """Heatmaps of the classes that appear."""

    def __init__(self, h: int, w: int, config: TargetsConfig) -> None:
        self._shape = (h, w)
        self._radius = RADII[config.radius]
        self._min_overlap = config.min_overlap
        self._maps: dict[int, Map] = {}

    def draw(self, item: _Object) -> None:
        """A Gaussian with 1 at the centre's cell; where peaks meet the higher one counts."""
        bw, bh = (float(np.ceil(side)) for side in item.box[:2])
        radius = max(0, int(self._radius(bw, bh, self._min_overlap)))
        peak = _gaussian(radius, (2 * radius + 1) / 6)
        target = self._maps.setdefault(item.class_id, np.zeros(self._shape, np.float32))
        inside, part = _overlap(item, radius, self._shape)
        target[inside] = np.maximum(target[inside], peak[part])

    def cells(self) -> tuple[NDArray[np.int64], Map]:
        """Flat places and values, rising."""
        h, w = self._shape
        at, values = [np.empty(0, np.int64)], [np.empty(0, np.float32)]
        for kind in sorted(self._maps):
            flat = self._maps[kind].ravel()
            cells = np.flatnonzero(flat)
            at.append(kind * h * w + cells)
            values.append(flat[cells])
        return np.concatenate(at), np.concatenate(values)


class _Canvas(Protocol):
    """Collects where boxes are learnt."""

    def draw(self, item: _Object) -> None: ...

    def cells(self) -> tuple[NDArray[np.int64], Map, Map]:
        """As PictureTargets has `box_at`, `box` and `box_weight`."""
        ...


class _DenseCanvas:
    """A box is learnt all over a narrow Gaussian whose weights sum to 1.

    Source: the published CenterNet-HarDNet. Where objects meet the greater weight wins, and of
    equal ones the later; what lies outside the map is lost and not made up for.
    """

    def __init__(self, h: int, w: int) -> None:
        self._weight = np.zeros((h, w), np.float32)
        self._box = np.zeros((h, w, 4), np.float32)

    def draw(self, item: _Object) -> None:
        bw, bh, offset_x, offset_y = item.box
        # The published radius whatever the heatmap has: the patch only says how many see the box.
        radius = max(0, int(RADII["published"](float(np.ceil(bw)), float(np.ceil(bh)), 0.7)))
        patch = _gaussian(radius, (2 * radius + 1) / 24)
        patch = patch / patch.sum()
        inside, part = _overlap(item, radius, self._weight.shape)
        steps = np.arange(-radius, radius + 1, dtype=np.float32)
        box = np.empty((*patch.shape, 4), np.float32)
        box[..., :2] = bw, bh
        box[..., 2] = offset_x - steps[None, :]
        box[..., 3] = offset_y - steps[:, None]
        weight = patch[part].astype(np.float32)
        wins = weight >= self._weight[inside]
        self._weight[inside][wins] = weight[wins]
        self._box[inside][wins] = box[part][wins]

    def cells(self) -> tuple[NDArray[np.int64], Map, Map]:
        weight = self._weight.ravel()
        at = np.flatnonzero(weight)
        return at, self._box.reshape(-1, 4)[at], weight[at]


class _SparseCanvas:
    """A box is learnt at its centre's cell alone; objects that share a cell are both learnt."""

    def __init__(self, h: int, w: int) -> None:
        del h  # the same arguments for every canvas
        self._w = w
        self._at: list[int] = []
        self._box: list[tuple[float, float, float, float]] = []

    def draw(self, item: _Object) -> None:
        self._at.append(item.y * self._w + item.x)
        self._box.append(item.box)

    def cells(self) -> tuple[NDArray[np.int64], Map, Map]:
        box = np.array(self._box, np.float32).reshape(-1, 4)
        return np.array(self._at, np.int64), box, np.ones(len(box), np.float32)


def _gaussian(radius: int, sigma: float) -> NDArray[np.float64]:
    """(2 radius + 1) squared cells around a 1; exactly 0 where too small to matter."""
    squares = np.arange(-radius, radius + 1, dtype=np.float64) ** 2
    # Not a product of two lines: cells equally far away must have equal weights, to the last bit.
    patch: NDArray[np.float64] = np.exp(-(squares[:, None] + squares) / (2 * sigma**2))
    patch[patch < _EPSILON * patch.max()] = 0
    return patch


def _overlap(
    item: _Object, radius: int, shape: tuple[int, ...]
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """A patch's part inside the map: as rows and columns of the map, and of the patch."""
    h, w = shape
    left, right = min(item.x, radius), min(w - item.x, radius + 1)
    top, bottom = min(item.y, radius), min(h - item.y, radius + 1)
    inside = slice(item.y - top, item.y + bottom), slice(item.x - left, item.x + right)
    part = slice(radius - top, radius + bottom), slice(radius - left, radius + right)
    return inside, part


_OBJECTS = MappingProxyType({"dense": _visible_objects, "sparse": _clipped_objects})
_CANVASES: Mapping[str, Callable[[int, int], _Canvas]] = MappingProxyType(
    {"dense": _DenseCanvas, "sparse": _SparseCanvas}
)
