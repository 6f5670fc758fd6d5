"""A data set that needs no file: drawn streets as JPEG in memory, so that decoding is paid for."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from detector.coco import COCO_CLASSES
from train.data.synthetic import SyntheticDataConfig, SyntheticSamples
from train.sample import Sample

_QUALITY = 98  # 0.6 bytes a pixel, which take as long to decode as COCO's 0.6 (150 of train2017)


class DrawnSamples:
    """A few drawn pictures again and again, with COCO's classes; fits `train.sample.Samples`.

    They are of COCO's usual size, and each read decodes one. They have no outlines.

    Args:
        drawn: how many are drawn, some 50 ms each.
        length: how many the data set says to have.
    """

    class_names = COCO_CLASSES

    def __init__(self, drawn: int, length: int) -> None:
        source = SyntheticSamples(SyntheticDataConfig(scenes=drawn, frames=1, height=480))
        self._length = length
        self._samples = []
        for index in range(drawn):
            sample = source.read(index)
            _, file = cv2.imencode(".jpg", sample.picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
            self._samples.append((sample, np.asarray(file)))

    def __len__(self) -> int:
        return self._length

    def read(self, index: int) -> Sample:
        """The sample at `index`, decoded."""
        sample, file = self._samples[range(self._length)[index] % len(self._samples)]
        picture = np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR), np.uint8)
        return replace(sample, picture=picture, image_id=index)
