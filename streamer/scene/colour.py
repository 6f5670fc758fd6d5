"""Colours of clothes, paint and skin, and how light changes them."""

from __future__ import annotations

import numpy as np

Bgr = tuple[int, int, int]  # blue, green, red, 0..255 each

SKIN: tuple[Bgr, ...] = (
    (178, 205, 240), (150, 182, 226), (122, 158, 208), (88, 124, 176), (60, 88, 136), (44, 62, 96),
)  # fmt: skip
HAIR: tuple[Bgr, ...] = (
    (24, 24, 28), (30, 38, 54), (34, 58, 92), (60, 104, 150), (110, 160, 200), (150, 152, 156),
    (36, 52, 124),
)  # fmt: skip
CLOTH: tuple[Bgr, ...] = (
    (48, 44, 42), (226, 228, 230), (150, 96, 40), (58, 58, 178), (70, 120, 60), (60, 170, 214),
    (130, 130, 134), (150, 90, 130), (184, 160, 96), (52, 92, 150), (80, 40, 30), (190, 190, 150),
    (90, 70, 200), (110, 150, 190),
)  # fmt: skip
TROUSERS: tuple[Bgr, ...] = (
    (92, 62, 38), (120, 88, 58), (46, 40, 38), (60, 60, 62), (104, 138, 168), (70, 92, 104),
    (40, 44, 66),
)  # fmt: skip
SHOES: tuple[Bgr, ...] = ((28, 28, 30), (220, 220, 224), (40, 62, 96), (60, 60, 160))
PAINT: tuple[Bgr, ...] = (
    (232, 234, 236), (48, 44, 42), (168, 164, 160), (96, 92, 90), (44, 40, 168), (142, 74, 30),
    (74, 92, 44), (180, 150, 90), (40, 130, 214), (176, 196, 206), (96, 40, 52), (60, 160, 200),
)  # fmt: skip


def lit(colour: Bgr, factor: float) -> Bgr:
    """The colour under `factor` times the light, at most white."""
    blue, green, red = (min(255, round(part * factor)) for part in colour)
    return blue, green, red


def pick(rng: np.random.Generator, colours: tuple[Bgr, ...], *, spread: float = 0.12) -> Bgr:
    """One of the colours, its brightness varied by up to `spread`."""
    return lit(colours[int(rng.integers(len(colours)))], float(rng.uniform(1 - spread, 1 + spread)))
