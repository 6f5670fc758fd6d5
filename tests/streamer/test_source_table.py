"""What is written after --source finds its source, or one clear line."""

import os
from pathlib import Path

import pytest

from streamer.channel import Overflow
from streamer.contract import Source
from streamer.errors import SourceOpenError
from streamer.sources.file import FileSource
from streamer.sources.images import ImagesSource
from streamer.sources.inlets import open_inlets
from streamer.sources.input_config import InputConfig
from streamer.sources.pace import Paced
from streamer.sources.stdin import StdinSource
from streamer.sources.synthetic import SyntheticSource


def sources_of(specs: list[str]) -> list[Source]:
    return [inlet.source for inlet in open_inlets(specs)]


def test_recording_is_named_after_its_file() -> None:
    source, _ = sources_of(["somewhere/clip.v2.mp4", "synthetic"])

    assert isinstance(source, FileSource)
    assert source.stream_id == "clip.v2"


def test_only_missing_files_are_noticed_before_anything_is_opened() -> None:
    with pytest.raises(SourceOpenError, match=r"gone\.mp4.*no such file"):
        open_inlets(["gone.mp4", "gone.png"])


def test_equal_names_become_distinct_ids() -> None:
    sources = sources_of(["a/clip.mp4", "b/clip.mp4", "synthetic", "synthetic"])

    assert [s.stream_id for s in sources] == ["clip", "clip-2", "synthetic", "synthetic-2"]


def test_id_is_safe_as_a_file_name() -> None:
    assert sources_of(['x/a:b"c.mp4', "synthetic"])[0].stream_id == "a_b_c"


def test_folder_of_recordings_and_pictures_is_one_stream_each(tmp_path: Path) -> None:
    for name in ("one.mp4", "two.mkv", "a.png", "b.png", "read.me"):
        (tmp_path / name).touch()
    sources = sources_of([str(tmp_path)])

    assert [s.stream_id for s in sources] == ["one", "two", tmp_path.name]
    assert isinstance(sources[2], ImagesSource)


def test_folder_keeps_hidden_what_is_hidden(tmp_path: Path) -> None:
    for name in ("one.mp4", "._one.mp4", ".pieces/1.mp4", "sub/.b.png"):  # ._: what a Mac leaves
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    assert [s.stream_id for s in sources_of([str(tmp_path)])] == ["one"]


@pytest.mark.parametrize(
    ("spec", "stream_id"),
    [
        ("rtsp://user:secret@door.example:554/cam1?token=abc", "door.example-cam1"),
        ("http://host/live/index.m3u8", "host-index"),
        ("rtsp://user:secret[@door/cam1", "door-cam1"),
        ("rtsp://user:sec/secret@door", "door"),
        ("rtsp://me@mail.example:secret@door/cam1", "door-cam1"),
        ("rtsp://door/user=a_password=secret_channel=1.sdp", "door-user=a_password=__channel=1"),
        ("udp://127.0.0.1:5000", "127.0.0.1"),
        ("webcam:1", "webcam"),
        ("screen:0,0,10,10", "screen"),
    ],
)
def test_live_stream_lets_the_newest_frame_win_under_a_name_without_secrets(
    spec: str, stream_id: str
) -> None:
    (inlet,) = open_inlets([spec])

    assert inlet.source.stream_id == stream_id
    assert inlet.overflow is Overflow.DROP_OLDEST


@pytest.mark.parametrize("spec", ["clip.mp4", "synthetic", "-", "http://host/clip.mp4"])
def test_recording_loses_no_frame(spec: str) -> None:
    assert open_inlets([spec, "synthetic"])[0].overflow is Overflow.BLOCK


def test_mode_and_pace_decide_what_may_be_lost() -> None:
    config = InputConfig(mode="every-frame", realtime=True, loop=True)
    (every,) = open_inlets(["synthetic"], config)
    (latest,) = open_inlets(["synthetic"], InputConfig(mode="latest", max_staleness_s=0.5))
    (paced,) = open_inlets(["synthetic"], InputConfig(realtime=True))

    assert (every.overflow, latest.overflow) == (Overflow.BLOCK, Overflow.DROP_OLDEST)
    assert latest.max_staleness_s == 0.5
    assert isinstance(every.source, Paced)
    assert paced.overflow is Overflow.DROP_OLDEST


def test_list_of_sources_names_its_streams(tmp_path: Path) -> None:
    listing = tmp_path / "doors.yaml"
    listing.write_text("- synthetic\n- {uri: 'rtsp://host/1', name: front door}\n")

    assert [s.stream_id for s in sources_of([str(listing)])] == ["synthetic", "front door"]


def test_a_name_cannot_turn_a_terminal_or_its_neighbours_around(tmp_path: Path) -> None:
    listing = tmp_path / "doors.yaml"
    listing.write_text('- {uri: synthetic, name: "a\\e[2J\\x9b\\u202eb\\u200dc"}\n')

    assert [s.stream_id for s in sources_of([str(listing)])] == ["a_[2J_b\u200dc"]


def test_synthetic_takes_options() -> None:
    (source,) = sources_of(["synthetic:frames=3,seed=5,width=96,height=64"])

    assert isinstance(source, SyntheticSource)
    with source:
        assert (source.stream.frame_count, source.stream.width) == (3, 96)


def test_pipe_with_a_name_is_read_as_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "door.mkv")
    (source,) = sources_of([str(tmp_path / "door.mkv")])

    assert isinstance(source, StdinSource)  # a file's reader would wait for a writer for good
    assert source.stream_id == "door"


@pytest.mark.parametrize(
    "stem",
    ["é" * 125, "猫" * 83, "x" * 250, "bad\udcff" * 30],
    ids=["two bytes each", "three bytes each", "one byte each", "not text"],
)
def test_id_of_a_long_name_leaves_room_for_suffixes(stem: str) -> None:
    source, _ = sources_of([f"{stem}.mp4", "synthetic"])

    assert 100 <= len(source.stream_id.encode()) <= 200  # and it is text, whatever the name was


def test_id_is_never_that_of_another_source_unfinished() -> None:
    sources = sources_of(["clip.mp4", "clip.partial.mp4", "CLIP.avi", "synthetic"])

    assert [source.stream_id for source in sources[:3]] == ["clip", "clip_partial", "CLIP-2"]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "expected a file, .*, got nothing"),
        (" ", "got nothing"),
        (f"{'x' * 300}.mp4", "file name too long"),
        ("*.nothing", "got none there"),
        ("gopher://user:secret@host/path", "expected one of"),
        ("http://user:secret@host:80800/", "invalid host or port"),
        ("http://[::1/", "invalid host or port"),
        ("synthetic:colour=red", "expected one of"),
        ("synthetic:frames=many", "expected a number"),
        ("synthetic:frames=0", "frames"),
    ],
    ids=[
        "nothing",
        "blank",
        "too long",
        "glob",
        "network",
        "port",
        "IPv6",
        "key",
        "value",
        "range",
    ],
)
def test_senseless_source_is_one_clear_line(spec: str, message: str) -> None:
    with pytest.raises(SourceOpenError, match=message) as caught:
        sources_of([spec])

    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
