from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from detector.detections import Detections
from sinks.file import FileSink
from sinks.mp4 import FileConfig
from streamer.frame import StreamInfo
from streamer.result import Result
from streamer.sources.file import FileSource
from tests.paths import SHARED, needs_shared
from tests.sinks.results import STREAM, results, sound_of, times_of, write_all

EVERY = 1001
RATE = 16000


def recording(path: Path, codec: str, *, frames: int = 60, start: int = 0) -> StreamInfo:
    """A short file with pictures and a tone, and the stream that a source would make of it."""
    stream = replace(STREAM, sound_path=path)
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=stream.rate)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        video.time_base = stream.time_base
        audio = container.add_stream(codec, rate=RATE)
        assert isinstance(audio, av.AudioStream)
        audio.layout = "mono"
        audio.codec_context.open()
        for index in range(frames):
            picture = av.VideoFrame(64, 48, "yuv420p")
            picture.pts, picture.time_base = start + index * EVERY, stream.time_base
            container.mux(video.encode(picture))
        _tone(container, audio, seconds=frames / 29.97, start_s=Fraction(start, 30000))
        container.mux(video.encode(None))
    return stream


def _tone(
    container: av.container.OutputContainer,
    audio: av.AudioStream,
    *,
    seconds: float,
    start_s: Fraction,
) -> None:
    context = audio.codec_context
    resampler = av.AudioResampler(context.format, "mono", RATE, frame_size=context.frame_size)
    wave = np.sin(np.arange(int(seconds * RATE)) * 440 * 2 * np.pi / RATE) * 8000
    frame = av.AudioFrame.from_ndarray(wave.astype(np.int16)[None], format="s16", layout="mono")
    frame.sample_rate, frame.pts = RATE, round(start_s * RATE)
    frame.time_base = Fraction(1, RATE)
    for piece in (*resampler.resample(frame), *resampler.resample(None)):
        container.mux(audio.encode(piece))
    container.mux(audio.encode(None))


def samples_of(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(frame.samples for frame in container.decode(audio=0))


def _write(target: Path, stream: StreamInfo, pts: Sequence[int]) -> None:
    write_all(FileSink(target, ()), results(pts, stream=stream))


def _annotate(path: Path, target: Path) -> None:
    with FileSource(path, stream_id="clip") as source, FileSink(target, ()) as sink:
        for frame in source:
            sink.write(Result(frame, Detections.empty(), 0, 0))


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        (".mp4", "aac"),
        (".mkv", "libmp3lame"),
        (".mkv", "libopus"),
        (".mkv", "flac"),
        (".avi", "mp2"),
    ],
)
def test_sound_that_mp4_can_hold_is_copied_bit_by_bit(
    tmp_path: Path, suffix: str, codec: str
) -> None:
    source, target = tmp_path / f"in{suffix}", tmp_path / "out.mp4"
    stream = recording(source, codec)
    _write(target, stream, range(0, 60 * EVERY, EVERY))
    given, written = sound_of(source), sound_of(target)
    assert len(given) > 20
    assert [data for _, data in written] == [data for _, data in given]
    off = [abs(a - b) for (a, _), (b, _) in zip(written, given, strict=True)]
    assert max(off) <= Fraction(1, 500)  # Matroska and AVI tick in ms or frames
    assert times_of(target) == [Fraction(index * EVERY, 30000) for index in range(60)]


@pytest.mark.parametrize("codec", ["aac", "mp2", "libopus"])
def test_sound_of_a_transport_stream_is_kept(tmp_path: Path, codec: str) -> None:
    source, target = tmp_path / "in.ts", tmp_path / "out.mp4"
    recording(source, codec)
    _annotate(source, target)
    assert len(times_of(target)) == 60
    given, written = sound_of(source), sound_of(target)
    off = [abs(a - b) for (a, _), (b, _) in zip(written, given, strict=True)]
    assert max(off) <= Fraction(1, RATE)
    assert samples_of(target) == samples_of(source)  # so it is understood


def test_other_sound_becomes_aac_of_the_same_length(tmp_path: Path) -> None:
    source, target = tmp_path / "in.avi", tmp_path / "out.mp4"
    stream = recording(source, "pcm_s16le")
    _write(target, stream, range(0, 60 * EVERY, EVERY))
    with av.open(str(target)) as container:
        assert container.streams.audio[0].codec_context.name == "aac"
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
    wave = np.concatenate(frames, axis=1)[0]
    assert wave.size / RATE == pytest.approx(60 / 29.97, abs=0.1)  # AAC works in 64 ms pieces
    spectrum = np.abs(np.fft.rfft(wave))
    assert spectrum.argmax() * RATE / wave.size == pytest.approx(440, abs=2)


def test_a_late_start_keeps_sound_and_pictures_together(tmp_path: Path) -> None:
    source, target = tmp_path / "in.mp4", tmp_path / "out.mp4"
    stream = recording(source, "aac", start=300_000)
    _write(target, stream, range(300_000, 300_000 + 60 * EVERY, EVERY))
    assert [time for time, _ in sound_of(target)] == [time for time, _ in sound_of(source)]
    assert times_of(target)[0] == 10


def test_sound_moves_with_pictures_that_start_before_zero(tmp_path: Path) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / "out.mp4"
    stream = recording(source, "flac")
    _write(target, stream, range(-30 * EVERY, 30 * EVERY, EVERY))
    moved = [a - b for (a, _), (b, _) in zip(sound_of(target), sound_of(source), strict=False)]
    assert all(abs(shift - Fraction(30 * EVERY, 30000)) < Fraction(1, 500) for shift in moved)


def test_sound_ends_with_the_last_picture_of_a_limited_run(tmp_path: Path) -> None:
    source, target = tmp_path / "in.mp4", tmp_path / "out.mp4"
    stream = recording(source, "aac", frames=120)
    _write(target, stream, range(0, 30 * EVERY, EVERY))
    end_s = Fraction(30 * EVERY, 30000)
    written = [time for time, _ in sound_of(target)]
    assert written == [time for time, _ in sound_of(source) if time < end_s]


@pytest.mark.parametrize("swapped", [1, 0], ids=["after the first", "before the first"])
@pytest.mark.parametrize("start", [0, 300_000], ids=["from zero", "late"])
def test_sound_stays_right_where_times_go_backwards(
    tmp_path: Path, start: int, swapped: int
) -> None:
    source, target = tmp_path / "in.mp4", tmp_path / "out.mp4"
    stream = recording(source, "aac", start=start)
    order = [*range(swapped), *(k + swap for k in range(swapped, 59, 2) for swap in (1, 0))]
    pts = [start + index * EVERY + 5 for index in order]
    _write(target, stream, pts)
    assert times_of(target) == [Fraction(ticks, 30000) for ticks in pts]
    # the first packet is the encoder's padding; without an edit list it cannot be placed
    assert sound_of(target)[-29:] == sound_of(source)[-29:]


def test_missing_sound_costs_a_warning_and_no_picture(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    target = tmp_path / "out.mp4"
    stream = replace(STREAM, sound_path=tmp_path / "gone.mp4")
    with caplog.at_level(logging.WARNING):
        _write(target, stream, range(0, 20 * EVERY, EVERY))
    assert len(times_of(target)) == 20
    assert [record.getMessage() for record in caplog.records if "gone.mp4" in record.getMessage()]


@pytest.mark.parametrize("codec", ["pcm_s16le", "mp2"])
def test_damaged_sound_costs_no_picture(tmp_path: Path, codec: str) -> None:
    source, target = tmp_path / "in.avi", tmp_path / "out.mp4"
    stream = recording(source, codec)
    data = bytearray(source.read_bytes())
    rng = np.random.default_rng(5)
    for place in rng.integers(6000, len(data), 200).tolist():
        data[place] ^= 0xFF
    source.write_bytes(data[: len(data) * 2 // 3])
    _write(target, stream, range(0, 60 * EVERY, EVERY))
    assert times_of(target) == [Fraction(index * EVERY, 30000) for index in range(60)]


def test_words_that_no_letters_stand_for_cost_nothing(tmp_path: Path) -> None:
    """A byte of the file's own description was damaged, and the run ended with an error."""
    source, target = tmp_path / "in.avi", tmp_path / "out.mp4"
    stream = recording(source, "mp2")
    data = source.read_bytes()
    assert b"Lavf" in data  # the program that wrote it
    source.write_bytes(data.replace(b"Lavf", b"\xb3avf"))
    _write(target, stream, range(0, 60 * EVERY, EVERY))
    assert sound_of(target)


def test_sound_can_be_left_out(tmp_path: Path) -> None:
    source, target = tmp_path / "in.mp4", tmp_path / "out.mp4"
    stream = recording(source, "aac")
    write_all(FileSink(target, (), FileConfig(sound=False)), results([0, EVERY], stream=stream))
    assert sound_of(target) == []


@needs_shared("data", "video", "intel_car-detection.mp4")
def test_the_sound_of_a_recording_is_copied(tmp_path: Path) -> None:
    path, target = SHARED / "data" / "video" / "intel_car-detection.mp4", tmp_path / "out.mp4"
    _annotate(path, target)
    assert sound_of(target) == sound_of(path)
