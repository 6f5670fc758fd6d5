from __future__ import annotations

import json
from collections import deque
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from detector.detections import Detections
from sinks.jsonl import JsonlSink
from streamer.errors import SinkError
from tests.sinks.results import STREAM, boxes, full_disk, results


def _lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_the_stream_comes_first_and_then_a_line_a_frame(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "out.jsonl"
    found = Detections(
        np.array([[1.1, 2.2, 30.3, 40.4]], np.float32),
        np.array([0.87], np.float32),
        np.array([1], np.int32),
    )
    with JsonlSink(path, ("person", "car")) as sink:
        for result in results([7, 9], detections=found):
            sink.write(result)
    lines = _lines(path)
    assert lines[0] == {
        "stream": {
            "stream_id": "gate",
            "name": "gate.mp4",
            "width": 64,
            "height": 48,
            "time_base": "1/30000",
            "rate": "30000/1001",
            "frame_count": None,
            "kind": "video",
        }
    }
    assert len(lines) == 3
    assert lines[2] == {
        "stream_id": "gate",
        "index": 1,
        "pts": 9,
        "time_s": 9 / 30000,
        "width": 64,
        "height": 48,
        "detections": [
            {
                "class_id": 1,
                "class_name": "car",
                "score": float(np.float32(0.87)),
                "xyxy": [float(np.float32(value)) for value in (1.1, 2.2, 30.3, 40.4)],
                "track_id": None,
            }
        ],
    }


def test_streams_are_introduced_once_each_in_the_order_they_begin(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    other = replace(STREAM, stream_id="döör", rate=None, time_base=Fraction(1), kind="images")
    with JsonlSink(path, ()) as sink:
        for first, second in zip(results([0, 1]), results([0, 1], stream=other), strict=True):
            sink.write(first)
            sink.write(replace(second, frame=replace(second.frame, name="a/b.jpg")))
    lines = _lines(path)
    assert ["stream" in line for line in lines] == [True, False, True, False, False, False]
    assert lines[3]["file"] == "a/b.jpg"
    assert "file" not in lines[1]
    assert "döör" in path.read_text("utf-8")
    assert '"rate": null' in path.read_text("utf-8")


def test_tracks_unnamed_classes_and_what_is_not_finite(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    found = boxes((np.nan, 0, np.inf, 5), track_id=np.array([2**40], np.int64))
    with JsonlSink(path, ()) as sink:
        for result in results([0], detections=found):
            sink.write(result)
    assert _lines(path)[1]["detections"] == [
        {
            "class_id": 0,
            "class_name": None,
            "score": float(np.float32(0.9)),
            "xyxy": [None, 0.0, None, 5.0],
            "track_id": 2**40,
        }
    ]


def test_every_line_is_there_as_soon_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with JsonlSink(path, ()) as sink:
        for count, result in enumerate(results(range(5)), start=2):
            sink.write(result)
            assert len(_lines(path)) == count


def test_an_existing_file_is_kept_unless_overwriting_is_allowed(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("precious")
    with pytest.raises(SinkError, match="exists; allow overwriting"):
        JsonlSink(path, ()).__enter__()
    assert path.read_text() == "precious"
    with JsonlSink(path, (), overwrite=True):
        pass
    assert path.read_text() == ""


def test_a_name_that_is_no_text_reads_back(tmp_path: Path) -> None:
    stream = replace(STREAM, name="bad\udcff.mp4")
    with JsonlSink(tmp_path / "a.jsonl", ()) as sink:
        for result in results([0], stream=stream):
            sink.write(result)
    first, _ = _lines(tmp_path / "a.jsonl")
    assert first["stream"]["name"] == "bad\udcff.mp4"  # type: ignore[index]  # an object


def test_a_full_disk_leaves_whole_lines_only(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with (
        JsonlSink(path, ()) as sink,
        full_disk(1000),
        pytest.raises(SinkError, match="cannot be written"),
    ):
        deque(map(sink.write, results(range(100))), maxlen=0)
    assert len(_lines(path)) > 3


def test_a_folder_in_its_place_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="cannot be written: is a directory"):
        JsonlSink(tmp_path, (), overwrite=True).__enter__()


def test_frames_that_nobody_looked_at_say_so(tmp_path: Path) -> None:
    looked, carried = boxes((1, 2, 3, 4)), replace(boxes((1, 2, 3, 4)), is_carried=True)
    with JsonlSink(tmp_path / "out.jsonl", ("person",)) as sink:
        for found in (looked, carried):
            for result in results([7], detections=found):
                sink.write(result)
    _, first, second = _lines(tmp_path / "out.jsonl")
    assert "detected" not in first
    assert second["detected"] is False
    assert second["detections"] == first["detections"]
