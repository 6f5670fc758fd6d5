"""Which augmentations to use and how strongly; what was published where nothing is said."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PlacementConfig:
    """How a picture is placed in the network's input.

    Attributes:
        scales: one of them, times the shorter side of the input, becomes the picture's shorter
            side.
        distortion: the longer side is stretched by 1 - this .. 1 + this.
        shift: the middle moves by up to this share of the input where the picture is smaller;
            where it is larger, by up to what shows every part of it.
        flip: probability of a mirrored picture.
        rotate_deg: up to so many degrees either way; boxes then come from outlines.

    Raises:
        ValueError: a number is out of range, or there is no scale.

    Source: the published CenterNet-HarDNet; its scales are 192..896 px for an input of 512.
    """

    scales: tuple[float, ...] = (
        *(0.375, 0.5, 0.625, 0.75, 0.875, 1.0),
        *(1.125, 1.25, 1.375, 1.5, 1.625, 1.75),
    )
    distortion: float = 0.6
    shift: float = 0.2
    flip: float = 0.5
    rotate_deg: float = 0.0

    def __post_init__(self) -> None:
        if not self.scales or min(self.scales) <= 0 or max(self.scales) > 16:
            raise ValueError(f"scales: expected numbers above 0 and to 16, got {self.scales}")
        _between("distortion", self.distortion, 0, 0.95)
        _between("shift", self.shift, 0, 1)
        _between("flip", self.flip, 0, 1)
        _between("rotate_deg", self.rotate_deg, 0, 180)


@dataclass(frozen=True, slots=True)
class ColourConfig:
    """How colours change.

    Attributes:
        strength: brightness, contrast and saturation are each multiplied by 1 - this .. 1 + this;
            0 with a lighting of 0 leaves colours alone.
        lighting: standard deviation of the shift along the colours' principal axes.

    Raises:
        ValueError: a number is out of range.
    """

    strength: float = 0.4
    lighting: float = 0.1

    def __post_init__(self) -> None:
        _between("strength", self.strength, 0, 1)
        _between("lighting", self.lighting, 0, 10)


@dataclass(frozen=True, slots=True)
class MosaicConfig:
    """Four whole pictures around one point; only the border of the input cuts them.

    Attributes:
        probability: of a mosaic in place of one picture.
        scales: as in PlacementConfig.
        centre: the point lies this share of the input or more from each border.

    Raises:
        ValueError: a number is out of range.
    """

    probability: float = 0.0
    scales: tuple[float, ...] = (0.375, 0.5, 0.625, 0.75, 0.875, 1.0)
    centre: float = 0.25

    def __post_init__(self) -> None:
        _between("probability", self.probability, 0, 1)
        _between("centre", self.centre, 0, 0.5)
        if not self.scales or min(self.scales) <= 0 or max(self.scales) > 16:
            raise ValueError(f"scales: expected numbers above 0 and to 16, got {self.scales}")


@dataclass(frozen=True, slots=True)
class MixupConfig:
    """Two pictures blended, the boxes of both kept.

    Attributes:
        probability: of a second picture.
        alpha: the share of the first is drawn from Beta(alpha, alpha).

    Raises:
        ValueError: a number is out of range.
    """

    probability: float = 0.0
    alpha: float = 8.0

    def __post_init__(self) -> None:
        _between("probability", self.probability, 0, 1)
        _between("alpha", self.alpha, 0.01, 1000)


@dataclass(frozen=True, slots=True)
class CopyPasteConfig:
    """Objects cut out of a second picture along their outlines and put on the first.

    Attributes:
        probability: of objects from a second picture.
        most: objects taken at most; 1 .. this many are drawn.

    Raises:
        ValueError: a number is out of range.
    """

    probability: float = 0.0
    most: int = 8

    def __post_init__(self) -> None:
        _between("probability", self.probability, 0, 1)
        _between("most", self.most, 1, 1000)


@dataclass(frozen=True, slots=True)
class JitterConfig:
    """Large-scale jitter: the whole picture much smaller or larger, its aspect kept.

    Attributes:
        probability: of this in place of the published placement.
        smallest: of the scale at which the picture just fits the input.
        largest: likewise.

    Raises:
        ValueError: a number is out of range.
    """

    probability: float = 0.0
    smallest: float = 0.1
    largest: float = 2.0

    def __post_init__(self) -> None:
        _between("probability", self.probability, 0, 1)
        _between("smallest", self.smallest, 0.01, self.largest)
        _between("largest", self.largest, 0.01, 16)


@dataclass(frozen=True, slots=True)
class AugmentConfig:
    """Everything done to a picture before training.

    Attributes:
        placement: as published.
        colour: as published.
        mosaic: off.
        mixup: off.
        copy_paste: off.
        jitter: off.
        is_exact: decode every picture whole, as published. False decodes a JPEG at a half, a
            quarter or an eighth where it is to be that small anyway, which is faster.
    """

    placement: PlacementConfig = field(default_factory=PlacementConfig)
    colour: ColourConfig = field(default_factory=ColourConfig)
    mosaic: MosaicConfig = field(default_factory=MosaicConfig)
    mixup: MixupConfig = field(default_factory=MixupConfig)
    copy_paste: CopyPasteConfig = field(default_factory=CopyPasteConfig)
    jitter: JitterConfig = field(default_factory=JitterConfig)
    is_exact: bool = True


def _between(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name}: expected a number in {low:g}..{high:g}, got {value!r}")
