"""Two pictures seen through each other.

Source: Zhang et al. 2019, Bag of Freebies for Training Object Detection Networks, section 3.1:
boxes of both count in full.
"""

from __future__ import annotations

import cv2
import numpy as np

from train.augment.config import MixupConfig
from train.sample import Sample, joined


def mixup(one: Sample, other: Sample, rng: np.random.Generator, config: MixupConfig) -> Sample:
    """Both samples, of the same size, as one; it keeps the first one's name."""
    share = float(rng.beta(config.alpha, config.alpha))
    picture = cv2.addWeighted(one.picture, share, other.picture, 1 - share, 0)
    return joined(picture, [one, other])
