from __future__ import annotations

import re

import pytest

from detector.classes import choose_classes
from detector.coco import COCO_CLASSES


def test_no_wish_keeps_every_class() -> None:
    assert choose_classes(("a", "b"), ()).tolist() == [True, True]


def test_wanted_classes_are_kept_in_any_order() -> None:
    assert choose_classes(("a", "b", "c"), ("c", "a")).tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        pytest.param("persn", "perhaps 'person'", id="a letter short"),
        pytest.param("Car", "perhaps 'car'", id="upper case"),
        pytest.param("xyzzy", "one of the 80 names the detector knows (person, bicycle", id="far"),
    ],
)
def test_unknown_class_is_an_error_with_a_suggestion(name: str, suggestion: str) -> None:
    with pytest.raises(ValueError, match=f"{re.escape(suggestion)}.*got '{name}'"):
        choose_classes(COCO_CLASSES, (name,))


def test_coco_has_eighty_classes_from_person_to_toothbrush() -> None:
    assert len(set(COCO_CLASSES)) == 80
    assert (COCO_CLASSES[0], COCO_CLASSES[2], COCO_CLASSES[-1]) == ("person", "car", "toothbrush")
