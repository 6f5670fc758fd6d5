"""All augmentations in a row, and the plain stretch for validation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from train.augment.colour import ColourDraw, recolour
from train.augment.config import AugmentConfig
from train.augment.copy_paste import copy_paste
from train.augment.jitter import draw_jitter
from train.augment.mixup import mixup
from train.augment.mosaic import mosaic
from train.augment.published import draw_warp
from train.augment.source import read_with_warp
from train.augment.warp import Warp, affine
from train.sample import Sample, Samples


class Augment:
    """Gives every sample another look at each call; without state, so any process may.

    Args:
        config: what is done, and how strongly.
        width: of the network's input, px.
        height: likewise.
    """

    def __init__(self, config: AugmentConfig, *, width: int, height: int) -> None:
        self._config = config
        self._wh = (width, height)

    def __call__(self, index: int, samples: Samples, rng: np.random.Generator) -> Sample:
        """The sample at `index` in the network's input.

        What is switched off draws nothing, so that the published chain draws as published.

        Raises:
            SampleError: it, or one that is mixed into it, cannot be read.
        """
        config = self._config
        sample = self._composed(index, samples, rng)
        if _happens(config.copy_paste.probability, rng):
            donor = self._placed(int(rng.integers(len(samples))), samples, rng)
            sample = copy_paste(sample, donor, rng, config.copy_paste)
        if _happens(config.mixup.probability, rng):
            other = self._composed(int(rng.integers(len(samples))), samples, rng)
            sample = mixup(sample, other, rng, config.mixup)
        if not config.colour.strength and not config.colour.lighting:
            return sample
        draw = ColourDraw.draw(rng, config.colour)
        return replace(sample, picture=recolour(sample.picture, draw))

    def _composed(self, index: int, samples: Samples, rng: np.random.Generator) -> Sample:
        if _happens(self._config.mosaic.probability, rng):
            return mosaic(index, samples, rng, self._config, self._wh)
        return self._placed(index, samples, rng)

    def _placed(self, index: int, samples: Samples, rng: np.random.Generator) -> Sample:
        config = self._config

        def draw(source_wh: tuple[int, int]) -> Warp:
            if _happens(config.jitter.probability, rng):
                flip = config.placement.flip
                return draw_jitter(rng, config.jitter, flip, source_wh, self._wh)
            return draw_warp(rng, config.placement, source_wh, self._wh)

        sample, warp = read_with_warp(index, samples, draw, is_exact=config.is_exact)
        return warp(sample)


class Stretched:
    """Stretches every picture to the network's input, as for validation.

    Args:
        width: of the input, px.
        height: likewise.
    """

    def __init__(self, *, width: int, height: int) -> None:
        self._wh = (width, height)

    def __call__(
        self,
        index: int,
        samples: Samples,
        rng: np.random.Generator,  # noqa: ARG002 - so that it can stand in for Augment
    ) -> Sample:
        """The sample at `index` in the network's input.

        Raises:
            SampleError: it cannot be read.
        """
        sample = samples.read(index)
        middle = (self._wh[0] / 2, self._wh[1] / 2)
        return Warp(affine((sample.width, sample.height), self._wh, middle), *self._wh)(sample)


def _happens(probability: float, rng: np.random.Generator) -> bool:
    return probability > 0 and bool(rng.random() < probability)
