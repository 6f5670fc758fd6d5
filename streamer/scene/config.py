"""What a person may choose about the drawn scene."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

MAX_SIDE_PX = 8192
MAX_OBJECTS = 200
MAX_RATE = 1000  # frames a second
MAX_CACHE = 10_000
MAX_FRAMES = 1_000_000_000  # a year at 30 frames a second
MAX_SEED = 2**63 - 1


@dataclass(frozen=True, slots=True)
class SyntheticConfig:
    """What a person may choose about the drawn scene; the same values draw the same pixels.

    Attributes:
        width: px, 64..8192.
        height: px, 64..8192.
        rate: frames a second, exact, above 0 and up to 1000. Numbers and text are taken by their
            digits, so 29.97 is 2997/100 and "30000/1001" is itself.
        frames: how many there are, at least 1, or None for no end.
        seed: 0 or more; another seed is another street, other people, another light.
        objects: how many people, cars and bicycles are about, 0..200; a few of them are just
            outside the picture at any moment.
        occluders: lamp posts, trees and the like that stand in the way, 0..20.
        noise: standard deviation of the sensor's noise in grey levels, 0..64.
        blur: standard deviation of the lens's blur in px, 0..8.
        exposure: share of a frame's time the shutter is open, 0..1: smears what moves.
        light: how far the brightness drifts up and down, 0..0.5 of itself.
        shadow: darkness of shadows, 0..1.
        cache: frames drawn ahead and repeated for ever, so that drawing limits no benchmark; 0
            draws each frame anew.
    """

    width: int = 640
    height: int = 360
    rate: Fraction = Fraction(25)
    frames: int | None = 150
    seed: int = 0
    objects: int = 8
    occluders: int = 3
    noise: float = 3.0
    blur: float = 0.5
    exposure: float = 0.25
    light: float = 0.1
    shadow: float = 0.45
    cache: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", _exact_rate(self.rate))
        self._expect_whole("width", 64, MAX_SIDE_PX)
        self._expect_whole("height", 64, MAX_SIDE_PX)
        self._expect_whole("objects", 0, MAX_OBJECTS)
        self._expect_whole("occluders", 0, 20)
        self._expect_whole("cache", 0, MAX_CACHE)
        self._expect_whole("seed", 0, MAX_SEED)
        if self.frames is not None:
            self._expect_whole("frames", 1, MAX_FRAMES)
        self._expect("noise", 0, 64)
        self._expect("blur", 0, 8)
        self._expect("exposure", 0, 1)
        self._expect("light", 0, 0.5)
        self._expect("shadow", 0, 1)

    def _expect_whole(self, name: str, low: int, high: int) -> None:
        if not isinstance(getattr(self, name), int):
            raise ValueError(f"{name}: expected a whole number, got {getattr(self, name)!r}")  # noqa: TRY004  # one kind of error for a bad value
        self._expect(name, low, high)

    def _expect(self, name: str, low: float, high: float) -> None:
        value = getattr(self, name)
        if not low <= value <= high:
            raise ValueError(f"{name}: expected {low}..{high}, got {value!r}")


def _exact_rate(rate: object) -> Fraction:
    try:
        exact = Fraction(str(rate))
    except (ValueError, ZeroDivisionError):
        exact = Fraction(0)
    if not 0 < exact <= MAX_RATE:
        raise ValueError(f"rate: expected a number above 0 and up to {MAX_RATE}, got {rate}")
    return exact
