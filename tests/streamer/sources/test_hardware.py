from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
import pytest
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from streamer.device_picture import DevicePicture
from streamer.samples import DL_CUDA
from streamer.sources.file import FileSource
from streamer.sources.hardware import (
    ON_CPU,
    HardwareChoice,
    Sample,
    Trial,
    Way,
    what_differs,
)
from streamer.sources.input_config import InputConfig
from streamer.sources.table import find_sources
from tests.streamer.clips import number_of, write_clip

COMING_DOWN, STAYING = Way(on_gpu=True), Way(on_gpu=True, stays_on=1)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    write_clip(path, [40 * number for number in range(60)], has_sound=True)
    return path


class ScriptedTrial(Trial):
    """A machine with a GPU that nobody here has: what each way gives or raises, by script.

    What the CPU gives is real, but for its rate: 100 frames a second.
    """

    def __init__(self, gpu: Mapping[Way, Sample | Exception]) -> None:
        self.tried: list[Way] = []
        self._gpu = gpu

    def has_gpu(self) -> bool:
        return True

    def sample(self, path: Path, way: Way) -> Sample:
        self.tried.append(way)
        if way == ON_CPU:
            return replace(super().sample(path, way), rate=100.0)
        found = self._gpu[way]
        if isinstance(found, Exception):
            raise found
        return found


def _sample(clip: Path, *, rate: float) -> Sample:
    """What a GPU that works gives of a recording."""
    return replace(Trial().sample(clip, ON_CPU), rate=rate, pix_fmt="nv12")


def _wrong(clip: Path) -> Sample:
    good = _sample(clip, rate=900)
    return replace(good, pictures=tuple(255 - pixels for pixels in good.pictures))


def test_a_sample_is_the_beginning(clip: Path) -> None:
    found = Trial().sample(clip, ON_CPU)
    assert [number_of(pixels) for pixels in found.pictures] == [0, 1, 2]
    assert found.pix_fmt == "yuv420p"
    assert found.rate > 0


def test_a_recording_of_a_moment_is_not_tried(tmp_path: Path) -> None:
    path = tmp_path / "short.mp4"
    write_clip(path, [0, 40, 80])
    with pytest.raises(ValueError, match="expected more than 48 frames, got 3"):
        Trial().sample(path, ON_CPU)
    trial = ScriptedTrial({})
    assert HardwareChoice(path, "auto", trial).way() == ON_CPU
    assert trial.tried == [ON_CPU]


def test_a_gpu_that_gives_anything_else_is_found_out(clip: Path) -> None:
    software = Trial().sample(clip, ON_CPU)
    good = _sample(clip, rate=1)
    assert what_differs(software, good) is None
    for bad in (
        _wrong(clip),
        replace(good, pts=tuple(0 for _ in good.pts)),
        replace(good, pix_fmt="yuv420p"),
    ):
        assert what_differs(software, bad) is not None


@pytest.mark.parametrize(
    ("wish", "rate", "expected"),
    [
        pytest.param("auto", 200, COMING_DOWN, id="faster"),
        pytest.param("auto", 50, ON_CPU, id="slower"),
        pytest.param("nvdec", 50, COMING_DOWN, id="slower, but wished for"),
        pytest.param("cpu", 200, ON_CPU, id="faster, but not wished for"),
    ],
)
def test_the_faster_is_taken_or_what_was_wished_for(
    clip: Path, wish: str, rate: float, expected: Way, caplog: pytest.LogCaptureFixture
) -> None:
    trial = ScriptedTrial({COMING_DOWN: _sample(clip, rate=rate)})
    choice = HardwareChoice(clip, wish, trial)  # type: ignore[arg-type]  # one of the three
    with caplog.at_level(logging.WARNING):
        assert choice.way() == choice.way() == expected
    assert trial.tried == ([] if wish == "cpu" else [ON_CPU, COMING_DOWN])  # once
    assert not caplog.records


def test_pictures_stay_where_the_stage_takes_them_from(clip: Path) -> None:
    trial = ScriptedTrial({STAYING: _sample(clip, rate=200)})
    choice = HardwareChoice(clip, "auto", trial)
    choice.stay_on((DL_CUDA, 1))
    assert choice.way() == STAYING
    assert trial.tried == [ON_CPU, STAYING]


def test_a_slow_gpu_is_slow_wherever_pictures_stay(clip: Path) -> None:
    trial = ScriptedTrial({STAYING: _sample(clip, rate=50)})
    choice = HardwareChoice(clip, "auto", trial)
    choice.stay_on((DL_CUDA, 1))
    assert choice.way() == ON_CPU
    assert trial.tried == [ON_CPU, STAYING]


@pytest.mark.parametrize("trouble", [OSError("no context"), "other pictures"], ids=str)
def test_where_they_cannot_stay_they_come_down_and_one_line_says_so(
    clip: Path, trouble: Exception | str, caplog: pytest.LogCaptureFixture
) -> None:
    staying = trouble if isinstance(trouble, Exception) else _wrong(clip)
    trial = ScriptedTrial({STAYING: staying, COMING_DOWN: _sample(clip, rate=200)})
    choice = HardwareChoice(clip, "auto", trial)
    choice.stay_on((DL_CUDA, 1))
    with caplog.at_level(logging.WARNING):
        assert choice.way() == COMING_DOWN
    (record,) = caplog.records
    assert record.getMessage().startswith(f"{clip}: pictures cannot stay on the GPU (")
    assert str(trouble) in record.getMessage()


def test_a_gpu_that_fails_in_every_way_is_one_line(
    clip: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trial = ScriptedTrial({STAYING: OSError("no context"), COMING_DOWN: OSError("no decoder")})
    choice = HardwareChoice(clip, "auto", trial)
    choice.stay_on((DL_CUDA, 1))
    with caplog.at_level(logging.WARNING):
        assert choice.way() == ON_CPU
    assert [record.getMessage() for record in caplog.records] == [
        f"{clip}: decoding on the GPU failed (no decoder); using the CPU"
    ]


def test_a_stage_on_the_host_keeps_no_picture_on_a_gpu(clip: Path) -> None:
    trial = ScriptedTrial({COMING_DOWN: _sample(clip, rate=200)})
    choice = HardwareChoice(clip, "auto", trial)
    choice.stay_on((1, 0))  # DLPack's CPU
    assert choice.way() == COMING_DOWN


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
    if choice.way().on_gpu:
        pytest.skip("there is one")
    assert choice.way() == ON_CPU  # not tried again
    (record,) = caplog.records
    assert "using the CPU" in record.getMessage()


class _Failing(Way):
    """A GPU that gives up after some packets; what it decodes, the CPU does."""

    __slots__ = ()

    def open(self, path: Path) -> InputContainer:
        container = ON_CPU.open(path)
        return _FailingContainer(container)  # type: ignore[return-value]  # as far as it is used


class _FailingContainer:
    """Stands before PyAV's container, whose driver cannot be made to fail here."""

    def __init__(self, container: InputContainer, packets: int = 30) -> None:
        self._container = container
        self._packets = packets
        self.streams = container.streams

    def demux(self, video: VideoStream) -> Iterator[Packet[VideoStream]]:
        for number, packet in enumerate(self._container.demux(video)):
            if number == self._packets:
                raise av.error.ExternalError(1, "the device is busy")
            yield packet

    def close(self) -> None:
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class _Given(HardwareChoice):
    """Says a way without a trial."""

    def __init__(self, path: Path, way: Way) -> None:
        super().__init__(path, "nvdec")
        self._way = way


def test_a_gpu_that_fails_on_the_way_leaves_the_rest_to_the_cpu(
    clip: Path, caplog: pytest.LogCaptureFixture
) -> None:
    choice = _Given(clip, _Failing(on_gpu=True))
    with FileSource(clip, stream_id="a", hardware=choice) as source:
        frames = [(frame.index, frame.pts, number_of(frame.bgr())) for frame in source]
    with FileSource(clip, stream_id="a") as source:
        expected = [(frame.index, frame.pts, number_of(frame.bgr())) for frame in source]
    assert frames == expected
    (record,) = caplog.records
    assert record.getMessage().endswith("failed: the device is busy); using the CPU")
    assert choice.way() == ON_CPU


@pytest.mark.gpu
@pytest.mark.parametrize("stays", [False, True], ids=["coming down", "staying"])
def test_a_gpu_decodes_what_the_cpu_does(clip: Path, *, stays: bool) -> None:
    """Needs the driver's video part, too, which not every machine with CUDA has."""
    choice = HardwareChoice(clip, "nvdec")
    if stays:
        choice.stay_on((DL_CUDA, 0))
    if not choice.way().on_gpu:
        pytest.skip("no NVDEC here")
    assert choice.way() == Way(on_gpu=True, stays_on=0 if stays else None)
    with FileSource(clip, stream_id="a") as source:
        expected = [(frame.pts, frame.bgr()) for frame in source]
    with FileSource(clip, stream_id="a", hardware=choice) as source:
        frames = list(source)
    assert all(isinstance(frame.picture, DevicePicture) == stays for frame in frames)
    assert [frame.pts for frame in frames] == [pts for pts, _ in expected]
    for frame, (_, theirs) in zip(frames, expected, strict=True):
        np.testing.assert_array_equal(frame.bgr(), theirs)
