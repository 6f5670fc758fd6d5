"""The batches of an epoch, made in this process or by workers beside it."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from train.batch import Batch, Encoder
from train.sample import Sample, Samples


class PlainFeed:
    """Batches of stretched pictures, made in this process.

    Args:
        samples: the data set.
        encoder: of the network.
        width: of the network's input, px.
        height: likewise.
        batch: pictures a batch.
        seed: of the order; None keeps the data set's.
    """

    def __init__(
        self,
        samples: Samples,
        encoder: Encoder,
        width: int,
        height: int,
        *,
        batch: int,
        seed: int | None,
    ) -> None:
        self._samples = samples
        self._encoder = encoder
        self._size = (width, height)
        self._batch = batch
        self._seed = seed
        self._epoch, self._first = 0, 0

    def __len__(self) -> int:
        count = len(self._samples)
        return count // self._batch if self._seed is not None else -(-count // self._batch)

    def start(self, epoch: int, first_batch: int = 0) -> None:
        """What the next iteration gives."""
        self._epoch, self._first = epoch, first_batch

    def __iter__(self) -> Iterator[Batch]:
        order = self._order()
        for index in range(self._first, len(self)):
            chosen = order[index * self._batch : (index + 1) * self._batch]
            items = [self._encoder(self._sample(int(each))) for each in chosen]
            yield self._encoder.collate(items)

    def _order(self) -> NDArray[np.int64]:
        count = len(self._samples)
        if self._seed is None:
            return np.arange(count)
        return np.random.default_rng([self._seed, self._epoch]).permutation(count)

    def _sample(self, index: int) -> Sample:
        sample = self._samples.read(index)
        gain = np.array([self._size[0] / sample.width, self._size[1] / sample.height] * 2)
        picture = cv2.resize(sample.picture, self._size)
        boxes = (sample.boxes_xyxy * gain).astype(np.float32)
        return Sample(
            picture,
            boxes,
            sample.class_id,
            sample.polygons,
            sample.is_crowd,
            sample.image_id,
            sample.name,
        )
