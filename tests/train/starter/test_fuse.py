"""Several looks as one: means of boxes, and scores that say how many agreed."""

from __future__ import annotations

import pytest

from tests.train.starter.lessons import found
from train.starter.fuse import fuse

BOX = (10.0, 10.0, 30.0, 50.0)


def test_looks_that_find_nothing_give_nothing() -> None:
    assert len(fuse([found([]), found([])], most=10)) == 0


def test_agreement_is_the_weighted_mean_box_and_the_mean_score() -> None:
    moved = (12.0, 10.0, 32.0, 50.0)
    [one, other] = [found([(BOX, 0.6, 3)]), found([(moved, 0.2, 3)])]
    both = fuse([one, other], most=10)
    # x1 = (0.6 * 10 + 0.2 * 12) / 0.8
    assert both.xyxy[0].tolist() == pytest.approx([10.5, 10, 30.5, 50])
    assert both.score.tolist() == pytest.approx([0.4])
    assert both.class_id.tolist() == [3]


def test_what_one_of_two_looks_missed_counts_half() -> None:
    assert fuse([found([(BOX, 0.6, 3)]), found([])], most=10).score.tolist() == pytest.approx([0.3])


def test_other_classes_and_other_places_stay_apart() -> None:
    far = (100.0, 10.0, 120.0, 50.0)
    looks = [found([(BOX, 0.6, 3), (far, 0.5, 3)]), found([(BOX, 0.4, 4)])]
    both = fuse(looks, most=10)
    assert both.class_id.tolist() == [3, 3, 4]
    assert len(fuse(looks, most=2)) == 2
