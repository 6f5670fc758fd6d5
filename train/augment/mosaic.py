"""Four pictures around a point, none cut by another.

Where four pictures share the input, cutting each to its quarter cuts objects at seams that real
pictures do not have. Here each keeps its whole extent on an endless canvas, of which the input
shows a part; so only the input's border cuts, as it does for one picture.

Source: Bochkovskiy et al. 2020, YOLOv4, section 3.3; the endless canvas is ours.
"""

from __future__ import annotations

import numpy as np

from train.augment.config import AugmentConfig
from train.augment.published import draw_size
from train.augment.source import read_with_warp
from train.augment.warp import Warp, affine
from train.sample import Sample, Samples, joined

# Which way from the shared point each picture lies: x, y.
_SIDES = ((-1, -1), (1, -1), (-1, 1), (1, 1))


def mosaic(
    index: int,
    samples: Samples,
    rng: np.random.Generator,
    config: AugmentConfig,
    output_wh: tuple[int, int],
) -> Sample:
    """The sample at `index` and three others by chance, each in its corner of the output.

    Raises:
        SampleError: one of them cannot be read.
    """
    width, height = output_wh
    x, y = (rng.uniform(config.mosaic.centre, 1 - config.mosaic.centre) for _ in range(2))
    point = (x * width, y * height)
    canvas = np.zeros((height, width, 3), np.uint8)
    parts = []
    for side, each in zip(_SIDES, [index, *rng.integers(len(samples), size=3)], strict=True):

        def draw(source_wh: tuple[int, int], side: tuple[int, int] = side) -> Warp:
            return _draw_warp(rng, config, source_wh, output_wh, point, side)

        sample, warp = read_with_warp(int(each), samples, draw, is_exact=config.is_exact)
        warp.paint(sample.picture, canvas)
        parts.append(warp.labels(sample, canvas))
    return joined(canvas, parts)


def _draw_warp(
    rng: np.random.Generator,
    config: AugmentConfig,
    source_wh: tuple[int, int],
    output_wh: tuple[int, int],
    point: tuple[float, float],
    side: tuple[int, int],
) -> Warp:
    """A warp that puts one corner of the picture on the point."""
    size = draw_size(rng, config.mosaic.scales, config.placement.distortion, source_wh, output_wh)
    is_flipped = bool(rng.random() < config.placement.flip)
    centre = (point[0] + side[0] * size[0] / 2, point[1] + side[1] * size[1] / 2)
    return Warp(affine(source_wh, size, centre), *output_wh, is_flipped)
