"""Byte streams on standard input, from real pipes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from streamer.errors import SourceOpenError
from streamer.sources.file import FileSource
from streamer.sources.stdin import StdinSource
from tests.paths import ROOT
from tests.streamer.clips import number_of, write_clip

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="not supported on Windows")

# A run as run.py makes it: a signal stops the pipeline, which stops the source.
CHILD = """
import signal, sys, threading
from streamer.sources.stdin import StdinSource
source = StdinSource()
signal.signal(signal.SIGINT, lambda *_: source.stop())
def read():
    try:
        with source:
            for frame in source:
                print(frame.index, frame.pts, float(frame.bgr().mean()), flush=True)
    except Exception as error:
        print(error, flush=True)
reader = threading.Thread(target=read, name="source")
reader.start()
print("reading", flush=True)
reader.join()
"""


@contextmanager
def piped(data: bytes, *, is_left_open: bool = False) -> Iterator[int]:
    """The reading end of a pipe that `data` goes into."""
    reading, writing = os.pipe()
    done = threading.Event()

    def write() -> None:
        try:
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(data)
                pipe.flush()
                if is_left_open:
                    done.wait(10)
        except BrokenPipeError:
            pass  # the reader has had enough

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield reading
    finally:
        done.set()
        os.close(reading)
        writer.join()


@pytest.fixture
def clip(tmp_path: Path) -> bytes:
    path = tmp_path / "clip.mkv"
    write_clip(path, [0, 40, 100, 140])
    return path.read_bytes()


@pytest.mark.parametrize("suffix", [".mkv", ".ts", ".flv"])
def test_every_frame_of_a_piped_stream_comes_in_order(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"clip{suffix}"
    write_clip(path, [0, 40, 80, 120])
    with subprocess.Popen(
        [sys.executable, "-c", CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=False,
        cwd=ROOT,
    ) as child:
        out, _ = child.communicate(path.read_bytes(), timeout=30)
    lines = [line.split() for line in out.decode().splitlines() if line != "reading"]
    assert [int(index) for index, _, _ in lines] == [0, 1, 2, 3]
    assert [round(float(mean) / 8) for _, _, mean in lines] == [0, 1, 2, 3]
    pts = [int(ticks) for _, ticks, _ in lines]
    ticks = 90 if suffix == ".ts" else 1
    assert [(t - pts[0]) // ticks for t in pts] == [0, 40, 80, 120]


@pytest.mark.parametrize("sent", ["nothing", "half"])
def test_ctrl_c_ends_a_silent_pipe_within_two_seconds(clip: bytes, sent: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == b"reading\n"
        child.stdin.write(clip[: len(clip) // 2] if sent == "half" else b"")
        child.stdin.flush()
        time.sleep(0.5)  # nothing tells when it waits; too early only makes the test easier
        start_s = time.monotonic()
        child.send_signal(signal.SIGINT)
        assert child.wait(timeout=10) == 0
        elapsed_s = time.monotonic() - start_s
    assert elapsed_s < 2


def test_a_stream_reads_back_with_its_numbers(clip: bytes) -> None:
    with piped(clip) as descriptor, StdinSource(descriptor=descriptor) as source:
        frames = list(source)
        assert (source.stream.width, source.stream.height) == (64, 48)
        assert not source.stream.is_live  # a pipe waits for its reader
    assert [number_of(frame.bgr()) for frame in frames] == [0, 1, 2, 3]
    assert [frame.pts for frame in frames] == [0, 40, 100, 140]


def test_pictures_without_times_begin_at_zero(tmp_path: Path) -> None:
    path = tmp_path / "clip.h264"  # its pictures have none
    write_clip(path, [0, 1, 2], time_base=Fraction(1, 25))
    with piped(path.read_bytes()) as descriptor, StdinSource(descriptor=descriptor) as source:
        piped_s = [frame.time_s for frame in source]
    with FileSource(path, stream_id="clip") as source:
        filed_s = [frame.time_s for frame in source]
    assert piped_s == filed_s
    assert piped_s[0] == 0


def write_noise(path: Path, *, frames: int) -> None:
    """A recording too large for a reader to keep, so that its end is not there at the beginning."""
    noise = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=25)
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = 640, 480, "yuv420p"
        video.bit_rate = 40_000_000
        for _ in range(frames):
            pixels = noise.integers(0, 256, (480, 640, 3), np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(pixels, "bgr24")))
        container.mux(video.encode(None))


def test_a_file_on_standard_input_may_have_its_index_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_noise(path, frames=3)
    with path.open("rb") as file, StdinSource(descriptor=file.fileno()) as source:
        assert len(list(source)) == 3


def test_a_pipe_may_not_and_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_noise(path, frames=3)
    with (
        piped(path.read_bytes()) as descriptor,
        pytest.raises(SourceOpenError, match="an mp4 needs its index first"),
        StdinSource(descriptor=descriptor),
    ):
        pass


def test_a_pipe_with_a_name_is_read_to_its_end(tmp_path: Path, clip: bytes) -> None:
    path = tmp_path / "door.mkv"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(clip,))
    writer.start()
    with StdinSource(path=path) as source:
        frames = list(source)
        assert source.stream.name == str(path)
    writer.join()
    assert [number_of(frame.bgr()) for frame in frames] == [0, 1, 2, 3]


def test_stopping_ends_waiting_for_whoever_fills_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "door.mkv"
    os.mkfifo(path)
    source = StdinSource(path=path)
    threading.Timer(0.05, source.stop).start()
    with pytest.raises(SourceOpenError, match=r"door\.mkv': stopped"), source:
        pass


def test_a_stream_cut_off_keeps_what_came_before(clip: bytes) -> None:
    with piped(clip[:-60]) as descriptor, StdinSource(descriptor=descriptor) as source:
        frames = list(source)
    assert 0 < len(frames) <= 4
    assert [frame.index for frame in frames] == list(range(len(frames)))


@pytest.mark.parametrize("data", [b"", b"no video at all\n" * 400], ids=["nothing", "words"])
def test_what_is_no_video_is_refused_in_one_line(data: bytes) -> None:
    with (
        piped(data) as descriptor,
        pytest.raises(SourceOpenError, match="'-': expected a video") as caught,
        StdinSource(descriptor=descriptor),
    ):
        pass
    assert "\n" not in str(caught.value)


def test_stopping_ends_opening_while_nothing_comes() -> None:
    with piped(b"", is_left_open=True) as descriptor:
        source = StdinSource(descriptor=descriptor)
        threading.Timer(0.05, source.stop).start()
        start_s = time.monotonic()
        with pytest.raises(SourceOpenError, match="stopped"), source:
            pass
        assert time.monotonic() - start_s < 2


def test_stopped_before_it_began_it_reads_nothing(clip: bytes) -> None:
    with piped(clip, is_left_open=True) as descriptor:
        source = StdinSource(descriptor=descriptor)
        source.stop()
        with pytest.raises(SourceOpenError, match="stopped"), source:
            pass


def test_standard_input_stays_open(clip: bytes) -> None:
    with piped(clip) as descriptor:
        with StdinSource(descriptor=descriptor) as source:
            list(source)
        os.fstat(descriptor)  # raises if it was closed


def test_a_terminal_is_refused_with_advice() -> None:
    import pty

    ours, theirs = pty.openpty()
    try:
        with (
            pytest.raises(SourceOpenError, match="got a terminal; pipe it"),
            StdinSource(descriptor=theirs),
        ):
            pass
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_file_redirected_in_reads_like_a_pipe(tmp_path: Path, clip: bytes) -> None:
    with (tmp_path / "clip.mkv").open("rb") as file:
        assert file.fileno() >= 0
        with StdinSource(descriptor=file.fileno()) as source:
            assert [frame.pts for frame in source] == [0, 40, 100, 140]


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(16000))
    with (
        piped(path.read_bytes()) as descriptor,
        pytest.raises(SourceOpenError, match="got a stream without pictures"),
        StdinSource(descriptor=descriptor),
    ):
        pass


def test_stopping_between_two_frames_ends_it(clip: bytes) -> None:
    with piped(clip) as descriptor, StdinSource(descriptor=descriptor) as source:
        frames = iter(source)
        next(frames)
        source.stop()
        source.stop()  # may be repeated
        assert next(frames, None) is None


def test_damage_in_the_middle_costs_only_what_is_damaged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "clip.mkv"
    write_clip(path, [40 * number for number in range(30)])
    with av.open(str(path)) as container:
        packet = bytes(list(container.demux(video=0))[15])
    data = path.read_bytes().replace(packet, b"\xff" * len(packet))  # no length that could be
    with piped(data) as descriptor, StdinSource(descriptor=descriptor) as source:
        numbers = [frame.pts // 40 for frame in source]
    assert 15 <= len(numbers) < 30  # some were predicted from the damaged one
    assert numbers == sorted(numbers)
    assert "damaged packets" in caplog.text
