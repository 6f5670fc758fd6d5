"""What a family of weights was trained with, and therefore needs again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from detector.about import About
from detector.centernet import CenterNet
from detector.coco import COCO_CLASSES
from detector.fchardnet import FCHARDNET70, FCHarDNet
from detector.hardnet import HARDNET68, HARDNET85
from detector.network import MakeNetwork
from detector.starter import Starter


@dataclass(frozen=True, slots=True)
class Recipe:
    """Data, not code: everything about a network but its weights.

    Attributes:
        network: makes it for a number of classes.
        class_names: the name of every class id.
        mean: of blue, green and red in 0..1.
        std: likewise.
        imgsz: the network input where nobody chooses, as in DetectorConfig.
    """

    network: MakeNetwork
    class_names: tuple[str, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    imgsz: str

    def normalisation(self) -> NDArray[np.float32]:
        """The network's input for every pixel value, (1, 256, 3): (value / 255 - mean) / std."""
        value = np.arange(256)[None, :, None] / 255.0
        mean, std = np.array(self.mean, np.float32), np.array(self.std, np.float32)
        return ((value - mean) / std).astype(np.float32)

    def about(self, architecture: str) -> About:
        """This recipe as a checkpoint of ours carries it; `architecture` is its key."""
        return About(architecture, self.class_names, self.mean, self.std, self.imgsz)

    def trained_as(self, about: About) -> Recipe:
        """The recipe of weights that say themselves what they need."""
        return replace(
            self,
            class_names=about.class_names,
            mean=about.mean,
            std=about.std,
            imgsz=about.imgsz,
        )


# Source: the published CenterNet-HarDNet's own data set statistics, blue first. Its demo rounds
# them to three digits; its evaluation, and so its figures, do not.
_COCO_MEAN = (0.40789654, 0.44719302, 0.47026115)
_COCO_STD = (0.28863828, 0.27408164, 0.27809835)

# Source: ImageNet's, as the published NanoDet-Plus rounds them, blue first.
_IMAGENET_MEAN = (0.406, 0.456, 0.485)
_IMAGENET_STD = (0.225, 0.224, 0.229)

RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        "hardnet85": Recipe(
            partial(CenterNet, HARDNET85), COCO_CLASSES, _COCO_MEAN, _COCO_STD, imgsz="512"
        ),
        "hardnet68": Recipe(
            partial(CenterNet, HARDNET68), COCO_CLASSES, _COCO_MEAN, _COCO_STD, imgsz="512"
        ),
        "fchardnet70": Recipe(
            partial(FCHarDNet, FCHARDNET70), COCO_CLASSES, _COCO_MEAN, _COCO_STD, imgsz="320"
        ),
        "starter": Recipe(Starter, COCO_CLASSES, _IMAGENET_MEAN, _IMAGENET_STD, imgsz="320"),
    }
)
