from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from streamer.contract import HoldsNothing
from streamer.frame import Frame, StreamInfo, StreamKind
from streamer.picture import BgrPicture
from streamer.sources.synthetic import SyntheticConfig, SyntheticSource
from train.teacher.difference import DifferenceConfig, Differing, difference, fingerprint

Pixels = NDArray[np.uint8]


class Given(HoldsNothing):
    """A source of the frames it is given."""

    def __init__(self, frames: Sequence[Frame]) -> None:
        self._frames = frames
        self.stream_id = "given"
        self.stream = frames[0].stream

    def __iter__(self) -> Iterator[Frame]:
        yield from self._frames


def _frames(
    pictures: Sequence[Pixels], times_s: Sequence[float], kind: StreamKind = "video"
) -> list[Frame]:
    stream = StreamInfo("given", "given", 128, 96, Fraction(1, 1000), kind=kind)
    return [
        Frame(stream, index, round(1000 * time_s), Fraction(1, 1000), 0, BgrPicture(pixels.copy()))
        for index, (pixels, time_s) in enumerate(zip(pictures, times_s, strict=True))
    ]


def _scene(at: int = 0, *, side: int = 32) -> Pixels:
    """A street of stripes with a dark square, `at` px from the left."""
    pixels = np.tile(np.linspace(60, 200, 128).astype(np.uint8)[None, :, None], (96, 1, 3))
    pixels[30 : 30 + side, at : at + side] = 10
    return pixels


def _kept(frames: Sequence[Frame], config: DifferenceConfig) -> list[int]:
    with Differing(Given(frames), config) as source:
        return [frame.index for frame in source]


def test_the_same_picture_differs_by_nothing() -> None:
    assert difference(fingerprint(_scene()), fingerprint(_scene())) == 0


def test_difference_is_the_share_of_the_area_that_changed() -> None:
    # a square of 32 x 32 px of 128 x 96 appears and leaves: 2 x 1024 / 12288 = 1/6
    changed = difference(fingerprint(_scene(0)), fingerprint(_scene(64)))
    assert changed == pytest.approx(1 / 6, abs=0.01)


@given(st.integers(-9, 9))
def test_exposure_does_not_count(brighter: int) -> None:
    pixels = (_scene().astype(np.int16) + brighter).clip(0, 255).astype(np.uint8)
    assert difference(fingerprint(_scene()), fingerprint(pixels)) == 0


def test_noise_of_a_sensor_does_not_count() -> None:
    noise = np.random.default_rng(0).normal(0, 5, (96, 128, 3))
    noisy = (_scene() + noise).clip(0, 255).astype(np.uint8)
    assert difference(fingerprint(_scene()), fingerprint(noisy)) < 0.001


def test_size_of_the_picture_does_not_matter() -> None:
    assert fingerprint(np.zeros((5, 7, 3), np.uint8)).shape == (48, 64)


def test_frame_without_change_is_left_out() -> None:
    pictures = [_scene(0), _scene(0), _scene(40), _scene(40), _scene(80)]
    assert _kept(_frames(pictures, range(5)), DifferenceConfig()) == [0, 2, 4]


def test_what_was_seen_before_is_left_out_while_it_is_remembered() -> None:
    frames = _frames([_scene(0), _scene(40), _scene(80), _scene(0)], range(4))
    assert _kept(frames, DifferenceConfig()) == [0, 1, 2]
    assert _kept(frames, DifferenceConfig(memory=2)) == [0, 1, 2, 3]


def test_frames_closer_than_the_gap_are_left_out() -> None:
    pictures = [_scene(at) for at in (0, 20, 40, 60, 80)]
    frames = _frames(pictures, [0, 0.4, 0.8, 1.2, 1.6])
    assert _kept(frames, DifferenceConfig(min_gap_s=0.5)) == [0, 2, 4]
    assert _kept(frames, DifferenceConfig(min_gap_s=0)) == [0, 1, 2, 3, 4]


def test_time_that_jumps_back_is_far_enough() -> None:
    frames = _frames([_scene(0), _scene(40), _scene(80)], [50, 0, 1])
    assert _kept(frames, DifferenceConfig()) == [0, 1, 2]


def test_pictures_of_a_folder_have_no_gap() -> None:
    frames = _frames([_scene(0), _scene(40), _scene(40)], [0, 1, 2], "images")
    assert _kept(frames, DifferenceConfig(min_gap_s=60)) == [0, 1]


def test_drawn_street_gives_some_of_its_frames() -> None:
    """Crowded, so that something always moves; the sensor's noise alone is no reason to keep."""
    config = SyntheticConfig(width=160, height=96, frames=24, objects=12, rate=Fraction(4))
    with Differing(SyntheticSource(config, stream_id="s"), DifferenceConfig(0.02, 0.5)) as moving:
        kept = [frame.index for frame in moving]
    assert 2 <= len(kept) <= 12
    assert kept[0] == 0
    assert min(np.diff(kept)) >= 2
    still = SyntheticConfig(width=160, height=96, frames=10, objects=0, noise=3.0)
    with Differing(SyntheticSource(still, stream_id="s"), DifferenceConfig(min_gap_s=0)) as source:
        assert [frame.index for frame in source] == [0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"least": 1.5}, "difference: expected 0..1"),
        ({"min_gap_s": -1}, "min_gap: expected seconds"),
        ({"min_gap_s": float("nan")}, "min_gap: expected seconds"),
        ({"memory": 0}, "memory: expected at least 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DifferenceConfig(**options)  # type: ignore[arg-type]  # one field each
