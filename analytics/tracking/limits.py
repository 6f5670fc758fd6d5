"""The check that every tracker's config makes of its numbers."""


def expect(name: str, value: float, low: float, high: float) -> None:
    """Refuse a number out of range.

    Raises:
        ValueError: `value` is not within `low` and `high`.
    """
    if not low <= value <= high:
        raise ValueError(f"{name}: expected {low}..{high}, got {value!r}")


def max_age(lost_s: float, rate: float) -> float:
    """The age in steps at which a track has been lost for `lost_s` seconds.

    Found on the picture before, a track is one step old and not lost; half a step more forgives
    a late frame.

    >>> max_age(1.0, 25.0)
    26.5
    """
    return lost_s * rate + 1.5
