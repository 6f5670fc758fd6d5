"""Which picture comes when: one order an epoch, dealt out to the processes that train together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Place(NamedTuple):
    """One sample of one epoch; what it will look like follows from this and the seed alone."""

    epoch: int
    sample: int


@dataclass(frozen=True, slots=True)
class Order:
    """How the indices of a data set become batches.

    All processes go through the same order; batch k of process r is part r of the k-th stretch of
    batch * world samples. So two processes with batches of b see what one with 2 b sees.

    Attributes:
        count: of samples.
        batch: samples a batch, of one process.
        seed: of the orders.
        rank: of this process.
        world: number of processes.
        is_shuffled: another order every epoch; else that of the data set.
        is_dropping_last: leave a last stretch that is not full out; else its batches are smaller,
            and the last processes may have one less.

    Raises:
        ValueError: a number is out of range, or not one batch can be had.
    """

    count: int
    batch: int
    seed: int = 0
    rank: int = 0
    world: int = 1
    is_shuffled: bool = True
    is_dropping_last: bool = True

    def __post_init__(self) -> None:
        if self.batch < 1 or not 0 <= self.rank < self.world:
            raise ValueError(
                f"expected a batch of 1 or more and a rank below {self.world}, "
                f"got {self.batch} and {self.rank}"
            )
        if self.is_dropping_last and self.count < self.batch * self.world:
            raise ValueError(
                f"batch: {self.count} pictures do not fill one batch of "
                f"{self.batch} x {self.world} processes"
            )

    def __len__(self) -> int:
        """Batches an epoch, of this process."""
        full, rest = divmod(self.count, self.batch * self.world)
        has_more = not self.is_dropping_last and rest > self.rank * self.batch
        return full + has_more

    def batches(self, epoch: int, first: int = 0) -> Iterator[list[Place]]:
        """The batches of an epoch from number `first` on."""
        indices = np.arange(self.count)
        if self.is_shuffled:
            indices = np.random.default_rng([self.seed, epoch]).permutation(self.count)
        for number in range(first, len(self)):
            start = (number * self.world + self.rank) * self.batch
            yield [Place(epoch, int(each)) for each in indices[start : start + self.batch]]
