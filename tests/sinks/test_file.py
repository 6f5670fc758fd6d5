from __future__ import annotations

import contextlib
import logging
import resource
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from detector.detections import Detections
from sinks.file import FileSink
from sinks.mp4 import FileConfig
from streamer.errors import SinkError
from streamer.frame import Frame
from streamer.picture import I420, BgrPicture, Colour
from streamer.result import Result
from tests.paths import ROOT
from tests.sinks.results import (
    STREAM,
    boxes,
    picture,
    results,
    times_of,
    write_all,
)

EVERY = 1001  # ticks a frame of STREAM


def test_what_is_written_is_h264_in_420_at_the_true_rate(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "folder" / "clip ünï %d:.mp4"
    write_all(FileSink(target, ()), results(range(0, 60 * EVERY, EVERY)))
    with av.open(f"file:{target}") as container:
        video = container.streams.video[0]
        assert video.codec_context.name == "h264"
        assert video.codec_context.pix_fmt == "yuv420p"
        assert video.average_rate == Fraction(30000, 1001)
        assert video.frames == 60
        assert video.duration is not None
        assert video.time_base is not None
        assert video.duration * video.time_base == Fraction(60 * 1001, 30000)


def test_pictures_are_what_was_given(tmp_path: Path) -> None:
    target = tmp_path / "clip.mp4"
    given = list(results(range(0, 10 * EVERY, EVERY)))
    write_all(FileSink(target, (), FileConfig(crf=10)), given)
    with av.open(str(target)) as container:
        for frame, result in zip(container.decode(video=0), given, strict=True):
            luma = frame.to_ndarray()[:48].astype(int)  # 4:2:0, brightness comes first
            assert np.abs(luma - result.frame.i420().y).mean() < 2


def test_boxes_are_on_the_pictures(tmp_path: Path) -> None:
    plain, drawn = tmp_path / "plain.mp4", tmp_path / "drawn.mp4"
    write_all(FileSink(plain, ("person",)), results([0, EVERY]))
    found = boxes((20, 20, 50, 40))
    write_all(FileSink(drawn, ("person",)), results([0, EVERY], detections=found))
    lumas = []
    for path in (plain, drawn):
        with av.open(str(path)) as container:
            lumas.append(next(container.decode(video=0)).to_ndarray()[:48].astype(int))
    difference = np.abs(lumas[0] - lumas[1])
    assert difference[20:22, 22:50].mean() > 15
    assert difference[44:, :].mean() < 3


@pytest.mark.parametrize(
    ("width", "height"), [(1, 1), (2, 2), (3, 5), (33, 21), (322, 2), (64, 47)]
)
def test_odd_and_tiny_sizes_lose_no_row_or_column(tmp_path: Path, width: int, height: int) -> None:
    target = tmp_path / "clip.mp4"
    stream = replace(STREAM, width=width, height=height)
    write_all(FileSink(target, ()), results([0, EVERY, 2 * EVERY], stream=stream))
    with av.open(str(target)) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == 3
    assert (frames[0].width, frames[0].height) == (width + width % 2, height + height % 2)


class _TaggedPicture(BgrPicture):
    colour = Colour(matrix=1, primaries=9, transfer=16)

    def i420(self) -> I420:
        return replace(super().i420(), colour=self.colour)


def test_colour_tags_survive(tmp_path: Path) -> None:
    target = tmp_path / "clip.mp4"
    tagged = []
    for result in results([0, EVERY]):
        pixels = _TaggedPicture(result.frame.bgr().copy())
        tagged.append(replace(result, frame=replace(result.frame, picture=pixels)))
    write_all(FileSink(target, ()), tagged)
    with av.open(str(target)) as container:
        codec = container.streams.video[0].codec_context
        assert (codec.colorspace, codec.color_primaries, codec.color_trc) == (1, 9, 16)
        assert codec.color_range == 1


def test_a_stream_that_changes_its_size_stays_one_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    target = tmp_path / "clip.mp4"
    given = [
        replace(result, frame=replace(result.frame, picture=picture(0, *size)))
        for result, size in zip(
            results(range(0, 4 * EVERY, EVERY)),
            [(64, 48), (64, 48), (128, 96), (31, 17)],
            strict=True,
        )
    ]
    with caplog.at_level(logging.WARNING):
        write_all(FileSink(target, ()), given)
    with av.open(str(target)) as container:
        assert [(f.width, f.height) for f in container.decode(video=0)] == [(64, 48)] * 4
    assert len(caplog.records) == 1


def test_without_a_frame_there_is_no_file(tmp_path: Path) -> None:
    with FileSink(tmp_path / "clip.mp4", ()) as sink:
        assert sink.written is None
    assert sink.written is None
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_kept_unless_overwriting_is_allowed(tmp_path: Path) -> None:
    target = tmp_path / "clip.mp4"
    target.write_text("precious")
    with pytest.raises(SinkError, match="exists; allow overwriting"):
        FileSink(target, ()).__enter__()
    assert target.read_text() == "precious"
    sink = FileSink(target, (), FileConfig(overwrite=True))
    write_all(sink, results([0]))
    assert sink.written == target
    assert len(times_of(target)) == 1


def test_nothing_half_stands_under_the_final_name(tmp_path: Path) -> None:
    target = tmp_path / "clip.mp4"
    with FileSink(target, ()) as sink:
        for result in results(range(0, 100 * EVERY, EVERY)):
            sink.write(result)
            assert not target.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_an_exception_leaves_a_whole_file_of_what_was_accepted(tmp_path: Path) -> None:
    target = tmp_path / "clip.mp4"

    def run() -> None:
        with FileSink(target, ()) as sink:
            for result in results(range(0, 17 * EVERY, EVERY)):
                sink.write(result)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    assert len(times_of(target)) == 17
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


WRITER = textwrap.dedent("""
    import sys
    from pathlib import Path
    from sinks.file import FileSink
    from tests.sinks.results import results
    with FileSink(Path(sys.argv[1]), ()) as sink:
        for result in results(range(int(sys.argv[2]), 10**9, 1001)):
            sink.write(result)
            if result.frame.index == 200:
                print("200 written", flush=True)
                sys.stdin.read()
""")


@pytest.mark.parametrize("start", [0, 250_000], ids=["from zero", "late"])
def test_a_killed_process_leaves_what_plays_up_to_the_last_keyframe(
    tmp_path: Path, start: int
) -> None:
    target = tmp_path / "clip.mp4"
    command = [sys.executable, "-c", WRITER, str(target), str(start)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"200 written\n"
        child.send_signal(signal.SIGKILL)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.partial.mp4"]
    read = times_of(tmp_path / "clip.partial.mp4")
    assert len(read) >= 180 - 1  # 6 s of 6.67: a keyframe every 2 s at 29.97 pictures a second
    assert read[:3] == [Fraction(start + index * 1001, 30000) for index in range(3)]


FULL_DISK = textwrap.dedent("""
    import resource, sys
    from pathlib import Path
    from sinks.file import FileSink
    from streamer.errors import SinkError
    from tests.sinks.results import results
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    try:
        with FileSink(Path(sys.argv[1]), ()) as sink:
            for result in results(range(0, 3000 * 1001, 1001)):
                sink.write(result)
    except SinkError as error:
        print(error)
""")


def test_a_full_disk_is_one_line_and_no_final_file(tmp_path: Path) -> None:
    target = tmp_path / "clip.mp4"
    command = [sys.executable, "-c", FULL_DISK, str(target)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert "cannot be written: file too large" in done.stdout
    assert "what was written is in clip.partial.mp4" in done.stdout
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""
    assert [path.name for path in tmp_path.iterdir()] == ["clip.partial.mp4"]
    shown = 0
    with (
        av.open(str(tmp_path / "clip.partial.mp4")) as container,
        contextlib.suppress(av.InvalidDataError),  # the last packet is cut off
    ):
        for _ in container.decode(video=0):
            shown += 1
    assert shown > 60


def test_after_a_failure_the_sink_writes_no_more(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    target = tmp_path / "clip.mp4"
    given = list(results([0, EVERY]))
    with FileSink(target, ()) as sink:
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))  # no file can be opened
        try:
            with pytest.raises(SinkError, match="cannot be written"):
                sink.write(given[0])
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert list(tmp_path.iterdir()) == []


def test_a_picture_too_large_for_the_format_is_said_so(tmp_path: Path) -> None:
    stream = replace(STREAM, width=16386, height=2)
    with (
        pytest.raises(SinkError, match="holds 16384 px a side, the picture has 16386x2"),
        FileSink(tmp_path / "clip.mp4", ()) as sink,
    ):
        sink.write(next(results([0], stream=stream)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["clip.mkv", "clip", "clip.avi"])
def test_a_name_that_promises_another_format_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SinkError, match=r"expected a name ending in \.mp4"):
        FileSink(tmp_path / name, ()).__enter__()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match="cannot be made: "):
        FileSink(tmp_path / "file" / "clip.mp4", ()).__enter__()


def test_live_streams_start_at_zero(tmp_path: Path) -> None:
    target = tmp_path / "clip.mp4"
    live = replace(STREAM, is_live=True)
    write_all(FileSink(target, ()), results([10**9, 10**9 + EVERY], stream=live))
    assert times_of(target) == [0, Fraction(EVERY, 30000)]


@pytest.mark.parametrize(
    ("field", "value"),
    [("qp", 52), ("qp", -1), ("crf", 52), ("crf", -1), ("threads", 0), ("keyframe_s", 0.0)],
)
def test_a_config_that_cannot_be_is_refused(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{field}: expected"):
        FileConfig(**{field: value})  # type: ignore[arg-type]  # the point of the test


@pytest.mark.parametrize(
    ("config", "says"),
    [
        pytest.param(FileConfig(), b"rc=cqp mbtree=0 qp=22", id="a quantiser, if nothing is said"),
        pytest.param(FileConfig(crf=30), b"rc=crf mbtree=0 crf=30.0", id="a rate factor"),
    ],
)
def test_encoder_is_told_how_well_to_look(tmp_path: Path, config: FileConfig, says: bytes) -> None:
    target = tmp_path / "clip.mp4"
    write_all(FileSink(target, (), config), results([0]))
    assert says in target.read_bytes()  # x264 writes its settings into the first picture


def test_keyframes_come_every_two_seconds(tmp_path: Path) -> None:
    target = tmp_path / "clip.mp4"
    write_all(FileSink(target, ()), results(range(0, 30000 * 8, 3000)))  # 10 a second
    with av.open(str(target)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.is_keyframe]
    keys = [packet.pts * packet.time_base for packet in packets if packet.pts is not None]
    assert keys == [0, 2, 4, 6]


def _pictures(*names: str) -> list[Result[Detections]]:
    stream = replace(STREAM, kind="images")
    frames = [
        Frame(stream, index, index, stream.time_base, 0, picture(index, 40 + index, 30), name=name)
        for index, name in enumerate(names)
    ]
    return [Result(frame, boxes((5, 5, 20, 20)), 0, 0) for frame in frames]


def test_pictures_keep_their_names_and_sizes(tmp_path: Path) -> None:
    names = ["a.jpg", "sub/b.png", "ünï.WEBP", "old.gif", "../out.png"]
    sink = FileSink(tmp_path / "run" / "x.mp4", ("person",))
    write_all(sink, _pictures(*names))
    assert sink.written == tmp_path / "run"
    written = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file())
    expected = ["a.jpg", "sub/b.png", "ünï.WEBP", "old.gif.png", "out.png"]
    assert written == sorted(f"run/{name}" for name in expected)
    data = np.fromfile(tmp_path / "run" / "sub" / "b.png", np.uint8)
    pixels = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert pixels is not None
    given = picture(1, 41, 30).bgr()
    assert pixels.shape == (30, 41, 3)
    assert np.array_equal(pixels[24:], given[24:])
    assert not np.array_equal(pixels[5:20], given[5:20])


def test_an_existing_picture_is_kept_unless_overwriting_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("precious")
    with (
        pytest.raises(SinkError, match="exists; allow overwriting"),
        FileSink(tmp_path / "x.mp4", ()) as sink,
    ):
        sink.write(_pictures("a.png")[0])
    assert (tmp_path / "a.png").read_text() == "precious"


def test_a_picture_whose_name_leaves_no_room_is_one_clear_line(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "photos.mp4", ())
    with pytest.raises(SinkError, match="file name too long"), sink:
        sink.write(_pictures(f"{'a' * 250}.png")[0])


def test_one_picture_can_go_to_a_path_of_its_own(tmp_path: Path) -> None:
    target = tmp_path / "out.png"
    write_all(FileSink(target, ()), _pictures("cat.jpg"))
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]
    second = FileSink(tmp_path / "two.png", ())
    with pytest.raises(SinkError, match="expected one picture, got more"):
        write_all(second, _pictures("cat.jpg", "dog.jpg"))
