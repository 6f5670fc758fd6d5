"""Colours that are easy to tell apart and stay the same from run to run."""

from __future__ import annotations

import colorsys

Bgr = tuple[int, int, int]  # blue, green, red, each 0..255

WHITE: Bgr = (255, 255, 255)
BLACK: Bgr = (0, 0, 0)

_GOLDEN_ANGLE = 0.6180339887498949  # of a turn: neighbouring numbers land far apart
_SHADES = ((0.85, 1.0), (0.6, 1.0), (1.0, 0.75))  # (saturation, value), one a round of hues
_HUES = 24  # more are hard to tell apart


def colour_of(number: int) -> Bgr:
    """The colour of a class or track number; it repeats after 72.

    >>> colour_of(0) == colour_of(72), colour_of(0) == colour_of(1)
    (True, False)
    """
    number %= _HUES * len(_SHADES)
    saturation, value = _SHADES[number // _HUES]
    hue = (number * _GOLDEN_ANGLE) % 1.0
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(255 * blue), round(255 * green), round(255 * red)


def text_colour_on(background: Bgr) -> Bgr:
    """Black or white, whichever stands out more from `background`.

    >>> text_colour_on((255, 255, 255)), text_colour_on((160, 0, 0))
    ((0, 0, 0), (255, 255, 255))

    Source: WCAG 2.2, relative luminance and contrast ratio; 0.179 is where both contrasts agree.
    """
    blue, green, red = (_linear(value / 255) for value in background)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return BLACK if luminance > 0.179 else WHITE


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)
