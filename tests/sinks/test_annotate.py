from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from analytics.analysis import Analysis
from analytics.speed import Motion
from detector.detections import Detections
from sinks.annotate import Annotator, Style, rectangles_of
from sinks.canvas import BgrCanvas
from sinks.palette import colour_of
from streamer.truth import Truth
from tests.sinks.results import boxes

NAMES = ("person", "bicycle", "traffic light")
any_float = st.floats(width=32)
any_boxes = st.lists(st.tuples(any_float, any_float, any_float, any_float), max_size=6)
sizes = st.tuples(st.integers(1, 120), st.integers(1, 90))


def _drawn(
    detections: Detections,
    *,
    width: int = 160,
    height: int = 120,
    style: Style | None = None,
    truth: Truth | None = None,
) -> NDArray[np.uint8]:
    pixels = np.full((height, width, 3), 77, np.uint8)
    Annotator(NAMES, style).draw(BgrCanvas(pixels), detections, truth)
    return pixels


def _changed(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    changed: NDArray[np.bool_] = np.any(pixels != 77, axis=2)
    return changed


@settings(max_examples=150, deadline=None)
@given(any_boxes, sizes, st.booleans())
def test_any_box_on_any_picture_is_drawn_or_left_out(
    xyxy: list[tuple[float, ...]], size: tuple[int, int], tracked: bool
) -> None:
    width, height = size
    track_id = np.arange(len(xyxy), dtype=np.int64) if tracked else None
    style = Style(note="a note that is longer than most pictures are wide")
    _drawn(boxes(*xyxy, track_id=track_id), width=width, height=height, style=style)


@given(any_boxes)
def test_rectangles_are_even_not_empty_and_inside(xyxy: list[tuple[float, ...]]) -> None:
    array = np.array(xyxy, np.float32).reshape(-1, 4)
    rows, rectangles = rectangles_of(array, 64, 48)
    assert len(rows) == len(rectangles)
    for left, top, right, bottom in rectangles:
        assert 0 <= left < right <= 64
        assert 0 <= top < bottom <= 48
        assert (left % 2, top % 2, right % 2, bottom % 2) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    "xyxy",
    [
        (50, 50, 20, 80),
        (20, 80, 50, 50),
        (np.nan, 10, 50, 50),
        (10, 10, 50, np.nan),
        (-50, 10, -10, 50),
        (10, 130, 50, 150),
        (500, 10, 900, 50),
    ],
    ids=["x inverted", "y inverted", "nan left", "nan bottom", "left of", "below", "right of"],
)
def test_what_cannot_be_shown_leaves_the_picture_alone(xyxy: tuple[float, ...]) -> None:
    assert not _changed(_drawn(boxes(xyxy))).any()


@pytest.mark.parametrize(
    ("xyxy", "expected"),
    [
        ((10, 20, 29, 39), (10, 20, 30, 40)),
        ((-9, -9, 500, 500), (0, 0, 64, 48)),
        ((-np.inf, 3, np.inf, 5), (0, 2, 64, 6)),
        ((63, 47, 63, 47), (62, 46, 64, 48)),
    ],
    ids=["whole pixels", "clipped", "infinite", "last pixel"],
)
def test_a_rectangle_covers_its_box(xyxy: tuple[float, ...], expected: tuple[int, ...]) -> None:
    _, rectangles = rectangles_of(np.array([xyxy], np.float32), 64, 48)
    assert rectangles == [expected]


def test_pixels_away_from_box_and_label_stay() -> None:
    changed = _changed(_drawn(boxes((60, 60, 100, 100))))
    assert changed[60:102, 60:102].any()
    assert not changed[:, :58].any()
    assert not changed[104:].any()
    assert not changed[66:98, 66:96].any()  # the inside of the box


@pytest.mark.parametrize(
    "xyxy",
    [(0, 0, 40, 40), (130, 0, 159, 30), (0, 100, 30, 119), (140, 100, 159, 119), (0, 0, 159, 119)],
    ids=["upper left", "upper right", "lower left", "lower right", "everything"],
)
def test_a_label_stays_whole_inside_the_picture(xyxy: tuple[float, ...]) -> None:
    away = _drawn(boxes((60, 60, 100, 100)))
    ground = np.array(colour_of(0))
    here = _drawn(boxes(xyxy))
    ink = [(~(pixels == ground).all(axis=2) & _changed(pixels)).sum() for pixels in (away, here)]
    assert ink[0] == ink[1] > 20  # as many letter pixels at the edge as in the middle


def _letters(pixels: NDArray[np.uint8], number: int) -> int:
    """Px of a label's ground and ink, told from all else by its colour."""
    blue, green, red = colour_of(number)
    is_it = (pixels[..., 0] == blue) & (pixels[..., 1] == green) & (pixels[..., 2] == red)
    return int(is_it.sum())


@pytest.mark.parametrize("size", [(320, 240), (360, 640)], ids=["small", "tall"])
def test_labels_of_a_crowd_do_not_cover_each_other(size: tuple[int, int]) -> None:
    width, height = size
    people = [
        (
            0.30 * width + k * 0.06 * width,
            0.4 * height,
            0.42 * width + k * 0.06 * width,
            0.8 * height,
        )
        for k in range(5)
    ]
    tracks = np.arange(5, dtype=np.int64)
    crowd = boxes(*people, track_id=tracks)
    together = _drawn(crowd, width=width, height=height)
    bare = _drawn(crowd, width=width, height=height, style=Style(labels=False))
    for k, person in enumerate(people):
        alone = boxes(person, track_id=tracks[k : k + 1])
        alone = replace(alone, class_id=crowd.class_id[k : k + 1], score=crowd.score[k : k + 1])
        lone = _drawn(alone, width=width, height=height)
        lone_bare = _drawn(alone, width=width, height=height, style=Style(labels=False))
        own = _letters(lone, k) - _letters(lone_bare, k)
        shown = _letters(together, k) - _letters(bare, k)
        assert shown > 0.5 * own, k  # whole, or without its score


def test_the_best_box_is_drawn_on_top() -> None:
    same = (40, 40, 90, 90)
    pixels = _drawn(boxes(same, same), style=Style(labels=False))
    assert tuple(pixels[40, 60]) == colour_of(0)


def test_tracks_colour_boxes_where_there_are_any() -> None:
    tracked = boxes((40, 40, 90, 90), track_id=np.array([5], np.int64))
    pixels = _drawn(tracked, style=Style(labels=False))
    assert tuple(pixels[40, 60]) == colour_of(5)


def test_truth_is_dashed_white_and_can_be_left_out() -> None:
    truth = Truth(
        np.array([[40, 40, 119, 99]], np.float32),
        ("person",),
        np.array([1]),
        np.ones(1, np.float32),
    )
    line = _drawn(Detections.empty(), truth=truth)[40, 40:120]
    assert {tuple(pixel) for pixel in line.tolist()} == {(0, 0, 0), (255, 255, 255)}
    hidden = _drawn(Detections.empty(), truth=truth, style=Style(truth=False))
    assert not _changed(hidden).any()


def test_the_note_stands_in_the_lower_left_corner() -> None:
    changed = _changed(_drawn(Detections.empty(), style=Style(note="untrained")))
    assert changed[-1, 0]
    assert not changed[: 120 // 2].any()
    assert not changed[:, 120:].any()


def test_lines_grow_with_the_picture() -> None:
    def line_px(width: int, height: int) -> int:
        box = boxes((width * 0.3, height * 0.3, width * 0.7, height * 0.7))
        pixels = _drawn(box, width=width, height=height, style=Style(labels=False))
        return int(_changed(pixels)[: height // 2, width // 2].sum())

    assert [line_px(320, 240), line_px(1920, 1080), line_px(3840, 2160)] == [2, 4, 8]


def test_a_class_without_a_name_is_written_as_its_number() -> None:
    beyond = Detections(
        np.array([[40, 40, 90, 90]], np.float32), np.ones(1, np.float32), np.array([99], np.int32)
    )
    assert _changed(_drawn(beyond)).any()


@pytest.mark.parametrize("field", ["line_px", "text_px"])
def test_a_style_that_cannot_be_drawn_is_refused(field: str) -> None:
    with pytest.raises(ValueError, match=f"{field}: expected at least"):
        Style(**{field: 0})  # type: ignore[arg-type]  # the point of the test


def test_boxes_of_an_earlier_look_are_marked() -> None:
    looked, carried = boxes((20, 40, 90, 90)), replace(boxes((20, 40, 90, 90)), is_carried=True)
    pictures = []
    for found in (looked, carried):
        pixels = np.zeros((120, 160, 3), np.uint8)
        Annotator(NAMES).draw(BgrCanvas(pixels), found)
        pictures.append(pixels)
    assert (pictures[0][:38] != pictures[1][:38]).any()  # its label
    np.testing.assert_array_equal(pictures[0][42:], pictures[1][42:])  # and nothing else


def test_speed_stands_in_the_label_once_it_is_known() -> None:
    """Of two boxes, the one whose speed is known has the longer label."""
    found = boxes([20, 40, 60, 100], [220, 40, 260, 100])
    unknown = np.full(2, np.nan)
    motion = Motion(np.zeros((2, 2)), np.array([12.0, np.nan]), unknown)
    drawn = np.full((120, 400, 3), 77, np.uint8)
    still = drawn.copy()
    analysis = Analysis("gate", 0.0, (400, 120), motion=motion)
    Annotator(NAMES).draw(BgrCanvas(drawn), found, None, analysis)
    Annotator(NAMES).draw(BgrCanvas(still), found)
    new = np.flatnonzero(_changed(drawn)[:40].any(0) & ~_changed(still)[:40].any(0))
    assert 30 < len(new) < 200  # "43 km/h"
    assert new.max() < 200
