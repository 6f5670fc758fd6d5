"""The console for machines: every line of standard error is an object."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sinks.console import Readout
from sinks.gpu import GpuLoad, open_gpu
from sinks.json_log import JsonTerminal, open_screen
from sinks.terminal import logging_to
from tests.paths import ROOT
from tests.sinks.test_console import run_of, stream

Event = dict[str, Any]  # whatever an object may hold


def _events(out: io.StringIO) -> list[Event]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_run_is_told_as_start_states_and_changes() -> None:
    out = io.StringIO()
    with Readout(JsonTerminal(out), gpu=lambda: GpuLoad(0.5, 1, 2)) as readout:
        for tick in range(25):  # 6 s of quarters
            door = stream("door", "retrying" if tick == 12 else "live", done=tick)
            readout.show(run_of(door, seconds=tick / 4))
    events = _events(out)
    assert [event["event"] for event in events] == [
        "start", "stream", "stream", "stream", "state"
    ]  # fmt: skip
    assert events[0]["streams"] == ["door"]
    assert [(event["was"], event["state"]) for event in events[1:4]] == [
        (None, "live"), ("live", "retrying"), ("retrying", "live")
    ]  # fmt: skip
    state = events[4]
    assert state["elapsed_s"] == 5.0
    assert state["streams"][0]["stream_id"] == "door"
    assert state["streams"][0]["frames"] == 20
    assert state["streams"][0]["fps_out"] == 4.0  # a frame a quarter
    assert state["streams"][0]["latency_p95_ms"] == 60.0
    assert state["gpu"] == {"busy": 0.5, "used_bytes": 1, "total_bytes": 2}


def test_words_logs_errors_and_prints_become_objects_without_secrets() -> None:
    out = io.StringIO()
    screen = JsonTerminal(out)
    with logging_to(screen, is_verbose=False):
        screen.say("note: a")
        screen.print("open [b]c", markup=False)
        logging.getLogger("x.y").warning("lost %s", "rtsp://a:geheim@b/")
        logging.getLogger("x.y").error("gone")
        screen.fail("no\nsuch file")
    told = [(event["event"], event["message"]) for event in _events(out)]
    assert told == [
        ("message", "note: a"),
        ("message", "open [b]c"),
        ("log", "lost rtsp://a:***@b/"),
        ("error", "gone"),
        ("error", "no\nsuch file"),
    ]
    assert _events(out)[2]["logger"] == "x.y"
    assert _events(out)[2]["level"] == "warning"


def test_quiet_leaves_errors_alone() -> None:
    out = io.StringIO()
    screen = JsonTerminal(out, is_quiet=True)
    with Readout(screen) as readout:
        readout.show(run_of(stream(done=1), seconds=6))
        screen.say("note")
        screen.fail("gone")
    assert [event["event"] for event in _events(out)] == ["error"]


@pytest.mark.parametrize(
    ("typed", "is_json", "is_quiet"),
    [
        ((), False, False),
        (("--quiet",), False, True),
        (("--source", "a", "--json-log"), True, False),
        (("--json-log", "--quiet"), True, True),
    ],
    ids=str,
)
def test_the_options_choose_the_console(
    typed: tuple[str, ...], is_json: bool, is_quiet: bool
) -> None:
    screen = open_screen(typed)
    assert isinstance(screen, JsonTerminal) is is_json
    assert screen.quiet is is_quiet


@pytest.mark.parametrize(
    ("source", "code", "last"),
    [("synthetic:width=64,height=64,frames=5", 0, "end"), ("missing.mp4", 3, "error")],
    ids=["a run", "a mistake"],
)
def test_a_program_reads_nothing_but_objects(
    tmp_path: Path, source: str, code: int, last: str
) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "run.py"), "--detector", "none", "--source", source,
         "--json-log"],
        capture_output=True, text=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    events: list[Event] = [json.loads(line) for line in done.stderr.splitlines()]
    assert done.returncode == code
    assert events[-1]["event"] == last
    if last == "end":
        assert events[-1]["streams"][0]["frames"] == 5
        assert events[-1]["written"] == ["runs/detect/synthetic/synthetic.mp4"]
        assert events[-1]["times"]["decode"]["frames"] == 5


def test_where_there_is_no_such_gpu_nobody_is_asked() -> None:
    assert open_gpu("GPU-00000000-0000-0000-0000-000000000000") is None


def test_a_gpu_is_told_in_a_few_words() -> None:
    assert GpuLoad(0.87, 4_200_000_000, 80_000_000_000).text == "87% busy, 4.2 of 80.0 GB"
    assert GpuLoad(None, 0, 10_000_000_000).text == "0.0 of 10.0 GB"
