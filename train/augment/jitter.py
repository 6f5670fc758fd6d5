"""Large-scale jitter: one picture far smaller or larger, its aspect kept.

Source: Ghiasi et al. 2021, Simple Copy-Paste is a Strong Data Augmentation Method, section 3.
"""

from __future__ import annotations

import numpy as np

from train.augment.config import JitterConfig
from train.augment.warp import Warp, affine


def draw_jitter(
    rng: np.random.Generator,
    config: JitterConfig,
    flip: float,
    source_wh: tuple[int, int],
    output_wh: tuple[int, int],
) -> Warp:
    """Where a picture goes: anywhere inside the output where it is smaller, cut where larger.

    Args:
        rng: drawn from 4 times.
        config: the range of scales.
        flip: probability of a mirrored picture.
        source_wh: of the picture, px.
        output_wh: of the network's input, px.
    """
    fitting = min(output_wh[0] / source_wh[0], output_wh[1] / source_wh[1])
    scale = fitting * rng.uniform(config.smallest, config.largest)
    size = (source_wh[0] * scale, source_wh[1] * scale)
    is_flipped = bool(rng.random() < flip)
    reach = [abs(output_wh[axis] - size[axis]) / 2 for axis in range(2)]
    x, y = (output_wh[axis] / 2 + rng.uniform(-1, 1) * reach[axis] for axis in range(2))
    return Warp(affine(source_wh, size, (x, y)), *output_wh, is_flipped)
