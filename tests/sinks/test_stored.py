"""The configuration beside an output is whole, or not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from sinks.jsonl import JsonlSink
from sinks.kind import BuiltSink
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


def test_half_of_it_is_never_left(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a.jsonl"
    built = written(path)
    with full_disk(10):
        store_beside([built], "limit: 1\n" * 10)
    assert "a.config.yaml: cannot be written" in caplog.text
    assert list(tmp_path.iterdir()) == [path]
