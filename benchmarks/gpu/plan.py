"""What to measure on a GPU, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from detector.network import PointNetwork, untrained
from detector.recipe import RECIPES, Recipe


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure, and for how long.

    Attributes:
        folder: of the results.
        place: the device.
        network: a key of RECIPES.
        side: of the square input, px.
        sizes: of batches, rising.
        pictures: a folder of real pictures, or None for drawn ones.
        is_quick: an eighth of the time, to rehearse.
        deadline_s: on `time.monotonic`: nothing that takes long is begun after it.
    """

    folder: Path
    place: torch.device
    network: str
    side: int
    sizes: tuple[int, ...]
    pictures: Path | None
    is_quick: bool
    deadline_s: float

    @property
    def frame_size(self) -> tuple[int, int]:
        """Of the cameras' pictures, px."""
        return (1920, 1080) if self.place.type == "cuda" else (320, 180)

    @property
    def recipe(self) -> Recipe:
        """Of the network."""
        return RECIPES[self.network]

    @property
    def half(self) -> torch.dtype:
        """What the network computes in: half precision where there is a GPU."""
        return torch.float16 if self.place.type == "cuda" else torch.float32

    def make(self) -> PointNetwork:
        """The network, with the same random weights at every call: speed asks for no others."""
        return untrained(self.recipe.network, len(self.recipe.class_names))
