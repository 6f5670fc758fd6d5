"""A record says all about its event, and shows the object and no other part of the picture."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest

from analytics.event import Change, Event
from analytics.roster import Step
from sinks.events.record import event_json, event_look
from streamer.frame import Frame, StreamInfo
from streamer.picture import BgrArray, BgrPicture

STREAM = StreamInfo("door", "door.mp4", 400, 300, Fraction(1, 25))
CROSSING = Change(
    "crossing",
    "new",
    "gate",
    3.2,
    end_s=3.2,
    direction="in",
    track_id=7,
    class_id=0,
    point=(50.0, 60.0),
    step=Step((48.0, 60.0), 3.16, (52.0, 60.0), 3.24),
)
EVENT = Event("door:1", "door", CROSSING, "person", 3.24, 81, 81, xyxy=(100.0, 100.0, 139.0, 179.0))


def _frame() -> Frame:
    pixels = np.zeros((300, 400, 3), np.uint8)
    pixels[100:180, 100:140] = (0, 0, 255)
    return Frame(STREAM, 81, 81, STREAM.time_base, 0, BgrPicture(pixels))


def _look(event: Event) -> BgrArray:
    jpeg = event_look(event, _frame())
    assert jpeg is not None
    pixels = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    return np.asarray(pixels, np.uint8)


def test_a_record_survives_json() -> None:
    record = json.loads(json.dumps(event_json(EVENT, b"picture"), allow_nan=False))
    assert record["step"] == {
        "before": [48.0, 60.0],
        "before_s": 3.16,
        "after": [52.0, 60.0],
        "after_s": 3.24,
    }
    assert (record["phase"], record["direction"], record["track_id"]) == ("new", "in", 7)
    assert base64.b64decode(record["jpeg"]) == b"picture"


def test_the_object_is_cut_out_with_a_margin() -> None:
    look = _look(EVENT)
    # 80 px high with a quarter of 79 more on each side: 80 + 2 * 20 = 120
    assert look.shape[:2] == (120, 80)
    assert look[60, 40].tolist() == pytest.approx([0, 0, 255], abs=6)
    assert look[5, 5].max() < 40


def test_a_large_object_becomes_a_small_picture() -> None:
    assert max(_look(replace(EVENT, xyxy=(0.0, 0.0, 399.0, 299.0))).shape) == 160


@pytest.mark.parametrize(
    "xyxy",
    [
        pytest.param(None, id="not on the frame"),
        pytest.param((500.0, 10.0, 520.0, 30.0), id="beyond the picture"),
        pytest.param((-90.0, -90.0, -50.0, -50.0), id="before the picture"),
    ],
)
def test_what_is_not_in_the_picture_has_no_look(
    xyxy: tuple[float, float, float, float] | None,
) -> None:
    assert event_look(replace(EVENT, xyxy=xyxy), _frame()) is None
