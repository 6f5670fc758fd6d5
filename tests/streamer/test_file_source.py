"""A recorded file gives every frame, with the decoder's own times, or one clear line."""

import logging
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from streamer.errors import SourceOpenError
from streamer.frame import Frame, StreamInfo
from streamer.sources.file import FileSource
from tests.paths import SHARED, needs_shared
from tests.streamer.clips import number_of, write_clip

RELIABILITY = SHARED / "data" / "reliability"


def read(path: Path) -> tuple[StreamInfo, list[Frame]]:
    with FileSource(path, stream_id="clip") as source:
        return source.stream, list(source)


def test_frames_come_in_order_with_their_times(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", [0, 40, 80, 120])
    info, frames = read(tmp_path / "clip.mp4")

    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    assert [number_of(frame.bgr()) for frame in frames] == [0, 1, 2, 3]
    assert [frame.pts * frame.time_base for frame in frames] == [Fraction(n, 25) for n in range(4)]
    assert (info.width, info.height, info.frame_count, info.rate) == (64, 48, 4, Fraction(25))


def test_variable_rate_is_kept(tmp_path: Path) -> None:
    pts = [0, 10, 500, 510, 2000]
    write_clip(tmp_path / "clip.mkv", pts)
    _, frames = read(tmp_path / "clip.mkv")

    assert [frame.pts * frame.time_base * 1000 for frame in frames] == pts


def test_late_start_is_kept(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mkv", [5000, 5040, 5080])
    _, frames = read(tmp_path / "clip.mkv")

    assert [frame.time_s for frame in frames] == [5.0, 5.04, 5.08]


def test_sound_is_noticed(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", [0, 40], has_sound=True)
    write_clip(tmp_path / "mute.mp4", [0, 40])

    assert read(tmp_path / "clip.mp4")[0].sound_path == tmp_path / "clip.mp4"
    assert read(tmp_path / "mute.mp4")[0].sound_path is None


def test_cut_off_tail_costs_only_the_tail(tmp_path: Path) -> None:
    whole = tmp_path / "clip.mkv"
    write_clip(whole, [40 * n for n in range(25)], size_wh=(320, 240))
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    _, frames = read(cut)

    assert 0 < len(frames) < 25
    assert [number_of(frame.bgr()) for frame in frames] == [f.time_s * 25 for f in frames]


def test_damage_in_the_middle_is_skipped_and_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "clip.avi"
    noise = np.random.default_rng(1)
    write_clip(path, list(range(60)), time_base=Fraction(1, 25), codec="mpeg4", size_wh=(320, 240))
    data = bytearray(path.read_bytes())
    third = len(data) // 3
    data[third : third + 600] = noise.bytes(600)
    path.write_bytes(data)
    with caplog.at_level(logging.WARNING):
        _, frames = read(path)

    assert len(frames) >= 40
    assert len(caplog.records) <= 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.mp4", None, "no such file"),
        ("empty.mp4", b"", "expected a video"),
        ("text.mp4", b"not a video at all\n" * 100, "expected a video"),
        ("header.mp4", b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom", "expected a video"),
    ],
    ids=["missing", "empty", "text", "header only"],
)
def test_what_is_no_video_is_one_clear_line(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceOpenError, match=message) as caught:
        read(path)

    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["12:30.mkv", "cam:1.mkv", "data:a.mkv", "-a%d.mkv"])
def test_name_that_looks_like_an_address_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "clip.mkv", [0, 40])
    Path("clip.mkv").rename(name)

    _, frames = read(Path(name))

    assert len(frames) == 2


def test_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(SourceOpenError, match="expected a video"):
        read(tmp_path)


def test_sound_without_pictures_is_said_so(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "sound.wav"), "w") as container:
        audio = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 800), np.int16), format="s16", layout="mono"
        )
        frame.sample_rate = 8000
        container.mux(audio.encode(frame))
    with pytest.raises(SourceOpenError, match="without pictures"):
        read(tmp_path / "sound.wav")


@needs_shared("data", "reliability")
@pytest.mark.parametrize(
    "path", sorted(RELIABILITY.iterdir()) if RELIABILITY.exists() else [], ids=lambda p: p.name
)
def test_odd_file_gives_what_the_decoder_gives(path: Path) -> None:
    with av.open(str(path)) as container:
        expected = [frame.pts for frame in container.decode(video=0)]
    _, frames = read(path)

    assert [frame.pts for frame in frames] == expected
    assert all(frame.bgr().shape == (frame.height, frame.width, 3) for frame in frames[::10])


@needs_shared("data", "reliability")
@pytest.mark.parametrize(
    ("name", "size_wh"),
    [
        ("decord_video_90.mov", (320, 568)),
        ("decord_video_180.mov", (568, 320)),
        ("torchcodec_749a19_nasa_13013_rotated.mp4", (270, 480)),
        ("torchcodec_testsrc2_odd_height_and_width_444.mp4", (321, 241)),
    ],
)
def test_picture_stands_upright_in_its_own_size(name: str, size_wh: tuple[int, int]) -> None:
    info, _ = read(RELIABILITY / name)

    assert (info.width, info.height) == size_wh
