"""The program as a process: signals, terminals that close, and readers who leave."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from detector.failure import DONE
from tests.paths import ROOT
from tests.small_runs import ENDLESS, FIVE, frames_of

STUCK = """
import time
from sinks.null import NullSink

class Stuck(NullSink):
    name = "stuck"
    def __init__(self, path, context): pass
    def write(self, result): time.sleep(600)
"""


PATIENCE_S = 60  # of a machine under load; a hang is what is meant


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


STARTED: list[subprocess.Popen[str]] = []


@pytest.fixture(autouse=True)
def _with_a_terminal_to_lose() -> Iterator[None]:
    """Who started these tests by `nohup` made all below them deaf; and none outlives its test."""
    old = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, old)
    while STARTED:
        process = STARTED.pop()
        if process.poll() is None:
            process.kill()
            process.communicate()


def start(
    *arguments: str, path: Path = ROOT, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "run.py"), "--detector", "none", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(path), **(environment or {})},
    )
    STARTED.append(process)
    return process


@pytest.mark.parametrize(
    ("number", "code"),
    [
        pytest.param(signal.SIGINT, 130, id="ctrl-c"),
        pytest.param(signal.SIGTERM, 143, id="sigterm"),
        pytest.param(signal.SIGHUP, 129, id="sighup"),
    ],
)
def test_a_signal_ends_the_run_with_whole_files(number: signal.Signals, code: int) -> None:
    process = start("--source", ENDLESS, "--output", "o", "--sink", "file", "--sink", "jsonl:b")
    assert process.stderr is not None
    while "frames" not in process.stderr.readline():  # the first line of the readout
        assert process.poll() is None
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == code, err
    assert "Traceback" not in err
    count = frames_of(Path("o/synthetic.mp4"))
    assert count > 0
    assert len(Path("b").read_text().splitlines()) == count + 1
    assert "wrote o/synthetic.mp4" in out.splitlines()
    assert sorted(path.name for path in Path("o").iterdir()) == [
        "synthetic.config.yaml",
        "synthetic.mp4",
    ]


def test_a_terminal_that_is_closed_leaves_whole_files() -> None:
    """Of a run in a window or over ssh, the recordings stayed unfinished."""
    ours, theirs = pty.openpty()
    command = [sys.executable, str(ROOT / "run.py"), "--detector", "none"]
    command += ["--source", ENDLESS, "--output", "o"]
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, text=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    STARTED.append(process)
    os.close(theirs)
    while not Path("o/synthetic.partial.mp4").exists():
        assert os.read(ours, 65536)  # the readout
    os.close(ours)
    assert process.wait(PATIENCE_S) == 128 + signal.SIGHUP
    assert [path.name for path in Path("o").glob("*.mp4")] == ["synthetic.mp4"]


def test_ctrl_c_while_the_program_loads_is_silent() -> None:
    Path("rich.py").write_text(
        "import os, signal, time; os.kill(os.getpid(), signal.SIGINT); time.sleep(60)"
    )
    process = start("--source", FIVE, path=Path.cwd())  # which finds that one first
    assert process.communicate(timeout=PATIENCE_S) == ("", "")
    assert process.returncode == -signal.SIGINT  # a shell says 130


def test_output_that_cannot_show_a_name_costs_nothing() -> None:
    process = start("--source", FIVE, "--output", "é 猫", environment={"PYTHONIOENCODING": "ascii"})
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == DONE, err
    assert r"wrote \xe9 \u732b/synthetic.mp4" in out


def test_closed_standard_streams_cost_nothing() -> None:
    command = f'"{sys.executable}" "{ROOT / "run.py"}" --detector none --source {FIVE} --output o'
    done = subprocess.run(["sh", "-c", f"{command} <&- >&-"], stderr=subprocess.PIPE, text=True)
    assert done.returncode == DONE, done.stderr
    assert "Traceback" not in done.stderr
    assert frames_of(Path("o/synthetic.mp4")) == 5


def test_a_second_signal_abandons_at_once() -> None:
    Path("outside").mkdir()
    Path("outside/stuck.py").write_text(STUCK)
    process = start("--source", ENDLESS, "--sink", "outside.stuck:Stuck", path=Path.cwd())
    assert process.stderr is not None
    while "frames" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    while "stopping" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130


def test_a_reader_who_leaves_costs_nothing() -> None:
    process = start("--source", FIVE, "--output", "o")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    with process.stderr as stderr:
        err = stderr.read()
    assert process.wait(timeout=PATIENCE_S) == DONE
    assert "Traceback" not in err
    assert "BrokenPipe" not in err
    assert frames_of(Path("o/synthetic.mp4")) == 5


def test_on_a_terminal_the_readout_is_live() -> None:
    parent, child = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "run.py"), "--detector", "none", "--source", FIVE],
        stdout=subprocess.DEVNULL,
        stderr=child,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "24"},
    )
    os.close(child)
    shown = bytearray()
    reader = threading.Thread(target=_drain, args=(parent, shown))
    reader.start()
    assert process.wait(timeout=PATIENCE_S) == DONE
    reader.join()
    os.close(parent)
    assert b"p50/p95 ms" in shown
    assert b"5/5" in shown
    assert shown.count(b"\x1b[?25l") == shown.count(b"\x1b[?25h")  # the cursor is back


def _drain(descriptor: int, shown: bytearray) -> None:
    while True:
        try:
            data = os.read(descriptor, 4096)
        except OSError:  # Linux says EIO when the other side is closed
            return
        if not data:
            return
        shown += data
