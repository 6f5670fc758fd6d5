"""Labels that neither cover each other nor leave the picture."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.placement import LabelPlaces, Rectangle

WIDTH, HEIGHT = 160, 120
LABEL = (40, 10)

evens = st.integers(0, 60).map(lambda half: 2 * half)


@st.composite
def rectangles(draw: st.DrawFn) -> Rectangle:
    left, top = draw(evens), draw(evens)
    right = min(WIDTH, left + 2 + draw(evens))
    bottom = min(HEIGHT, top + 2 + draw(evens))
    return min(left, right - 2), min(top, bottom - 2), right, bottom


@pytest.mark.parametrize(
    ("box", "place"),
    [
        pytest.param((60, 40, 80, 60), (60, 30), id="above"),
        pytest.param((150, 40, 160, 60), (120, 30), id="above, moved inside"),
        pytest.param((60, 4, 80, 60), (60, 60), id="below where above is no room"),
        pytest.param((60, 0, 80, 120), (80, 0), id="beside where it is as high as the picture"),
        pytest.param((130, 0, 160, 120), (90, 0), id="on the other side"),
        pytest.param((0, 0, 160, 120), (0, 0), id="in it where it is all there is"),
    ],
)
def test_the_first_label_goes_beside_what_it_names(box: Rectangle, place: tuple[int, int]) -> None:
    assert LabelPlaces(WIDTH, HEIGHT).find(*LABEL, box) == place


def test_a_second_label_of_the_same_box_goes_elsewhere() -> None:
    places = LabelPlaces(WIDTH, HEIGHT)
    found = [places.find(*LABEL, (60, 40, 120, 60)) for _ in range(4)]
    # above at the left, above at the right (60 - 40 px further), would overlap by 20: below
    assert found[0] == (60, 30)
    assert found[1] == (60, 60)


def test_a_low_label_goes_below_and_to_the_right() -> None:
    places = LabelPlaces(WIDTH, HEIGHT)
    found = [places.find(*LABEL, (60, 40, 120, 60), is_low=True) for _ in range(2)]
    assert found == [(80, 60), (80, 30)]


def test_between_labels_above_and_below_there_is_room_beside() -> None:
    """A person between two labels had none."""
    places = LabelPlaces(WIDTH, HEIGHT)
    places.take(0, 20, WIDTH, 24)
    places.take(0, 96, WIDTH, 24)
    assert places.find(*LABEL, (60, 40, 80, 100)) == (80, 64)


def test_what_is_taken_is_left_alone() -> None:
    places = LabelPlaces(WIDTH, HEIGHT)
    places.take(0, 0, WIDTH, 40)
    assert places.find(*LABEL, (60, 40, 80, 60)) == (60, 60)


def test_where_all_is_full_there_is_no_place() -> None:
    places = LabelPlaces(WIDTH, HEIGHT)
    places.take(0, 0, WIDTH, HEIGHT)
    assert places.find(*LABEL, (60, 40, 80, 60)) is None


def test_what_must_be_seen_goes_farther_away_rather_than_nowhere() -> None:
    places = LabelPlaces(WIDTH, HEIGHT)
    box = (60, 40, 100, 60)  # as wide as a label: each way there is one place beside it
    found = [places.find_near(*LABEL, box) for _ in range(8)]
    assert len({*found}) == 8
    assert found[:2] == [(60, 30), (60, 60)]
    assert all(left == 60 or 40 <= top < 60 for left, top in found)


def test_what_must_be_seen_lies_on_the_rest_where_all_is_full() -> None:
    places = LabelPlaces(WIDTH, HEIGHT)
    places.take(0, 0, WIDTH, HEIGHT)
    assert places.find_near(*LABEL, (60, 40, 80, 60)) == (60, 30)


@given(st.lists(rectangles(), max_size=30))
def test_no_label_leaves_the_picture_or_lies_on_another(boxes: list[Rectangle]) -> None:
    places = LabelPlaces(WIDTH, HEIGHT)
    width, height = LABEL
    found = [place for box in boxes if (place := places.find(width, height, box)) is not None]
    for k, (left, top) in enumerate(found):
        assert 0 <= left <= WIDTH - width
        assert 0 <= top <= HEIGHT - height
        assert (left % 2, top % 2) == (0, 0)
        for other_left, other_top in found[:k]:
            assert abs(left - other_left) >= width or abs(top - other_top) >= height
    assert not boxes or found
