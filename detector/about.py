"""What a checkpoint of ours says beside its weights, so that nobody has to remember it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from math import inf
from typing import Self

FORMAT = 1  # of the dictionary in the file; a reader refuses what it does not know

Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class About:
    """What the weights were trained as, and therefore need again.

    Attributes:
        architecture: a key of RECIPES.
        class_names: the name of every class id.
        mean: of blue, green and red in 0..1.
        std: likewise, above 0.
        imgsz: the network input where nobody chooses, as in DetectorConfig.

    Raises:
        ValueError: a value is of another kind or out of range; says which.
    """

    architecture: str
    class_names: tuple[str, ...]
    mean: Triple
    std: Triple
    imgsz: str

    def __post_init__(self) -> None:
        for name in ("architecture", "imgsz"):
            if not _are_texts([getattr(self, name)]):
                raise ValueError(f"{name}: expected text, got {getattr(self, name)!r}")
        names = self.class_names
        if not names or not _are_texts(names):
            raise ValueError(f"class_names: expected names, got {names!r}")
        if len(set(names)) < len(names):
            raise ValueError("class_names: expected each once, got some twice")
        for name, low in (("mean", -inf), ("std", 0.0)):
            if not _are_numbers(getattr(self, name), low):
                raise ValueError(f"{name}: expected 3 numbers, got {getattr(self, name)!r}")

    @classmethod
    def of(cls, content: Mapping[str, object]) -> Self | None:
        """What the dictionary of a checkpoint says; None where it is not of our format.

        Raises:
            ValueError: it is of a format not known here, or a value is missing or wrong.
        """
        if "format" not in content:
            return None
        if content["format"] != FORMAT:
            raise ValueError(f"format: expected {FORMAT}, got {content['format']!r}")
        missing = [field.name for field in fields(cls) if field.name not in content]
        if missing:
            raise ValueError(f"{missing[0]}: missing")
        values = {field.name: _frozen(content[field.name]) for field in fields(cls)}
        return cls(**values)  # type: ignore[arg-type]  # __post_init__ looks at them

    def content(self) -> dict[str, object]:
        """The inverse of `of`: plain values, to be stored beside `state_dict`."""
        plain = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }
        return {"format": FORMAT, **plain}


def _frozen(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _are_texts(values: Sequence[object]) -> bool:
    return isinstance(values, tuple | list) and all(isinstance(each, str) for each in values)


def _are_numbers(values: Sequence[object], low: float) -> bool:
    """Whether these are three, all above `low`."""
    if not isinstance(values, tuple) or len(values) != 3:
        return False
    return all(
        isinstance(each, int | float) and not isinstance(each, bool) and low < each < inf
        for each in values
    )
