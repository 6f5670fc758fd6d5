from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from detector.detections import Detections
from sinks.annotate import Style
from sinks.web.config import WebConfig
from sinks.web.frames import Kind, Previews, Wanted, fitted
from sinks.web.state import Newest
from tests.sinks.results import boxes, picture
from tests.sinks.web.serving import CLASSES, result, stream


def _previews() -> Previews:
    return Previews(CLASSES, Style(), WebConfig(quality=95))


def _decoded(jpeg: bytes) -> NDArray[np.uint8]:
    pixels = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    return np.asarray(pixels, np.uint8)


@pytest.mark.parametrize(
    ("size", "width", "expected"),
    [
        pytest.param((64, 48), 320, (64, 48), id="small stays"),
        pytest.param((1280, 720), 640, (640, 360), id="landscape"),
        pytest.param((720, 1280), 640, (360, 640), id="portrait by its longer side"),
        pytest.param((1001, 3), 320, (320, 1), id="a line"),
    ],
)
def test_a_picture_is_no_larger_than_wanted(
    size: tuple[int, int], width: int, expected: tuple[int, int]
) -> None:
    smaller = fitted(picture(0, *size).bgr(), width)
    assert smaller.shape == (expected[1], expected[0], 3)


def test_a_plain_picture_is_the_frame_and_a_drawn_one_has_its_boxes() -> None:
    of = stream(width=320, height=240)
    entry = Newest(1, result(of=of, detections=boxes((40, 60, 200, 200))))
    previews = _previews()
    kinds: tuple[Kind, ...] = ("plain", "drawn")
    previews.encode({"gate": entry}, [Wanted("gate", kind, 320) for kind in kinds])
    plain, drawn = previews.newest("gate", "plain"), previews.newest("gate", "drawn")
    assert plain is not None
    assert drawn is not None
    truth = entry.result.frame.bgr().astype(int)
    error = np.abs(_decoded(plain.jpeg) - truth).mean()
    assert error < 2  # grey levels: JPEG at quality 95 on smooth shades
    changed = np.abs(_decoded(drawn.jpeg) - truth).max(axis=2) > 60
    assert changed[130, 41]
    assert not changed[130, 120]  # inside the box nothing is covered
    assert not changed[220, 300]


def test_boxes_are_drawn_where_they_are_on_a_smaller_picture() -> None:
    of = stream(width=640, height=480)
    previews = _previews()
    entry = Newest(1, result(of=of, detections=boxes((80, 120, 400, 400))))
    previews.encode({"gate": entry}, [Wanted("gate", "drawn", 320)])
    drawn = previews.newest("gate", "drawn")
    assert drawn is not None
    pixels = _decoded(drawn.jpeg).astype(int)
    assert pixels.shape == (240, 320, 3)
    assert pixels[150, 41, 2] - pixels[150, 41, 0] > 60  # (80 + 0.5) / 2 - 0.5 = 39.75, 2 px wide


def test_a_picture_is_encoded_once_for_all_and_again_only_if_larger() -> None:
    of = stream(width=1280, height=720)
    newest = {"gate": Newest(1, result(of=of, detections=Detections.empty()))}
    previews = _previews()
    previews.encode(newest, [Wanted("gate", "plain", 640)])
    first = previews.newest("gate", "plain")
    previews.encode(newest, [Wanted("gate", "plain", 320)])
    assert previews.newest("gate", "plain") is first
    previews.encode(newest, [Wanted("gate", "plain", 1280)])
    assert previews.newest("gate", "plain") is not first
    previews.forget()
    assert previews.newest("gate", "plain") is None
