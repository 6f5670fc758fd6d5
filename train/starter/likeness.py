"""Telling pictures that are the same photograph, whatever their size, file format or mirror.

Source: difference hashing: 64 signs of brightness falling from left to right on an 8 x 9 thumbnail.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.picture import BgrArray

ALIKE = 8  # of 64 signs that may differ; other photographs differ in 32 on average


def signs(picture: BgrArray) -> NDArray[np.bool_]:
    """(64,) of a BGR picture."""
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (9, 8), interpolation=cv2.INTER_AREA).astype(np.int16)
    return np.asarray(small[:, 1:] < small[:, :-1]).reshape(-1)


class HeldOut:
    """Pictures that no training may see."""

    def __init__(self, pictures: Iterable[BgrArray]) -> None:
        seen = [signs(each) for picture in pictures for each in (picture, picture[:, ::-1])]
        self._signs = np.array(seen, bool).reshape(-1, 64)

    def __contains__(self, picture: BgrArray) -> bool:
        """Whether this looks like one of them."""
        return self.nearest(picture) <= ALIKE

    def nearest(self, picture: BgrArray) -> int:
        """Signs that differ from the one most alike; 64 where there is none."""
        differing = (self._signs != signs(picture)).sum(1)
        return int(differing.min(initial=64))
