"""One labelled picture as the network sees it today: elsewhere, larger, mirrored, tinted."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from detector.detections import BoxesXyxy, ClassIds, Scores
from streamer.picture import BgrArray
from train.augment.colour import ColourDraw, recolour
from train.augment.config import ColourConfig
from train.starter.fuse import area
from train.starter.labels import Label

LEAST_SEEN = 0.4  # of a box's area, for it to be an object still


@dataclass(frozen=True, slots=True)
class ViewConfig:
    """How far a view may be from the picture.

    Attributes:
        zoom: at most, in and out; 1.5 shows two thirds of a side, or all of it with a black border.
        ratio: at most, of the zoom along one axis to the other.
        flip: share of views with left and right exchanged.
        colour: as in training from labels.
    """

    zoom: float = 1.5
    ratio: float = 1.2
    flip: float = 0.5
    colour: ColourConfig = ColourConfig(strength=0.25, lighting=0.05)  # noqa: RUF009 - it is frozen


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """An input and what is on it.

    Attributes:
        picture: (H, W, 3) uint8, not normalised.
        xyxy: (N, 4) float32, px of the input, cut to it.
        score: (N,) float32.
        class_id: (N,) int32.
    """

    picture: BgrArray
    xyxy: BoxesXyxy
    score: Scores
    class_id: ClassIds


def view(
    picture: BgrArray,
    label: Label,
    size: tuple[int, int],
    rng: np.random.Generator,
    config: ViewConfig,
) -> Seen:
    """A new view, stretched to `size` (width, height) px as the detector does, and then moved."""
    width, height = size
    matrix = _matrix(picture.shape[1], picture.shape[0], size, rng, config)
    seen = cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_LINEAR)
    corners = label.xyxy.reshape(-1, 2, 2) * matrix.diagonal() + matrix[:, 2]
    whole = np.concatenate([corners.min(1), corners.max(1)], 1).astype(np.float32)
    cut = np.clip(whole, 0, np.array([width, height] * 2, np.float32))
    share = area(cut) / np.maximum(area(whole), 1e-6)
    keep = (share >= LEAST_SEEN) & (cut[:, 2:] - cut[:, :2] >= 1).all(1)
    tinted = recolour(np.asarray(seen, np.uint8), ColourDraw.draw(rng, config.colour))
    return Seen(tinted, cut[keep], label.score[keep], label.class_id[keep])


def _matrix(
    width: int,
    height: int,
    size: tuple[int, int],
    rng: np.random.Generator,
    config: ViewConfig,
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Picture to input, (2, 3); a mirrored one has a negative first element."""
    zoom = config.zoom ** rng.uniform(-1, 1)
    tall = config.ratio ** rng.uniform(-0.5, 0.5)
    scale = np.array([size[0] / width * zoom * tall, size[1] / height * zoom / tall])
    # Zoomed out, the picture lies anywhere within the input; zoomed in, the input within it.
    free = np.array(size) - scale * (width, height)
    shift = free * rng.uniform(0, 1, 2)
    if rng.uniform() < config.flip:
        shift[0], scale[0] = shift[0] + scale[0] * width, -scale[0]
    return np.column_stack([np.diag(scale), shift])
