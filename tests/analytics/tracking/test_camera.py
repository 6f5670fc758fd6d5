"""A camera that turns is followed, one that stands is not, and tracks survive a fast turn."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.track import Track
from analytics.tracking.bytetrack import ByteTrackConfig
from analytics.tracking.camera import CameraShift
from detector.detections import Detections
from streamer.frame import Frame, StreamInfo
from streamer.picture import BgrPicture, PlaneArray
from streamer.result import Result

WIDTH, HEIGHT = 320, 180


def _scene(seed: int = 0) -> PlaneArray:
    """A wide view with something to see at every scale."""
    random = np.random.default_rng(seed)
    wide = np.zeros((400, 1200), np.float32)
    for cells in (6, 24, 96):
        coarse = random.normal(0, 1, (cells, 3 * cells)).astype(np.float32)
        wide += cv2.resize(coarse, (1200, 400), interpolation=cv2.INTER_CUBIC)
    low, high = wide.min(), wide.max()
    grey: PlaneArray = ((wide - low) * (255 / (high - low))).astype(np.uint8)
    return grey


def _look(scene: PlaneArray, x: int, y: int) -> PlaneArray:
    return scene[y : y + HEIGHT, x : x + WIDTH]


@settings(max_examples=20, deadline=None)
@given(st.integers(-60, 60), st.integers(-40, 40), st.integers(0, 3))
def test_a_turn_is_measured(dx: int, dy: int, seed: int) -> None:
    scene, camera = _scene(seed), CameraShift()
    camera.update(_look(scene, 400, 100))
    x, y = camera.update(_look(scene, 400 + dx, 100 + dy))
    assert x * WIDTH == pytest.approx(dx, abs=1.5)  # blocks of 2 px, a fraction of one
    assert y * HEIGHT == pytest.approx(dy, abs=1.5)


def test_turns_add_up_to_where_the_camera_points() -> None:
    scene, camera = _scene(), CameraShift()
    places = [(400 + 9 * step, 100 - 2 * step) for step in range(40)]
    x, y = [camera.update(_look(scene, *at)) for at in places][-1]
    assert x * WIDTH == pytest.approx(places[-1][0] - 400, abs=6)
    assert y * HEIGHT == pytest.approx(places[-1][1] - 100, abs=6)


def test_noise_is_no_turn() -> None:
    camera, random = CameraShift(), np.random.default_rng(1)
    for _ in range(30):
        noise = random.integers(0, 256, (HEIGHT, WIDTH)).astype(np.uint8)
        assert camera.update(noise) == (0.0, 0.0)


@pytest.mark.parametrize("level", [0, 128])
def test_a_picture_without_anything_to_see_is_no_turn(level: int) -> None:
    camera = CameraShift()
    flat = np.full((HEIGHT, WIDTH), level, np.uint8)
    assert [camera.update(flat) for _ in range(2)] == [(0.0, 0.0)] * 2


def test_a_new_size_and_a_tiny_picture_are_no_turn() -> None:
    camera = CameraShift()
    camera.update(_look(_scene(), 400, 100))
    assert camera.update(_scene()) == (0.0, 0.0)
    assert camera.update(np.zeros((1, 1), np.uint8)) == (0.0, 0.0)


@pytest.mark.parametrize(("follows", "ids"), [(True, 1), (False, 2)], ids=["followed", "not"])
def test_a_track_survives_a_jerk_only_where_the_camera_is_followed(follows: bool, ids: int) -> None:
    scene = cv2.cvtColor(_scene(), cv2.COLOR_GRAY2BGR)
    stream = StreamInfo("door", "door", WIDTH, HEIGHT, Fraction(1, 25), rate=Fraction(25))
    track = Track.of_stream(stream, ByteTrackConfig(), CameraShift() if follows else None)
    seen: set[int] = set()
    for index in range(30):
        x = 400 + 70 * (index >= 10) - 70 * (index >= 20)  # to the right, and back
        pixels = scene[100 : 100 + HEIGHT, x : x + WIDTH].copy()
        left = 550.0 - x + index * 0.5  # someone who walks over the scene
        pixels[60:140, round(left) : round(left) + 30] = (30, 30, 200)
        found = Detections(
            np.array([[left, 60, left + 29, 139]], np.float32),
            np.array([0.9], np.float32),
            np.zeros(1, np.int32),
        )
        frame = Frame(stream, index, index, stream.time_base, 0, BgrPicture(pixels))
        tracked = track.update(Result(frame, found, 0, 0)).detections
        seen |= set() if tracked.track_id is None else set(tracked.track_id.tolist())
    assert len(seen) == ids
