"""A picture read no larger than its place in the output needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import numpy as np

from train.augment.warp import Warp
from train.data.picture import Reduction
from train.sample import Sample, Samples

DrawWarp = Callable[[tuple[int, int]], Warp]  # by the picture's width and height

_REDUCTIONS: tuple[Reduction, ...] = (8, 4, 2)


@runtime_checkable
class ReducibleSamples(Samples, Protocol):
    """Samples whose size is known beforehand, and which can be read smaller than they are."""

    def picture_size(self, index: int) -> tuple[int, int] | None:
        """Width and height, px, or None where unknown."""
        ...

    def read(self, index: int, reduction: Reduction = 1) -> Sample:
        """The sample, that many times smaller."""
        ...


def read_with_warp(
    index: int, samples: Samples, draw: DrawWarp, *, is_exact: bool
) -> tuple[Sample, Warp]:
    """The sample at `index`, and its warp as drawn.

    Args:
        index: of the sample.
        samples: where it is.
        draw: called once with the picture's whole size.
        is_exact: read it whole even where it is to be small.

    Raises:
        SampleError: the sample cannot be read.
    """
    size = None
    if not is_exact and isinstance(samples, ReducibleSamples):
        size = samples.picture_size(index)
    if size is None:
        sample = samples.read(index)
        return sample, draw((sample.width, sample.height))
    warp = draw(size)
    reduction = _reduction(warp)
    assert isinstance(samples, ReducibleSamples)
    return samples.read(index, reduction), warp.reduced(reduction)


def _reduction(warp: Warp) -> Reduction:
    """The largest that still leaves a source pixel or more for each output pixel."""
    scale = float(np.abs(warp.matrix[:, :2]).max())
    return next((each for each in _REDUCTIONS if each * scale <= 1), 1)
