"""What is to be hidden cannot be seen in any form a sink asks for, and nothing else changes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import run
from detector.config import DetectorConfig
from detector.detections import Detections
from sinks.privacy import Blur, BlurConfig, check_blur
from streamer.frame import Frame, StreamInfo, StreamKind
from streamer.picture import BgrPicture
from streamer.result import Result
from tests.truth_detector import Truthful

NAMES = ("person", "car")
STREAM = StreamInfo("door", "door", 61, 47, Fraction(1, 10))
BOX = (10.0, 8.0, 29.0, 35.0)


def _noise(seed: int = 0) -> BgrPicture:
    pixels = np.random.default_rng(seed).integers(0, 256, (47, 61, 3)).astype(np.uint8)
    return BgrPicture(pixels)


def _result(
    boxes: Sequence[Sequence[float]],
    class_id: int = 0,
    *,
    index: int = 0,
    kind: StreamKind = "video",
) -> Result[Detections]:
    count = len(boxes)
    found = Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.full(count, 0.2, np.float32),
        np.full(count, class_id, np.int32),
    )
    stream = replace(STREAM, kind=kind)
    return Result(Frame(stream, index, index, stream.time_base, 0, _noise()), found, 0, 0)


def _blur(**changes: float) -> Blur:
    return Blur(BlurConfig(("person",), **changes), NAMES)


def test_nothing_found_leaves_the_frame_itself() -> None:
    result = _result([])
    assert _blur().update(result).frame is result.frame


@pytest.mark.parametrize("class_id", [1, 2, -1])
def test_another_class_is_left_alone(class_id: int) -> None:
    result = _result([BOX], class_id=class_id)
    assert _blur().update(result).frame is result.frame


def test_a_box_too_weak_to_be_anybody_is_left_alone() -> None:
    result = _result([BOX])  # 0.2
    assert _blur(min_score=0.25).update(result).frame is result.frame


def test_hidden_pixels_are_few_flat_cells_and_all_others_are_untouched() -> None:
    before = _result([BOX])
    after = _blur(margin=0).update(before).frame
    x1, y1, x2, y2 = 10, 8, 30, 36  # the pixels of BOX
    hidden = after.bgr()[y1:y2, x1:x2].reshape(-1, 3)
    assert len(np.unique(hidden, axis=0)) <= 6 * 6
    outside = np.ones((47, 61), bool)
    outside[y1:y2, x1:x2] = False
    np.testing.assert_array_equal(after.bgr()[outside], before.frame.bgr()[outside])


def test_planes_are_hidden_like_pixels() -> None:
    before = _result([BOX])
    planes, original = _blur(margin=0).update(before).frame.i420(), before.frame.i420()
    assert len(np.unique(planes.y[8:36, 10:30])) <= 6 * 6
    assert len(np.unique(planes.u[4:18, 5:15])) <= 6 * 6
    np.testing.assert_array_equal(planes.y[36:], original.y[36:])
    assert not planes.y.flags.writeable


def test_a_frame_on_which_it_is_missed_hides_where_it_was_for_a_while() -> None:
    blur = _blur(hold_s=0.5)  # five frames of a tenth of a second
    blur.update(_result([BOX]))
    later = [blur.update(_result([], index=index)) for index in range(1, 8)]
    is_hidden = [
        not np.array_equal(each.frame.bgr()[8:36, 10:30], _noise().bgr()[8:36, 10:30])
        for each in later
    ]
    assert is_hidden == [True] * 5 + [False] * 2


def test_single_pictures_do_not_hide_for_each_other() -> None:
    blur = _blur()
    blur.update(_result([BOX], kind="images"))
    assert blur.update(_result([], index=1, kind="images")).frame.picture.__class__ is BgrPicture


@pytest.mark.parametrize(
    "box",
    [
        pytest.param((np.nan, 0.0, 5.0, 5.0), id="not a number"),
        pytest.param((-50.0, -50.0, -20.0, -20.0), id="outside"),
        pytest.param((-1e9, -1e9, 1e9, 1e9), id="everything"),
        pytest.param((20.0, 20.0, 5.0, 5.0), id="inverted"),
        pytest.param((60.0, 46.0, 60.0, 46.0), id="last pixel"),
    ],
)
def test_any_box_will_do(box: Sequence[float]) -> None:
    frame = _blur().update(_result([box])).frame
    assert frame.bgr().shape == (47, 61, 3)
    assert frame.i420().y.shape == (48, 62)


def test_wishes_that_would_show_people_are_refused() -> None:
    with pytest.raises(ValueError, match="perhaps 'person'"):
        check_blur(BlurConfig(("persn",)), NAMES, ())
    with pytest.raises(ValueError, match="got 'person'; add it to --classes"):
        check_blur(BlurConfig(("person",)), NAMES, ("car",))
    check_blur(BlurConfig(("person",)), NAMES, ("car", "person"))


def _is_hidden(result: Result[Detections], box: Sequence[int]) -> bool:
    """Whether all of a box, whole px, is in coarse cells."""
    x1, y1, x2, y2 = box
    cut = result.frame.bgr()[y1:y2, x1:x2].reshape(-1, 3)
    return len(np.unique(cut, axis=0)) < len(cut) / 4


def _walker(index: int) -> tuple[int, int, int, int]:
    """6 px a frame, half of its own width."""
    return 2 + 6 * index, 8, 14 + 6 * index, 36


def test_who_is_missed_is_hidden_where_they_have_gone() -> None:
    """Missed on one frame, somebody who walked on was half to be seen."""
    blur = _blur(margin=0)
    hidden = [
        _is_hidden(
            blur.update(_result([] if index in (3, 5) else [_walker(index)], index=index)),
            _walker(index),
        )
        for index in range(7)
    ]
    assert all(hidden)


def test_between_two_looks_people_are_hidden_where_they_have_gone() -> None:
    blur = _blur(margin=0, hold_s=0.1)
    found: Detections | None = None
    for index in range(7):
        given = _result([_walker(index)], index=index)
        if index % 2 and found is not None:
            given = replace(given, detections=replace(found, is_carried=True))
        else:
            found = given.detections
        if index >= 2:  # nobody knows after one look who goes where
            assert _is_hidden(blur.update(given), _walker(index)), index
        else:
            blur.update(given)


def test_a_weak_box_inside_another_does_not_sharpen_it() -> None:
    parts = [(12.0, 10.0 + 2 * k, 17.0, 15.0 + 2 * k) for k in range(8)]
    result = _result([BOX, *parts])
    hidden = _blur(margin=0).update(result).frame.bgr()[8:36, 10:30].reshape(-1, 3)
    assert len(np.unique(hidden, axis=0)) <= 6 * 6


def test_a_late_frame_uncovers_nobody() -> None:
    """Streams whose times go back a little lost what was held."""
    blur = _blur()
    blur.update(_result([BOX], index=3))
    assert _is_hidden(blur.update(_result([], index=2)), (10, 8, 30, 36))


def test_a_stream_that_grows_hides_the_same_place() -> None:
    blur = _blur(margin=0)
    blur.update(_result([BOX]))
    large = BgrPicture(np.random.default_rng(1).integers(0, 256, (94, 122, 3)).astype(np.uint8))
    after = _result([], index=1)
    after = replace(after, frame=replace(after.frame, picture=large))
    assert _is_hidden(blur.update(after), (22, 18, 58, 70))


class Unsure(Truthful):
    """Finds the same with a score of 0.2, if boxes of 0.2 are asked for."""

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__(config)
        self._least = config.score_threshold

    def _find(self, frame: Frame) -> Detections:
        found = super()._find(frame)
        weak = replace(found, score=np.full(len(found), 0.2, np.float32))
        return weak.select(weak.score >= self._least)


def test_boxes_too_weak_to_be_shown_are_hidden_all_the_same(tmp_path: Path) -> None:
    """A run without tracking hid only what it showed."""
    folder, records = tmp_path / "pictures", tmp_path / "boxes.jsonl"
    typed = ["--source", "synthetic:frames=2,seed=1,width=320,height=180", "--quiet"]
    typed += ["--detector", "tests.sinks.test_privacy:Unsure", "--sink", f"jsonl:{records}"]
    typed += ["--sink", f"file:{folder}/street.mp4", "--output", str(tmp_path)]
    pictures = []
    for blur in ([], ["--blur", "person,car,bicycle"]):
        assert run.main([*typed, *blur, "--overwrite"]) == 0
        rows = [json.loads(line) for line in records.read_text("utf-8").splitlines()]
        assert not any(row.get("detections") for row in rows)
        with av.open(folder / "street.mp4") as clip:
            pictures.append(next(clip.decode(video=0)).to_ndarray(format="bgr24").astype(int))
    assert np.abs(pictures[0] - pictures[1]).max() > 50


def test_a_wrong_pair_does_not_hide_the_whole_picture() -> None:
    """Weak boxes that came and went were joined and, missed, smeared over half of the street."""
    blur = _blur(margin=0, hold_s=1.0)
    blur.update(_result([(4.0, 10.0, 11.0, 17.0)]))
    blur.update(_result([(9.0, 10.0, 16.0, 17.0)], index=1))
    later = blur.update(_result([], index=9))
    original = _noise().bgr()
    changed = np.flatnonzero((later.frame.bgr() != original).any(axis=(0, 2)))
    assert changed.max() <= 16 + 8 + 2  # its own width farther, on even px
