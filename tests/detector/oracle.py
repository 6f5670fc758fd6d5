"""The oracle's weights and pictures, and how its detections are compared.

The weights are those for which the published implementation's output is stored in tests/golden:
every convolution drawn from a stream that its key seeds, everything else stored. They are random,
so agreement proves arithmetic, not accuracy.
"""

from __future__ import annotations

import csv
import math
import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from detector.detections import Detections
from streamer.frame import Frame, StreamInfo
from streamer.picture import BgrPicture
from tests.paths import GOLDEN, SHARED

PHOTOGRAPH = SHARED / "oracle" / "24274813513_0cfd2ce6d0_k.jpg"

MODES = {  # of the published run: --imgsz, --flip-test
    "fix512": ("512", False),
    "fix512_flip": ("512", True),
    "fix416x320": ("416x320", False),
    "keep": ("native", False),
    "keep_flip": ("native", True),
}
LOGIT_TOLERANCE = 1e-3
BOX_TOLERANCE = 3e-3  # cells
# Where sums run in another order than the published run's, as a share of a head's standard
# deviation. The published arrays themselves lie up to 6e-5 of it from the same network in float64.
ROUNDING = 3e-4
PIXEL_TOLERANCE = 0.05
SCORE_TOLERANCE = 1e-4


def published_shapes() -> dict[str, list[int]]:
    """The published checkpoint's keys with their shapes."""
    with (GOLDEN / "hardnet85_keys.tsv").open(newline="") as table:
        return {
            row["key"]: [int(side) for side in row["shape"].strip("[]").split(",") if side.strip()]
            for row in csv.DictReader(table, delimiter="\t")
        }


def state_dict() -> dict[str, torch.Tensor]:
    """The oracle's weights under the published keys; takes about a second."""
    return dict(_tensors())


def save_checkpoint(path: Path) -> Path:
    """Writes the oracle's weights in the published form, 150 MB; returns `path`."""
    torch.save({"epoch": 300, "state_dict": state_dict()}, path)
    return path


def blocks() -> NDArray[np.uint8]:
    """The oracle's picture that needs no file, (375, 600, 3) BGR."""
    colours = np.random.RandomState(7).randint(0, 256, (24, 40, 3)).astype(np.uint8)
    return np.kron(colours, np.ones((16, 16, 1), np.uint8))[:375, :600].copy()


def photograph() -> NDArray[np.uint8]:
    """The oracle's photograph, (600, 899, 3) BGR."""
    pixels = cv2.imread(str(PHOTOGRAPH), cv2.IMREAD_COLOR)
    return np.asarray(pixels, np.uint8)


def frame_of(pixels: NDArray[np.uint8], index: int = 0) -> Frame:
    """A frame with these pixels."""
    height, width = pixels.shape[:2]
    stream = StreamInfo("oracle", "oracle", width, height, Fraction(1, 25), kind="images")
    return Frame(stream, index, index, Fraction(1, 25), 0, BgrPicture(pixels.copy()))


def assert_same_detections(found: Detections, results: NDArray[np.float32]) -> None:
    """Every expected row has a partner of its class within tolerance, and the other way round.

    Rows are matched, not compared in order: neighbouring scores can differ by 4e-7.

    Args:
        found: all of them, none left out by a threshold.
        results: (N, 6) x1, y1, x2, y2 px, score, class from 0 or 1 as the oracle has it.
    """
    ours = np.column_stack([found.xyxy, found.score, found.class_id])
    assert len(ours) == len(results)
    scale = np.array([PIXEL_TOLERANCE] * 4 + [SCORE_TOLERANCE, 0.5])
    distance = np.abs(ours[:, None] - results[None]) / scale  # (N, N, 6)
    is_match = (distance <= 1).all(axis=2)
    assert is_match.any(axis=0).all(), f"not found: {results[~is_match.any(axis=0)]}"
    assert is_match.any(axis=1).all(), f"not expected: {ours[~is_match.any(axis=1)]}"


def _tensors() -> Iterator[tuple[str, torch.Tensor]]:
    with np.load(GOLDEN / "oracle_small.npz") as stored:
        for key, shape in published_shapes().items():
            if key in stored:
                yield key, torch.from_numpy(stored[key]).reshape(shape)
            elif key.endswith("num_batches_tracked"):
                yield key, torch.zeros((), dtype=torch.int64)
            else:
                yield key, torch.from_numpy(_convolution(key, shape))


def _convolution(key: str, shape: list[int]) -> NDArray[np.float32]:
    """He-normal weights from the key's own stream; the legacy generator never changes."""
    stream = np.random.RandomState(zlib.crc32(key.encode()))
    spread = math.sqrt(2 / math.prod(shape[1:]))
    return (stream.standard_normal(shape) * spread).astype(np.float32)
