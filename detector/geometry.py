"""How a picture lies in the network's input, and how boxes come back.

Both sides count pixels by index: 0 is the centre of the first one. There is no half-pixel term.

Source: the published CenterNet-HarDNet, whose two test geometries these are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.detections import BoxesXyxy
from streamer.picture import BgrArray

SMALLEST_PX = 32  # the deepest map is a 32nd of the input and needs one cell
LARGEST_PX = 8192  # a typing error should not ask for a terabyte


@dataclass(frozen=True, slots=True)
class Placement:
    """Where one picture lies in the network's input: x_input = x_frame * scale_x + shift_x.

    Attributes:
        width: of the network's input, px.
        height: of the network's input, px.
        scale_x: input px a frame px.
        scale_y: input px a frame px.
        shift_x: input px.
        shift_y: input px.
    """

    width: int
    height: int
    scale_x: float
    scale_y: float
    shift_x: float
    shift_y: float

    @property
    def matrix(self) -> NDArray[np.float64]:
        """Frame to input, (2, 3)."""
        return np.array([[self.scale_x, 0, self.shift_x], [0, self.scale_y, self.shift_y]])

    def warp(self, pixels: BgrArray) -> BgrArray:
        """The network's input, (height, width, 3) uint8: bilinear samples, black outside."""
        size = (self.width, self.height)
        warped: BgrArray = cv2.warpAffine(pixels, self.matrix, size, flags=cv2.INTER_LINEAR)
        return warped

    def to_frame(self, xyxy_input: NDArray[np.floating]) -> BoxesXyxy:
        """Boxes (N, 4) from input to frame pixels; not clipped."""
        scale = np.array([self.scale_x, self.scale_y] * 2)
        shift = np.array([self.shift_x, self.shift_y] * 2)
        xyxy: BoxesXyxy = ((xyxy_input - shift) / scale).astype(np.float32)
        return xyxy


class Geometry(Protocol):
    """Chooses the network's input for a picture."""

    def place(self, width: int, height: int) -> Placement:
        """For a frame of `width` x `height` px."""
        ...


@dataclass(frozen=True, slots=True)
class Stretch:
    """Every picture fills the same input, each axis scaled for itself.

    Attributes:
        width: of the input, px.
        height: of the input, px.

    Raises:
        ValueError: a side is not in SMALLEST_PX..LARGEST_PX.
    """

    width: int
    height: int

    def __post_init__(self) -> None:
        sides = (self.width, self.height)
        if min(sides) < SMALLEST_PX or max(sides) > LARGEST_PX:
            raise ValueError(
                f"imgsz: expected sides of {SMALLEST_PX}..{LARGEST_PX} px, "
                f"got {self.width}x{self.height}"
            )

    def place(self, width: int, height: int) -> Placement:
        """For a frame of `width` x `height` px."""
        return Placement(
            self.width, self.height, self.width / width, self.height / height, 0.0, 0.0
        )


@dataclass(frozen=True, slots=True)
class Native:
    """Every picture keeps its own size and lies in the middle of black, 1 to 32 px wider."""

    def place(self, width: int, height: int) -> Placement:
        """For a frame of `width` x `height` px."""
        padded_width, padded_height = (width | 31) + 1, (height | 31) + 1
        shift_x = padded_width // 2 - width // 2  # odd sizes: one px more on the far side
        shift_y = padded_height // 2 - height // 2
        return Placement(padded_width, padded_height, 1.0, 1.0, float(shift_x), float(shift_y))


def parse_imgsz(text: str) -> Geometry:
    """The geometry that `text` names: "512", "416x320" (width first) or "native".

    Raises:
        ValueError: it names none, or a side is not in SMALLEST_PX..LARGEST_PX.

    >>> parse_imgsz("416x320")
    Stretch(width=416, height=320)
    """
    if text == "native":
        return Native()
    found = re.fullmatch(r"([0-9]{1,6})(?:x([0-9]{1,6}))?", text)
    if found is None:
        raise ValueError(f"imgsz: expected 512, WIDTHxHEIGHT or native, got {text!r}")
    width, height = found.group(1), found.group(2) or found.group(1)
    return Stretch(int(width), int(height))
