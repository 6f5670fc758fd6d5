"""What is written after --source finds its source, or one clear line."""

from pathlib import Path

import pytest

from streamer.errors import SourceOpenError
from streamer.sources.file import FileSource
from streamer.sources.images import ImagesSource
from streamer.sources.synthetic import SyntheticSource
from streamer.sources.table import open_sources


def test_recording_is_named_after_its_file() -> None:
    (source,) = open_sources(["somewhere/clip.v2.mp4"])

    assert isinstance(source, FileSource)
    assert source.stream_id == "clip.v2"


def test_equal_names_become_distinct_ids() -> None:
    sources = open_sources(["a/clip.mp4", "b/clip.mp4", "synthetic", "synthetic"])

    assert [s.stream_id for s in sources] == ["clip", "clip-2", "synthetic", "synthetic-2"]


def test_id_is_safe_as_a_file_name() -> None:
    assert open_sources(['x/a:b"c.mp4'])[0].stream_id == "a_b_c"


def test_folder_of_recordings_and_pictures_is_one_stream_each(tmp_path: Path) -> None:
    for name in ("one.mp4", "two.mkv", "a.png", "b.png", "read.me"):
        (tmp_path / name).touch()
    sources = open_sources([str(tmp_path)])

    assert [s.stream_id for s in sources] == ["one", "two", tmp_path.name]
    assert isinstance(sources[2], ImagesSource)


def test_synthetic_takes_options() -> None:
    (source,) = open_sources(["synthetic:frames=3,seed=5,width=96,height=64"])

    assert isinstance(source, SyntheticSource)
    with source:
        assert (source.stream.frame_count, source.stream.width) == (3, 96)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("*.nothing", "got none there"),
        ("rtsp://user:secret@host/path", "not read yet"),
        ("synthetic:colour=red", "expected one of"),
        ("synthetic:frames=many", "expected a number"),
        ("synthetic:frames=0", "frames"),
    ],
    ids=["glob", "network", "key", "value", "range"],
)
def test_senseless_source_is_one_clear_line(spec: str, message: str) -> None:
    with pytest.raises(SourceOpenError, match=message) as caught:
        open_sources([spec])

    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
