"""An overlay file, laid over its source by FFmpeg, gives the annotated video, at its times."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.filter import Graph
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from detector.detections import Detections
from sinks.alpha import OverlayConfig
from sinks.file import FileSink
from sinks.mp4 import FileConfig
from sinks.overlay_file import OverlayFileSink
from streamer.errors import SinkError
from streamer.result import Result
from streamer.sources.file import FileSource
from tests.paths import ROOT
from tests.sinks.results import STREAM, boxes, picture, results, times_of
from tests.streamer.clips import write_clip

SUFFIXES = [".webm", ".mov"]
FOUND = boxes((20, 40, 150, 120), (200, 10, 301, 99), track_id=np.array([7, 1234]))
VARIABLE = [64, 97, 130, 500, 533, 600, 633, 1666]  # ms; starts late
WIDE = replace(STREAM, width=320, height=180)


def _write(path: Path, given: Iterator[Result[Detections]], **config: object) -> None:
    with OverlayFileSink(path, ("person", "car"), OverlayConfig(**config)) as sink:  # type: ignore[arg-type]  # a table of options
        for result in given:
            sink.write(result)


def _with_alpha(path: Path) -> list[VideoFrame]:
    """All pictures; FFmpeg's own VP9 decoder would leave the alpha out."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        is_vp9 = stream.codec_context.name == "vp9"
        codec = av.CodecContext.create("libvpx-vp9", "r") if is_vp9 else stream.codec_context
        frames: list[VideoFrame] = []
        for packet in container.demux(stream):
            frames += codec.decode(packet if packet.size else None)
        return frames


def _alpha(frame: VideoFrame) -> NDArray[np.uint8]:
    """(H, W) 0..255."""
    return frame.to_ndarray(format="rgba")[..., 3].astype(np.uint8)


def _laid_over(below: VideoFrame, above: VideoFrame) -> list[NDArray[np.uint8]]:
    """Y, U and V, 4:2:0, of what FFmpeg's overlay filter makes of the two.

    The filter's own way from 4:4:4 to 4:2:0 looks beyond the edges of what is drawn, so that is
    laid over in 4:4:4.
    """
    is_full = "444" in above.format.name
    graph = Graph()
    inputs = [
        graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 1000)
        )
        for frame in (below, above)
    ]
    overlay = graph.add("overlay", f"format={'yuv444' if is_full else 'yuv420'}")
    out = graph.add("buffersink")
    for number, buffer in enumerate(inputs):
        buffer.link_to(overlay, 0, number)
    overlay.link_to(out, 0, 0)
    graph.configure()
    for buffer, frame in zip(inputs, (below, above), strict=True):
        frame.pts, frame.time_base = 0, Fraction(1, 1000)
        buffer.push(frame)
        buffer.push(None)
    merged = graph.pull()
    assert isinstance(merged, VideoFrame)
    return _planes(merged)


def _planes(frame: VideoFrame) -> list[NDArray[np.uint8]]:
    """Y, U and V of 8 bits; full chroma is averaged over 2 x 2."""
    y, u, v = (
        np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, -1)[:, : plane.width]
        for plane in frame.planes[:3]
    )
    if u.shape != y.shape:
        return [y, u, v]
    height, width = y.shape
    halves = [p.reshape(height // 2, 2, width // 2, 2).mean((1, 3)).round() for p in (u, v)]
    return [y, *(half.astype(np.uint8) for half in halves)]


def _psnr(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    error = np.mean((one.astype(float) - other.astype(float)) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    "pts", [[*range(0, 320, 40)], VARIABLE], ids=["constant rate", "variable rate, late start"]
)
def test_laid_over_the_source_it_is_the_annotated_video(
    tmp_path: Path, suffix: str, pts: list[int]
) -> None:
    clip, drawn, layer = tmp_path / "clip.mkv", tmp_path / "drawn.mp4", tmp_path / f"layer{suffix}"
    write_clip(clip, pts, size_wh=(320, 180))
    source_frames, times = [], []
    with (
        FileSource(clip, stream_id="clip") as source,
        FileSink(drawn, ("person", "car"), FileConfig()) as annotated,
        OverlayFileSink(layer, ("person", "car")) as overlay,
    ):
        for frame in source:
            shift = np.float32(frame.index * 2)
            result = Result(frame, replace(FOUND, xyxy=FOUND.xyxy + shift), 0, 0)
            annotated.write(result)
            overlay.write(result)
            i420 = frame.i420()
            packed = np.concatenate([plane.reshape(-1) for plane in (i420.y, i420.u, i420.v)])
            below = VideoFrame.from_ndarray(packed.reshape(-1, 320), format="yuv420p")
            source_frames.append(below)
            times.append(frame.pts * frame.time_base)
    with av.open(str(drawn)) as container:
        expected = [_planes(frame) for frame in container.decode(video=0)]
    layers = _with_alpha(layer)
    assert len(layers) == len(expected) == len(pts)
    assert times_of(layer) == times  # whole milliseconds, so exact in webm too
    for below, above, wanted in zip(source_frames, layers, expected, strict=True):
        alpha = _alpha(above)
        assert set(np.unique(alpha)) == {0, 255}
        is_drawn = alpha == 255
        assert 0.01 < is_drawn.mean() < 0.3
        merged = _laid_over(below, above)
        for one, other in zip(merged, wanted, strict=True):
            area = is_drawn if one.shape == is_drawn.shape else is_drawn[::2, ::2]
            assert _psnr(one[area], other[area]) > 35
        luma = _planes(below)[0]
        assert np.array_equal(merged[0][~is_drawn], luma[~is_drawn])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_picture_without_boxes_is_wholly_transparent(tmp_path: Path, suffix: str) -> None:
    layer = tmp_path / f"layer{suffix}"
    _write(layer, results([0, 1001], stream=WIDE))
    assert [int(_alpha(frame).max()) for frame in _with_alpha(layer)] == [0, 0]


def test_a_lossy_webm_leaves_no_more_than_traces_around_what_is_drawn(tmp_path: Path) -> None:
    layer = tmp_path / "layer.webm"
    _write(layer, results([0, 1001], stream=WIDE, detections=FOUND), lossless=False)
    for frame in _with_alpha(layer):
        alpha = _alpha(frame)
        assert set(np.unique(alpha)) <= {*range(16), *range(240, 256)}
        assert (alpha > 127).any()


@pytest.mark.parametrize(
    ("suffix", "time_base", "off_s"),
    [(".mov", Fraction(1, 30000), Fraction(0)), (".webm", Fraction(1, 30000), Fraction(1, 2000))],
    ids=["mov exactly", "webm to the millisecond"],
)
def test_times_are_those_of_the_source(
    tmp_path: Path, suffix: str, time_base: Fraction, off_s: Fraction
) -> None:
    layer = tmp_path / f"layer{suffix}"
    pts = [7007, 8008, 9009, 20020, 20521, 90090]
    _write(layer, results(pts, time_base=time_base))
    off = [abs(at - ticks * time_base) for at, ticks in zip(times_of(layer), pts, strict=True)]
    assert max(off) <= off_s


def test_a_mov_keeps_times_that_jump_back(tmp_path: Path) -> None:
    layer = tmp_path / "layer.mov"
    pts = [1, 2, 4, 3, 6, 5, 8, 7]
    _write(layer, results(pts, time_base=Fraction(1, 30)))
    assert times_of(layer) == [Fraction(ticks, 30) for ticks in pts]


def test_a_webm_says_that_it_cannot_hold_times_that_jump_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    layer = tmp_path / "layer.webm"
    with caplog.at_level(logging.WARNING):
        _write(layer, results([1, 2, 4, 3, 6], time_base=Fraction(1, 30)))
    assert len(times_of(layer)) == 5
    assert "cannot hold" in caplog.text


def test_a_stream_that_changes_its_size_keeps_its_boxes_in_place(tmp_path: Path) -> None:
    layer = tmp_path / "layer.webm"
    first, second = results([0, 1001], stream=WIDE, detections=boxes((40, 40, 99, 99)))
    second = replace(
        second,
        frame=replace(second.frame, picture=picture(1, 640, 360)),
        detections=boxes((80.5, 80.5, 198.5, 198.5)),  # the same place, index convention
    )
    _write(layer, iter([first, second]))
    one, other = (_alpha(frame) for frame in _with_alpha(layer))
    assert np.array_equal(one, other)


@pytest.mark.parametrize("suffix", [".mp4", ".gif", ""], ids=["mp4", "gif", "none"])
def test_a_format_without_transparency_is_refused(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(SinkError, match=r"expected a name ending in \.webm or \.mov"):
        OverlayFileSink(tmp_path / f"layer{suffix}", ()).__enter__()


def test_an_existing_file_is_kept_and_without_a_frame_there_is_none(tmp_path: Path) -> None:
    layer = tmp_path / "layer.webm"
    with OverlayFileSink(layer, ()) as sink:
        pass
    assert sink.written is None
    assert list(tmp_path.iterdir()) == []
    layer.write_text("precious")
    with pytest.raises(SinkError, match="exists; allow overwriting"):
        OverlayFileSink(layer, ()).__enter__()
    assert layer.read_text() == "precious"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_interrupted_run_leaves_a_whole_file(tmp_path: Path, suffix: str) -> None:
    layer = tmp_path / f"layer{suffix}"

    def run() -> None:
        with OverlayFileSink(layer, ()) as sink:
            for result in results(range(0, 20 * 1001, 1001)):
                assert not layer.exists()
                sink.write(result)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    assert len(times_of(layer)) == 20
    assert list(tmp_path.iterdir()) == [layer]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_killed_run_leaves_what_plays(tmp_path: Path, suffix: str) -> None:
    """Ten seconds in: all but the last keyframe's stretch of 1 s is there."""
    layer = tmp_path / f"layer{suffix}"
    script = f"""
        import os, signal
        from pathlib import Path
        from sinks.alpha import OverlayConfig
        from sinks.overlay_file import OverlayFileSink
        from tests.sinks.results import results
        with OverlayFileSink(Path({str(layer)!r}), (), OverlayConfig(keyframe_s=1.0)) as sink:
            for result in results(range(0, 300 * 1001, 1001)):
                sink.write(result)
            os.kill(os.getpid(), signal.SIGKILL)
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    partial = tmp_path / f"layer.partial{suffix}"
    assert list(tmp_path.iterdir()) == [partial]
    with av.open(str(partial)) as container:
        shown = sum(1 for packet in container.demux(video=0) if packet.size)
    assert shown >= 270 - 30
