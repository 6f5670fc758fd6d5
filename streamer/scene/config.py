"""What a person may choose about the drawn scene."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

MAX_SIDE_PX = 8192
MAX_OBJECTS = 200


@dataclass(frozen=True, slots=True)
class SyntheticConfig:
    """What a person may choose about the drawn scene; the same values draw the same pixels.

    Attributes:
        width: px, 64..8192.
        height: px, 64..8192.
        rate: frames a second, exact, above 0 and up to 1000; `Fraction("30000/1001")` is meant.
        frames: how many there are, or None for no end.
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
        self._expect("width", 64, MAX_SIDE_PX)
        self._expect("height", 64, MAX_SIDE_PX)
        self._expect("objects", 0, MAX_OBJECTS)
        self._expect("occluders", 0, 20)
        self._expect("noise", 0, 64)
        self._expect("blur", 0, 8)
        self._expect("exposure", 0, 1)
        self._expect("light", 0, 0.5)
        self._expect("shadow", 0, 1)
        self._expect("cache", 0, 10_000)
        if not 0 < self.rate <= 1000:
            raise ValueError(f"rate: expected above 0 and up to 1000, got {self.rate}")
        if self.frames is not None and self.frames < 1:
            raise ValueError(f"frames: expected at least 1 or None, got {self.frames!r}")
        if self.seed < 0:
            raise ValueError(f"seed: expected at least 0, got {self.seed!r}")

    def _expect(self, name: str, low: float, high: float) -> None:
        value = getattr(self, name)
        if not low <= value <= high:
            raise ValueError(f"{name}: expected {low}..{high}, got {value!r}")
