"""The configuration beside an output is whole, or not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from sinks.jsonl import JsonlSink
from sinks.kind import BuiltSink
from sinks.segments import SegmentsSink
from sinks.stored import store_beside
from tests.sinks.results import full_disk, results


def written(path: Path) -> BuiltSink:
    sink = JsonlSink(path, ())
    with sink:
        sink.write(next(results([0])))
    return BuiltSink(sink, None)


def test_every_output_has_it_beside(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    assert store_beside([written(path)], "limit: 1\n") == [path]
    assert (tmp_path / "a.config.yaml").read_text() == "limit: 1\n"


def test_folders_of_two_cameras_have_one_each(tmp_path: Path) -> None:
    """Both shared 127.0.0.config.yaml, for what followed the last dot was taken for a suffix."""
    built = []
    for camera in ("127.0.0.1", "127.0.0.2"):
        with SegmentsSink(tmp_path / camera, camera, ()) as sink:
            for result in results(range(0, 3000, 1000)):
                sink.write(result)
        built.append(BuiltSink(sink, camera))
    store_beside(built, "limit: 1\n")
    assert sorted(path.name for path in tmp_path.glob("*.yaml")) == [
        "127.0.0.1.config.yaml",
        "127.0.0.2.config.yaml",
    ]


def test_half_of_it_is_never_left(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a.jsonl"
    built = written(path)
    with full_disk(10):
        store_beside([built], "limit: 1\n" * 10)
    assert "a.config.yaml: cannot be written" in caplog.text
    assert list(tmp_path.iterdir()) == [path]
