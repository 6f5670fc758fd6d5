"""The drawn street as a source."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import islice

import numpy as np
import pytest

from streamer.clock import ManualClock
from streamer.contract import Source
from streamer.scene.scene import Scene
from streamer.sources.synthetic import SyntheticConfig, SyntheticSource

SMALL = SyntheticConfig(width=160, height=90, frames=4)


def test_stream_is_described_before_it_is_opened() -> None:
    source: Source = SyntheticSource(replace(SMALL, rate=Fraction(30000, 1001)), stream_id="yard")
    info = source.stream
    assert (info.stream_id, source.stream_id) == ("yard", "yard")
    assert (info.width, info.height, info.frame_count, info.kind) == (160, 90, 4, "video")
    assert (info.rate, info.time_base) == (Fraction(30000, 1001), Fraction(1001, 30000))
    assert not info.is_live


@pytest.mark.parametrize(
    ("rate", "exact"),
    [
        pytest.param(25, Fraction(25), id="int"),
        pytest.param(29.97, Fraction(2997, 100), id="float by its digits"),
        pytest.param("30000/1001", Fraction(30000, 1001), id="text"),
    ],
)
def test_rates_of_any_spelling_become_exact(rate: object, exact: Fraction) -> None:
    config = replace(SMALL, rate=rate)  # type: ignore[arg-type]  # as a command line would
    assert config.rate == exact
    assert SyntheticSource(config).stream.time_base == 1 / exact
    assert isinstance(SyntheticSource(config).stream.time_base, Fraction)


def test_frames_carry_exact_time_and_the_scenes_pixels_and_truth() -> None:
    clock = ManualClock(start_ns=7)
    with SyntheticSource(SMALL, clock=clock) as source:
        frames = list(source)
    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    assert [frame.pts * frame.time_base for frame in frames] == [Fraction(n, 25) for n in range(4)]
    assert {frame.captured_ns for frame in frames} == {7}
    scene = Scene(SMALL)
    for frame in frames:
        pixels, truth = scene.render(frame.index)
        np.testing.assert_array_equal(frame.bgr(), pixels)
        assert frame.truth is not None
        np.testing.assert_array_equal(frame.truth.xyxy, truth.xyxy)
        assert not frame.bgr().flags.writeable
        assert not frame.truth.xyxy.flags.writeable


def test_endless_stream_goes_on_until_it_is_closed() -> None:
    with SyntheticSource(replace(SMALL, frames=None)) as source:
        assert source.stream.frame_count is None
        frames = iter(source)
        assert [frame.index for frame in islice(frames, 12)] == list(range(12))
    assert next(frames, None) is None


def test_cached_frames_repeat_while_index_and_time_go_on() -> None:
    with SyntheticSource(replace(SMALL, frames=7, cache=3)) as source:
        frames = list(source)
    assert [frame.pts for frame in frames] == list(range(7))
    for frame in frames[3:]:
        np.testing.assert_array_equal(frame.bgr(), frames[frame.index - 3].bgr())
    assert (frames[0].bgr() != frames[1].bgr()).any()


def test_no_more_frames_are_drawn_ahead_than_will_be_given() -> None:
    with SyntheticSource(replace(SMALL, frames=2, cache=10_000)) as source:
        assert len(list(source)) == 2


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        pytest.param("width", 63, r"width: expected 64\.\.8192, got 63", id="narrow"),
        pytest.param("height", 9000, r"height: expected 64\.\.8192, got 9000", id="high"),
        pytest.param("rate", Fraction(0), "rate: expected a number above 0", id="standing still"),
        pytest.param("rate", Fraction(2000), "rate: .* up to 1000, got 2000", id="too fast"),
        pytest.param("rate", "fast", "rate: expected a number .* got fast", id="no number"),
        pytest.param("rate", float("nan"), "rate: expected a number .* got nan", id="nan rate"),
        pytest.param("rate", "1/0", "rate: expected a number .* got 1/0", id="by nothing"),
        pytest.param("width", 640.0, r"width: expected a whole number, got 640\.0", id="float"),
        pytest.param("frames", 0, r"frames: expected 1\.\.\d+, got 0", id="no frames"),
        pytest.param("seed", -1, r"seed: expected 0\.\.\d+, got -1", id="negative seed"),
        pytest.param("objects", 201, r"objects: expected 0\.\.200, got 201", id="crowd"),
        pytest.param("occluders", -1, r"occluders: expected 0\.\.20", id="occluders"),
        pytest.param("noise", 65.0, r"noise: expected 0\.\.64, got 65\.0", id="noise"),
        pytest.param("noise", float("nan"), "noise: expected .* got nan", id="not a number"),
        pytest.param("blur", -0.1, r"blur: expected 0\.\.8", id="blur"),
        pytest.param("exposure", 1.1, r"exposure: expected 0\.\.1", id="exposure"),
        pytest.param("light", 0.6, r"light: expected 0\.\.0\.5", id="light"),
        pytest.param("shadow", 2.0, r"shadow: expected 0\.\.1", id="shadow"),
        pytest.param("cache", -1, r"cache: expected 0\.\.10000", id="cache"),
    ],
)
def test_values_out_of_range_are_refused_in_one_line(
    field: str, value: object, message: str
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        replace(SMALL, **{field: value})  # type: ignore[arg-type]  # one field at a time
    assert "\n" not in str(caught.value)
