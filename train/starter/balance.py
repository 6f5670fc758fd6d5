"""How often each picture is shown: more often where something rare is on it.

Source: Gupta et al. 2019, LVIS, section 5.2 (repeat factor sampling).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from train.starter.labels import Label

SURE = 0.4  # a box at least so sure counts as seen
MOST = 4.0  # times as often as a picture of nothing rare


def shares(labels: Sequence[Label], *, classes: int, common: float) -> NDArray[np.float64]:
    """Of each picture among those shown, (N,), in sum 1.

    Args:
        labels: at least one.
        classes: how many there are.
        common: in 0..1; a class on a smaller share of the pictures is rare.
    """
    present = np.zeros((len(labels), classes), bool)
    for row, label in zip(present, labels, strict=True):
        row[label.class_id[label.score >= SURE]] = True
    rarity = np.sqrt(common / np.maximum(present.mean(0), 1 / len(labels)))
    weight = np.where(present, rarity, 1).max(1).clip(1, MOST)
    return np.asarray(weight / weight.sum())
