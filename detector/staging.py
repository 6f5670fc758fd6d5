"""Pictures as bytes on their way to a device, with a table that says where everything lies.

One buffer goes over in one copy: first the table, a row a picture, then the samples. Behind them
there is room for those that are on the device already.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import accumulate

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detector.colour import IDENTITY, ColourMatrix, colour_matrix
from detector.geometry import Placement
from detector.imported import ImportedPlane
from detector.letterbox import GREY, Letterbox
from streamer.picture import Picture, PlaneArray
from streamer.samples import Samples, samples_of

ALIGNMENT = 16  # bytes; a plane begins at a multiple, as wide loads like it

# A kernel reads this by 32-bit words. Source pixel = input pixel * scale + shift.
ROW = np.dtype(
    [
        ("base", "<i4"),  # ALIGNMENTs from the buffer's first byte to the picture's
        ("start", "<i4", (3,)),  # bytes from there to each component
        ("stride", "<i4", (3,)),  # bytes a row
        ("step", "<i4", (3,)),  # bytes a sample
        ("halving", "<i4", (3,)),  # 1 where two by two pixels share a sample
        ("weights", "<i4", (9,)),  # detector.colour.ColourMatrix
        ("zeros", "<i4", (3,)),
        ("size", "<i4", (2,)),  # of the picture, px, width first
        ("covered", "<i4", (2,)),  # input px that show the picture, from the top left
        ("is_clamped", "<i4"),  # beyond the picture its border goes on; else black
        ("fill", "<i4"),  # grey level of input px that do not show the picture
        ("scale", "<f4", (2,)),
        ("shift", "<f4", (2,)),
    ]
)
WORDS = ROW.itemsize // 4
Table = NDArray[np.void]  # (B,) of ROW


@dataclass(frozen=True, slots=True)
class Sampling:
    """Where the pixels of the network's input are taken from.

    Attributes:
        scale: source px an input px, x first.
        shift: source px of input pixel 0.
        covered: input px that show the picture, width first.
        is_clamped: beyond the picture its border goes on; else it is black.
        fill: grey level of the rest.
    """

    scale: tuple[float, float]
    shift: tuple[float, float]
    covered: tuple[int, int]
    is_clamped: bool = False
    fill: int = 0

    @classmethod
    def of_placement(cls, place: Placement) -> Sampling:
        """As `place.warp` samples."""
        inverse = cv2.invertAffineTransform(place.matrix)  # as warpAffine does it inside
        return cls(
            (float(inverse[0, 0]), float(inverse[1, 1])),
            (float(inverse[0, 2]), float(inverse[1, 2])),
            (place.width, place.height),
        )

    @classmethod
    def of_letterbox(cls, box: Letterbox, *, width: int, height: int) -> Sampling:
        """As `box.draw` samples a picture of `width` x `height` px: pixels are squares."""
        scale = (width / box.width, height / box.height)
        shift = (scale[0] / 2 - 0.5, scale[1] / 2 - 0.5)
        return cls(scale, shift, (box.width, box.height), is_clamped=True, fill=GREY)


@dataclass(frozen=True, slots=True, eq=False)
class Helpers:
    """Threads that copy.

    Attributes:
        pool: of them.
        count: of them.
    """

    pool: Executor
    count: int


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Where everything lies in a buffer.

    Attributes:
        starts: bytes from its first to every plane, by picture.
        host_size: bytes that the host fills: the table and the samples that it has.
        size: bytes in all.
    """

    starts: Sequence[Sequence[int]]
    host_size: int
    size: int


def stored_samples(picture: Picture, taken: Samples | None = None) -> tuple[Samples, ColourMatrix]:
    """What is copied of a picture, and how it becomes blue, green and red.

    Args:
        picture: whose.
        taken: its samples, if they are at hand.
    """
    samples = taken or samples_of(picture)
    if samples.is_yuv:
        matrix = colour_matrix(samples.matrix, is_full_range=samples.is_full_range)
        if matrix is not None:
            return samples, matrix
        samples = Samples.of_bgr(picture.bgr())
    return samples, IDENTITY


def lay_out(pictures: Sequence[Samples]) -> Layout:
    """Room for these: table, planes of the host, planes of the device."""
    sizes = [[_aligned(math.prod(plane.shape)) for plane in each.planes] for each in pictures]
    on_host = [not isinstance(each.planes[0], ImportedPlane) for each in pictures]
    end = _aligned(len(pictures) * ROW.itemsize)
    host_size = end + sum(sum(of) for of, is_host in zip(sizes, on_host, strict=True) if is_host)
    ends = {True: end, False: host_size}
    starts = []
    for of, is_host in zip(sizes, on_host, strict=True):
        starts.append([ends[is_host] + before for before in accumulate(of[:-1], initial=0)])
        ends[is_host] += sum(of)
    return Layout(starts, host_size, ends[False])


def stage(
    pictures: Sequence[tuple[Samples, ColourMatrix]],
    samplings: Sequence[Sampling],
    layout: Layout,
    out: NDArray[np.uint8],
    *,
    helpers: Helpers | None = None,
) -> Table:
    """Write the table and the host's samples from the beginning of `out`.

    Args:
        pictures: as `stored_samples` gives them.
        samplings: one a picture.
        layout: of these pictures.
        out: (n,) contiguous, at least the layout's `host_size`, on a multiple of ALIGNMENT.
        helpers: threads that copy; None where the calling one does.

    Returns:
        The table within `out`.
    """
    table: Table = out[: len(pictures) * ROW.itemsize].view(ROW)
    copies: list[tuple[NDArray[np.uint8], PlaneArray]] = []
    for row, (samples, matrix), sampling, starts in zip(
        table, pictures, samplings, layout.starts, strict=True
    ):
        for plane, start in zip(samples.planes, starts, strict=True):
            if isinstance(plane, np.ndarray):
                copies.append((out[start : start + plane.size].reshape(plane.shape), plane))
        _describe(row, starts, samples)
        row["weights"], row["zeros"] = matrix.weights, matrix.zeros
        row["scale"], row["shift"] = sampling.scale, sampling.shift
        row["covered"] = sampling.covered
        row["is_clamped"], row["fill"] = sampling.is_clamped, sampling.fill
    if helpers is None:
        _copy(copies)
    else:
        shares = [copies[first :: helpers.count] for first in range(helpers.count)]
        for done in [helpers.pool.submit(_copy, share) for share in shares]:
            done.result()
    return table


def fetch(pictures: Sequence[Samples], layout: Layout, staged: Tensor) -> None:
    """Queue, on the current lane, the copies of what lies on the device already.

    Args:
        pictures: those of `layout`; what is on the device is not freed before it is copied.
        layout: where it goes.
        staged: (n,) uint8 on the device, at least the layout's `size`.
    """
    sources, targets = [], []
    for samples, starts in zip(pictures, layout.starts, strict=True):
        for plane, start in zip(samples.planes, starts, strict=True):
            if isinstance(plane, ImportedPlane):
                sources.append(plane.content)
                targets.append(staged[start : start + len(plane.content)])
    if sources:
        torch._foreach_copy_(targets, sources, non_blocking=True)


def _copy(copies: Sequence[tuple[NDArray[np.uint8], PlaneArray]]) -> None:
    for target, plane in copies:
        np.copyto(target, plane)


def _describe(row: np.void, starts: Sequence[int], samples: Samples) -> None:
    begin = starts[0]
    row["base"] = begin // ALIGNMENT
    components = samples.components
    row["start"] = [starts[each.plane] - begin + each.start for each in components]
    row["stride"] = [samples.planes[each.plane].shape[1] for each in components]
    row["step"] = [each.step for each in components]
    row["halving"] = [each.halving for each in components]
    row["size"] = samples.width, samples.height


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
