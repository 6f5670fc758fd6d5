"""What machines read: JSON, metrics, health, and pictures for programs."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import get_args

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from detector.detections import Detections
from sinks.annotate import Style
from sinks.web.messages import FrameJson, WishError, pack, parse_wish
from sinks.web.state import SILENCE_NS, Board, Newest, stats_json, streams_json
from streamer.clock import ManualClock
from streamer.snapshot import StreamState
from tests.sinks.results import boxes
from tests.sinks.web.serving import (
    CLASSES,
    TOKEN,
    base,
    client,
    raw,
    result,
    serving,
    snapshot,
    stream,
    unpack,
)


def test_streams_are_told_with_state_rate_latency_and_losses() -> None:
    with serving() as sink, client(sink) as http:
        (told,) = http.get("/api/streams").json()["streams"]
        assert told == {
            "stream_id": "gate",
            "name": "gate.mp4",  # without its folder
            "state": "running",
            "is_live": False,
            "fps": 25.0,  # 100 frames in 4 s
            "frames_in": 102,
            "frames_done": 100,
            "frames_expected": None,
            "dropped": 2,
            "reconnects": 0,
            "latency_p50_ms": 41.0,
            "latency_p95_ms": 63.0,
            "boxes": 2,
            "error": None,
        }
        assert http.get("/api/streams/gate").json()["frame"]["boxes"][1]["label"] == "car"
        assert http.get("/api/streams/other").status_code == 404
        stats = http.get("/api/stats").json()
        assert (stats["fps"], stats["dropped"], stats["viewers"]) == (25.0, 2, 0)
        assert stats["times_ms"] == {"decode": 2.0, "file gate.mp4": 0.0}  # 200 ms / 100 frames


def test_before_the_run_reports_there_is_nothing_to_tell() -> None:
    board = Board()
    assert streams_json(board) == []
    assert stats_json(board)["streams"] == 0


def test_secrets_in_errors_are_masked_before_they_are_shown() -> None:
    board = Board()
    error = "cannot open 'rtsp://admin:hunter2@door/1'"
    board.observe(snapshot({"gate": "failed"}, error=error))
    assert "hunter2" not in json.dumps(streams_json(board))
    assert "rtsp://admin:***@door/1" in json.dumps(streams_json(board))


def test_errors_name_files_without_their_folders() -> None:
    board = Board()
    board.observe(snapshot({"gate": "failed"}, error="/home/me/gate.mp4: see rtsp://door/a/b"))
    (told,) = streams_json(board)
    assert told["error"] == "gate.mp4: see rtsp://door/a/b"


def test_metrics_are_read_by_prometheus_own_parser() -> None:
    with serving() as sink, client(sink) as http:
        sink.observe(snapshot({"gate": "running", 'odd"\\\nname': "failed"}))
        answer = http.get("/metrics")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    done = {s.labels["stream"]: s.value for s in families["streamer_frames_done"].samples}
    assert done == {"gate": 100.0, 'odd"\\\nname': 100.0}
    state = {
        s.labels["state"]: s.value
        for s in families["streamer_stream_state"].samples
        if s.labels["stream"] == "gate"
    }
    assert state == {known: float(known == "running") for known in get_args(StreamState)}
    latency = {
        s.labels["quantile"]: s.value
        for s in families["streamer_latency_seconds"].samples
        if s.labels["stream"] == "gate"
    }
    assert latency == {"0.5": 0.041, "0.95": 0.063}
    assert families["streamer_reconnects"].samples[0].value == 0


def test_health_fails_when_the_run_is_silent_or_every_stream_has_failed() -> None:
    clock = ManualClock(start_ns=1)
    board = Board(clock=clock)
    assert not board.is_healthy  # nothing heard yet
    board.observe(snapshot({"a": "failed", "b": "running"}))
    assert board.is_healthy
    clock.advance(SILENCE_NS)
    assert board.is_healthy
    clock.advance(1)
    assert not board.is_healthy
    board.observe(snapshot({"a": "failed", "b": "failed"}))
    assert not board.is_healthy
    board.observe(snapshot({"a": "ended"}))
    assert board.is_healthy


def test_an_unhealthy_run_answers_503() -> None:
    with serving() as sink, client(sink, token=None) as http:
        sink.observe(snapshot({"gate": "failed"}, error="/home/me/secret: gone"))
        answer = http.get("/healthz")
    assert (answer.status_code, answer.text) == (503, "unavailable\n")


def test_programs_get_drawn_pictures_as_they_come() -> None:
    of = stream(width=320, height=240)
    with serving() as sink, client(sink) as http:
        sink.write(result(0, of=of, detections=boxes((40, 60, 200, 200))))
        with http.stream("GET", "/streams/gate.mjpeg") as answer:
            assert answer.headers["content-type"].startswith("multipart/x-mixed-replace")
            pieces = answer.iter_bytes()
            body = b""
            for index in range(1, 4):
                while body.count(b"--frame") < index or not body.endswith(b"\r\n"):
                    body += next(pieces)
                sink.write(result(index, of=of, detections=boxes((40, 60, 200, 200))))
    jpeg = body.split(b"\r\n\r\n", 1)[1].partition(b"\r\n--frame")[0]
    pixels = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    assert pixels.shape == (240, 320, 3)
    edge = pixels[130, 40].astype(int)  # on the box's left side: class 0 is red
    assert edge[2] - edge[0] > 80


def test_who_asks_what_there_would_be_gets_no_pictures() -> None:
    request = f"HEAD /streams/gate.mjpeg?token={TOKEN} HTTP/1.1\r\nHost: localhost\r\n"
    with serving() as sink:
        answer = raw(sink, f"{request}Connection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"\r\n\r\n")


def test_another_program_reads_the_pictures_as_video() -> None:
    with serving() as sink, client(sink):
        address = f"{base(sink)}/streams/gate.mjpeg"
        token = sink.url.partition("?")[2]
        with av.open(f"{address}?{token}", format="mpjpeg", timeout=10) as container:
            frame = next(container.decode(video=0))
    assert (frame.width, frame.height) == (64, 48)


def test_an_unknown_stream_has_no_pictures() -> None:
    with serving() as sink, client(sink) as http:
        assert http.get("/streams/none.mjpeg").status_code == 404


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("nonsense", id="no JSON"),
        pytest.param("[1]", id="list"),
        pytest.param('{"streams": "gate"}', id="one name"),
        pytest.param('{"streams": [1]}', id="number as name"),
        pytest.param('{"pictures": 1}', id="number as bool"),
        pytest.param('{"width": -1}', id="negative"),
        pytest.param('{"width": 1e9}', id="huge"),
        pytest.param('{"width": true}', id="bool as width"),
        pytest.param("[" * 50_000, id="deep"),
        pytest.param(json.dumps({"streams": ["a"] * 1025}), id="too many"),
    ],
)
def test_a_wish_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(WishError):
        parse_wish(text)


@given(st.text())
def test_any_text_is_a_wish_or_refused(text: str) -> None:
    try:
        parse_wish(text)
    except WishError:
        return


@given(st.lists(st.binary(max_size=50), max_size=5))
def test_a_packed_message_unpacks_to_the_same(pictures: list[bytes]) -> None:
    frames = [{"stream": "ü", "bytes": len(picture)} for picture in pictures]
    assert unpack(pack({"frames": frames}, pictures)) == ({"frames": frames}, pictures)


def test_boxes_that_are_no_boxes_stay_out_and_the_rest_is_clipped() -> None:
    detections = boxes((math.nan, 0, 5, 5), (50, 5, 10, 20), (-50, -50, 500, 20), (90, 90, 95, 95))
    told = FrameJson(CLASSES, Style())(Newest(1, result(detections=detections)))
    (box,) = json.loads(json.dumps(told))["boxes"]
    assert box["xyxy"] == [0, 0, 64, 22]
    assert box["label"] == "2"  # no such class


def test_a_score_that_is_no_number_is_null() -> None:
    detections = replace(boxes((1, 1, 9, 9)), score=np.array([np.nan], np.float32))
    told = FrameJson(CLASSES, Style())(Newest(1, result(detections=detections)))
    assert json.loads(json.dumps(told, allow_nan=False))["boxes"][0]["score"] is None


def test_without_labels_boxes_have_no_words() -> None:
    told = FrameJson(CLASSES, Style(labels=False))(Newest(1, result()))
    assert json.loads(json.dumps(told))["boxes"][0]["label"] == ""


def test_a_frame_without_a_box_is_told_too() -> None:
    told = FrameJson(CLASSES, Style())(Newest(1, result(detections=Detections.empty())))
    assert told["boxes"] == []
