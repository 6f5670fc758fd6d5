"""Samples from pictures on a disk and the labels read for them."""

from __future__ import annotations

import numpy as np

from train.data.labels import Labels
from train.data.picture import Reduction, read_picture
from train.errors import SampleError
from train.sample import Sample


class FolderSamples:
    """Pictures on a disk with their labels.

    Args:
        labels: of every picture.
        class_names: by class id.
    """

    def __init__(self, labels: Labels, class_names: tuple[str, ...]) -> None:
        self._labels = labels
        self._class_names = class_names

    @property
    def class_names(self) -> tuple[str, ...]:
        """The name of every class id."""
        return self._class_names

    @property
    def labels(self) -> Labels:
        """Of every picture."""
        return self._labels

    def __len__(self) -> int:
        return len(self._labels)

    def picture_size(self, index: int) -> tuple[int, int] | None:
        """Width and height in px as the labels say; None where they do not."""
        width, height = int(self._labels.width[index]), int(self._labels.height[index])
        return (width, height) if width and height else None

    def read(self, index: int, reduction: Reduction = 1) -> Sample:
        """The picture at `index` and its boxes.

        Args:
            index: 0 .. len - 1.
            reduction: decode the picture that many times smaller; the boxes shrink with it.

        Raises:
            SampleError: the picture is missing, broken, or of another size than its labels say.
        """
        labels = self._labels
        picture = read_picture(labels.paths[index], reduction)
        height, width = picture.shape[:2]
        scale = self._scale(index, width, height, reduction)
        rows = labels.rows(index)
        boxes = labels.boxes_xyxy[rows] * np.tile(scale, 2)
        polygons = tuple(labels.polygons(box) for box in range(rows.start, rows.stop))
        if (scale != 1).any():
            polygons = tuple(tuple(outline * scale for outline in of_box) for of_box in polygons)
        return Sample(
            picture,
            boxes,
            labels.class_id[rows],
            polygons,
            labels.is_crowd[rows],
            int(labels.image_id[index]),
            labels.paths[index].name,
        )

    def _scale(
        self, index: int, width: int, height: int, reduction: Reduction
    ) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        """Picture px a unit of the labels, for x and y."""
        if self._labels.is_relative:
            return np.array([width, height], np.float32)
        said = self.picture_size(index)
        if said and (width, height) != (-(-said[0] // reduction), -(-said[1] // reduction)):
            raise SampleError(
                f"picture {str(self._labels.paths[index])!r}: labelled as {said[0]} x {said[1]} "
                f"px, but it is {width} x {height}"
                + (f" at a {reduction}th of its size" if reduction > 1 else "")
            )
        return np.full(2, 1 / reduction, np.float32)  # the last pixel may stand for fewer
