"""What the maker of a scene knows to be in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """The objects of one drawn frame; parallel, read-only columns.

    Attributes:
        xyxy: (N, 4) float32, px of the frame, the whole object, hidden parts too, clipped to the
            picture.
        label: N names, such as "person".
        object_id: (N,) int64, the same object keeps its number over time.
        visible: (N,) float32 in 0..1, the share of the object's own pixels that is on the picture
            and not behind another.
    """

    xyxy: NDArray[np.float32]
    label: tuple[str, ...]
    object_id: NDArray[np.int64]
    visible: NDArray[np.float32]

    def __post_init__(self) -> None:
        for column in (self.xyxy, self.object_id, self.visible):
            column.setflags(write=False)

    def __len__(self) -> int:
        return len(self.label)
