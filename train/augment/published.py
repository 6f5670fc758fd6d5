"""Random size, aspect, place and mirroring of one picture, as the published code draws them.

Source: the published CenterNet-HarDNet, its data set's training branch; the draws come in its
order.
"""

from __future__ import annotations

import numpy as np

from train.augment.config import PlacementConfig
from train.augment.warp import Warp, affine


def draw_warp(
    rng: np.random.Generator,
    config: PlacementConfig,
    source_wh: tuple[int, int],
    output_wh: tuple[int, int],
) -> Warp:
    """Where a picture goes, by chance.

    Args:
        rng: drawn from 5 times, 6 with rotation.
        config: the ranges.
        source_wh: of the picture, px.
        output_wh: of the network's input, px.
    """
    width, height = draw_size(rng, config.scales, config.distortion, source_wh, output_wh)
    is_flipped = bool(rng.random() < config.flip)
    angle = (rng.random() * 2 - 1) * config.rotate_deg if config.rotate_deg else 0.0
    reach_x = max((width - output_wh[0]) / 2, output_wh[0] * config.shift)
    reach_y = max((height - output_wh[1]) / 2, output_wh[1] * config.shift)
    x = output_wh[0] / 2 + (rng.random() * 2 - 1) * reach_x
    y = output_wh[1] / 2 + (rng.random() * 2 - 1) * reach_y
    return Warp(affine(source_wh, (width, height), (x, y), angle), *output_wh, is_flipped)


def draw_size(
    rng: np.random.Generator,
    scales: tuple[float, ...],
    distortion: float,
    source_wh: tuple[int, int],
    output_wh: tuple[int, int],
) -> tuple[float, float]:
    """Width and height in px for a picture: the short side by scale, the long one distorted too."""
    short = float(rng.choice(scales)) * min(output_wh)
    stretch = rng.random() * distortion * 2 - distortion + 1
    width, height = source_wh
    if height > width:
        return short, short * (height / width) * stretch
    return short * (width / height) * stretch, short
