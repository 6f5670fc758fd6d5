"""YUV to blue, green and red in integers, exactly as FFmpeg's scaler computes it on x86.

Each colour is the sum of three products, each shifted down by itself and so rounded towards
minus infinity: green is a level and a quarter too dark on average. The weights were used to it in
every measurement of ours, so whoever converts elsewhere shall do the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

FRACTION_BITS = 13

# ITU-T H.273 table 4: how much red and blue weigh in luma. What names no matrix is BT.601.
_LUMA_WEIGHTS: Mapping[int, tuple[float, float]] = MappingProxyType(
    {
        1: (0.2126, 0.0722),
        2: (0.299, 0.114),
        4: (0.30, 0.11),
        5: (0.299, 0.114),
        6: (0.299, 0.114),
        7: (0.212, 0.087),
        9: (0.2627, 0.0593),
    }
)


@dataclass(frozen=True, slots=True)
class ColourMatrix:
    """Colour k is the sum over j of `weights[3 k + j] * (component j - zeros[j]) >> 13`, in 0..255.

    Attributes:
        weights: rows are blue, green and red.
        zeros: what each component has where it adds nothing.
    """

    weights: tuple[int, ...]
    zeros: tuple[int, int, int]


_ONE = 1 << FRACTION_BITS
IDENTITY = ColourMatrix((_ONE, 0, 0, 0, _ONE, 0, 0, 0, _ONE), (0, 0, 0))


def colour_matrix(code: int, *, is_full_range: bool) -> ColourMatrix | None:
    """For components Y, U and V, or None where the code is of another kind.

    Args:
        code: the matrix in ITU-T H.273.
        is_full_range: 0..255 instead of 16..235 and 16..240.

    >>> colour_matrix(6, is_full_range=False).weights
    (9539, 16525, 0, 9539, -3209, -6660, 9539, 0, 13075)
    """
    if code not in _LUMA_WEIGHTS:
        return None
    red, blue = _LUMA_WEIGHTS[code]
    green = 1 - red - blue
    luma = _ONE if is_full_range else _fixed(255 / 219)
    chroma = 1.0 if is_full_range else 255 / 224
    u_to_blue, v_to_red = 2 * (1 - blue) * chroma, 2 * (1 - red) * chroma
    u_to_green, v_to_green = -u_to_blue * blue / green, -v_to_red * red / green
    weights = (
        *(luma, _fixed(u_to_blue), 0),
        *(luma, _fixed(u_to_green), _fixed(v_to_green)),
        *(luma, 0, _fixed(v_to_red)),
    )
    return ColourMatrix(weights, (0 if is_full_range else 16, 128, 128))


def _fixed(value: float) -> int:
    return math.floor(value * _ONE + 0.5)
