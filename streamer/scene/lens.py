"""What the camera adds: drifting light, a soft lens, a noisy sensor."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.scene.config import SyntheticConfig

_ROAM_PX = 64  # the noise of a frame starts anywhere within this square


class Lens:
    """Turns a clean picture into what a camera would give.

    The noise is drawn once and used from another corner in each frame.
    """

    def __init__(self, config: SyntheticConfig) -> None:
        self._config = config
        rng = np.random.default_rng((config.seed, 31))
        self._swing = rng.uniform(0, 2 * np.pi, 3)
        self._noise = _noise_bank(rng, config) if config.noise else None

    def __call__(self, picture: NDArray[np.uint8], index: int, time_s: float) -> NDArray[np.uint8]:
        """The picture as the camera gives it; (H, W, 3) uint8, may be changed in place."""
        if self._config.light:
            picture = cv2.convertScaleAbs(picture, alpha=self._gain(time_s))
        if self._config.blur:
            picture = cv2.GaussianBlur(picture, (0, 0), self._config.blur)
        if self._noise is not None:
            self._add_noise(picture, index)
        return picture

    def _gain(self, time_s: float) -> float:
        slow, middle, fast = np.sin(self._swing + time_s * np.array([0.21, 0.55, 1.7]))
        return float(1 + self._config.light * (0.6 * slow + 0.3 * middle + 0.1 * fast))

    def _add_noise(self, picture: NDArray[np.uint8], index: int) -> None:
        if self._noise is None:
            return
        rng = np.random.default_rng((self._config.seed, 37, index))
        x, y = (int(v) for v in rng.integers(_ROAM_PX, size=2))
        high, wide = picture.shape[:2]
        brighter, darker = (part[y : y + high, x : x + wide] for part in self._noise)
        cv2.add(picture, brighter, dst=picture)
        cv2.subtract(picture, darker, dst=picture)


def _noise_bank(
    rng: np.random.Generator, config: SyntheticConfig
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Grey levels to add and to take away: two unsigned banks, as saturating bytes are fast."""
    shape = (config.height + _ROAM_PX, config.width + _ROAM_PX, 3)
    noise = np.rint(rng.standard_normal(shape, np.float32) * np.float32(config.noise))
    return (
        np.clip(noise, 0, 255).astype(np.uint8),
        np.clip(-noise, 0, 255).astype(np.uint8),
    )
