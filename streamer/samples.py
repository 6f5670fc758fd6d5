"""The samples of a picture as they are stored, for whoever converts them elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from streamer.picture import UNSPECIFIED, BgrArray, Picture

DlDevice = tuple[int, int]  # as DLPack counts devices: the kind, and which one of it
DL_CUDA = 2  # the kind; DLDeviceType in its header


class Plane(Protocol):
    """Rows of bytes, on the host or elsewhere."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows, and bytes from one to the next."""
        ...


class Exporter(Protocol):
    """Memory that DLPack hands on without a copy, whoever made it.

    Source: the array API standard's data interchange.
    """

    def __dlpack__(self) -> object:
        """A capsule, which keeps the memory; nobody is made to wait for what is written there."""
        ...

    def __dlpack_device__(self) -> DlDevice:
        """Where the memory is."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class DevicePlane:
    """A plane in a device's memory.

    Attributes:
        exporter: gives it as uint8, the rows first.
        shape: rows, and bytes from one to the next.
    """

    exporter: Exporter
    shape: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Component:
    """One of the three numbers of every pixel, somewhere in a plane.

    Attributes:
        plane: index into `Samples.planes`.
        start: bytes from the plane's first to this component's first sample.
        step: bytes from one sample to the next of its row.
        halving: 1 where two by two pixels share a sample, else 0.
    """

    plane: int
    start: int
    step: int
    halving: int


I420_COMPONENTS = (Component(0, 0, 1, 0), Component(1, 0, 1, 1), Component(2, 0, 1, 1))
NV12_COMPONENTS = (Component(0, 0, 1, 0), Component(1, 0, 2, 1), Component(1, 1, 2, 1))
BGR_COMPONENTS = (Component(0, 0, 3, 0), Component(0, 1, 3, 0), Component(0, 2, 3, 0))


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """A picture's samples: YUV 4:2:0 or BGR, 8 bits each.

    Attributes:
        planes: on the host (rows, bytes a row) uint8, read-only, whose rows may lie apart; on a
            device all of them `DevicePlane`s.
        components: y, u, v or blue, green, red.
        width: of the picture, px.
        height: of the picture, px.
        is_yuv: else BGR, and the next two say nothing.
        matrix: ITU-T H.273 code point.
        is_full_range: 0..255 instead of 16..235.
    """

    planes: tuple[Plane, ...]
    components: tuple[Component, Component, Component]
    width: int
    height: int
    is_yuv: bool = False
    matrix: int = UNSPECIFIED
    is_full_range: bool = False

    @classmethod
    def of_bgr(cls, pixels: BgrArray) -> Samples:
        """Of (H, W, 3), without a copy where a row's bytes lie together."""
        height, width = pixels.shape[:2]
        rows: NDArray[np.uint8] = pixels.reshape(height, width * 3)
        return cls((rows,), BGR_COMPONENTS, width, height)


@runtime_checkable
class Stored(Protocol):
    """A picture that may give its samples as they are."""

    def samples(self) -> Samples | None:
        """What is stored, or None where it is no upright 8-bit 4:2:0."""
        ...


def samples_of(picture: Picture) -> Samples:
    """What a picture stores where that can be said, else its pixels as BGR."""
    stored = picture.samples() if isinstance(picture, Stored) else None
    return stored or Samples.of_bgr(picture.bgr())
