"""Choosing classes by name."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def choose_classes(class_names: Sequence[str], wanted: Sequence[str]) -> NDArray[np.bool_]:
    """Whether each class is wanted, (classes,); all are where `wanted` is empty.

    Raises:
        ValueError: a wanted name is none of `class_names`.

    >>> choose_classes(("person", "car"), ["car"]).tolist()
    [False, True]
    """
    for name in wanted:
        if name not in class_names:
            raise ValueError(f"classes: {_what_instead(name, class_names)}, got {name!r}")
    return np.array([not wanted or name in wanted for name in class_names])


def _what_instead(name: str, class_names: Sequence[str]) -> str:
    near = difflib.get_close_matches(name.lower(), class_names, n=3)
    if near:
        return f"expected a name the detector knows, perhaps {' or '.join(map(repr, near))}"
    known = ", ".join(class_names[:5]) + (", ..." if len(class_names) > 5 else "")
    return f"expected one of the {len(class_names)} names the detector knows ({known})"
