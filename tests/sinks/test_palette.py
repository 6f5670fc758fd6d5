from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from sinks.palette import colour_of, text_colour_on


def test_the_first_dozen_colours_are_far_apart() -> None:
    colours = np.array([colour_of(number) for number in range(12)], float)
    distances = [np.abs(a - b).sum() for a, b in combinations(colours, 2)]
    assert min(distances) > 60  # of 765


@pytest.mark.parametrize("number", [0, 7, 79, 10**12, -1])
def test_every_number_has_a_colour_and_a_text_that_stands_out(number: int) -> None:
    colour = colour_of(number)
    assert all(0 <= value <= 255 for value in colour)
    text, ground = text_colour_on(colour)[0], np.dot(colour, (0.0722, 0.7152, 0.2126))
    assert abs(text - ground) > 60
