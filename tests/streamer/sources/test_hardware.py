from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from streamer.sources.file import FileSource
from streamer.sources.hardware import HardwareChoice, Sample, sample, why_not
from streamer.sources.input_config import InputConfig
from streamer.sources.table import find_sources
from tests.streamer.clips import number_of, write_clip


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    write_clip(path, [40 * number for number in range(60)], has_sound=True)
    return path


def _gpu_s(software: Sample) -> Sample:
    """What a GPU that works gives of the same recording, twice as fast."""
    return replace(software, rate=2 * software.rate, pix_fmt="nv12")


def test_a_sample_is_the_beginning(clip: Path) -> None:
    found = sample(clip, on_gpu=False)
    assert [number_of(pixels) for pixels in found.pictures] == [0, 1, 2]
    assert found.pix_fmt == "yuv420p"
    assert found.rate > 0


def test_a_faster_gpu_with_the_same_pictures_is_taken(clip: Path) -> None:
    software = sample(clip, on_gpu=False)
    assert why_not(software, _gpu_s(software), is_wished=False) is None


def test_a_slower_gpu_is_taken_only_if_it_was_wished_for(clip: Path) -> None:
    software = sample(clip, on_gpu=False)
    slow = replace(_gpu_s(software), rate=software.rate / 2)
    reason = why_not(software, slow, is_wished=False)
    assert reason is not None
    assert reason.endswith("on the GPU")
    assert why_not(software, slow, is_wished=True) is None


def test_a_gpu_that_gives_anything_else_is_not_taken_even_so(clip: Path) -> None:
    software = sample(clip, on_gpu=False)
    good = _gpu_s(software)
    turned = tuple(np.ascontiguousarray(pixels[::-1] + 1) for pixels in good.pictures)
    for bad in (
        replace(good, pictures=turned),
        replace(good, pts=tuple(0 for _ in good.pts)),
        replace(good, pix_fmt="yuv420p"),
    ):
        assert why_not(software, bad, is_wished=True) is not None


def test_a_recording_of_a_moment_is_not_tried(tmp_path: Path) -> None:
    path = tmp_path / "short.mp4"
    write_clip(path, [0, 40, 80])
    with pytest.raises(ValueError, match="expected more than 48 frames, got 3"):
        sample(path, on_gpu=False)


@pytest.mark.parametrize("wish", ["auto", "cpu", "nvdec"])
def test_a_recording_comes_whole_whatever_was_wished(
    clip: Path, wish: str, caplog: pytest.LogCaptureFixture
) -> None:
    config = InputConfig(decode=wish)  # type: ignore[arg-type]  # one of the three
    (named,) = find_sources(str(clip), config)
    with caplog.at_level(logging.WARNING), named.make("clip") as source:
        numbers = [number_of(frame.bgr()) for frame in source]
    assert numbers == [number % 32 for number in range(60)]
    if wish != "nvdec":
        assert not caplog.records


def test_a_gpu_that_was_wished_for_in_vain_is_one_line(
    clip: Path, caplog: pytest.LogCaptureFixture
) -> None:
    choice = HardwareChoice(clip, "nvdec")
    if choice.accelerator() is not None:
        pytest.skip("there is one")
    assert choice.accelerator() is None  # not tried again
    (record,) = caplog.records
    assert "using the CPU" in record.getMessage()


@pytest.mark.gpu
def test_a_gpu_decodes_what_the_cpu_does(clip: Path) -> None:
    """Needs the driver's video part, too, which not every machine with CUDA has."""
    choice = HardwareChoice(clip, "nvdec")
    if choice.accelerator() is None:
        pytest.skip("no NVDEC here")
    with FileSource(clip, stream_id="a") as source:
        expected = [(frame.pts, frame.bgr()) for frame in source]
    with FileSource(clip, stream_id="a", hardware=choice) as source:
        found = [(frame.pts, frame.bgr()) for frame in source]
    assert [pts for pts, _ in found] == [pts for pts, _ in expected]
    for (_, ours), (_, theirs) in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
