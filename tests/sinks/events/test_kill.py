"""Whatever ends the program, what was certain is written, and what is unsent goes out later."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import yaml

from tests.paths import ROOT
from tests.sinks.events.receiver import PATIENCE_S, Receiver, free_port

SECRET = "geheim"
SINKS = ("events:e.jsonl", "sqlite:e.sqlite", "csv:e.csv", "coco:boxes.json", "mot:boxes.txt")
AHEAD = 40  # frames by which one sink may be ahead of another, and more
SCENE = {
    "lines": [{"name": "gate", "start": [0.5, 0.0], "end": [0.5, 1.0], "unit": "share"}],
    "zones": [
        {
            "name": "right",
            "points": [[0.5, 0.0], [1.0, 0.0], [1.0, 1.0], [0.5, 1.0]],
            "unit": "share",
        }
    ],
}


class Run:
    """The program in a folder of its own, sending to `port`."""

    def __init__(self, folder: Path, port: int, *more: str, end_s: float = 60.0) -> None:
        folder.mkdir()
        delivery = {"spool": str(folder.parent / "spool"), "retry_s": 0.05, "end_s": end_s}
        config = {
            "sources": ["synthetic:seed=1,frames=none,width=320,height=180"],
            "detector": {"name": "tests.truth_detector:Truthful"},
            "scene": SCENE,
            "sinks": [*SINKS, f"webhook:http://me:{SECRET}@127.0.0.1:{port}/hook?token={SECRET}"],
            "webhook": {"delivery": delivery},
        }
        (folder / "scene.yaml").write_text(yaml.safe_dump(config))
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "run.py"), "--config", "scene.yaml", *more],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        )

    def wait_for_events(self, count: int) -> None:
        """Until so many are written."""
        path = self.folder / "e.jsonl"
        while not path.exists() or path.read_bytes().count(b"\n") < count:
            assert self.process.poll() is None
            time.sleep(0.005)

    def end(self, number: signal.Signals | None = None) -> str:
        """What it told, after a signal or by itself."""
        if number is not None:
            self.process.send_signal(number)
        return self.process.communicate(timeout=PATIENCE_S)[0]

    def lines(self) -> list[Mapping[str, object]]:
        """The whole lines of the events; at most the last may be a piece."""
        *whole, _rest = (self.folder / "e.jsonl").read_text().split("\n")
        return [json.loads(line) for line in whole]

    def rows(self) -> list[tuple[str, str]]:
        """Id and phase of the events in the database, as the next to open it finds them."""
        with closing(sqlite3.connect(self.folder / "e.sqlite")) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            return database.execute(
                "SELECT event_id, phase FROM events ORDER BY sequence"
            ).fetchall()


def ids(records: list[Mapping[str, object]]) -> list[tuple[object, object]]:
    return [(record["event_id"], record["phase"]) for record in records]


def check_secrets(folder: Path, told: str) -> None:
    """No file but the one that was given to it has the password, and no line."""
    assert SECRET not in told
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "scene.yaml"]
    assert files
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]


def test_a_kill_costs_at_most_the_event_being_written_and_the_next_run_sends_the_rest(
    tmp_path: Path,
) -> None:
    port = free_port()
    killed = Run(tmp_path / "killed", port)
    killed.wait_for_events(7)
    killed.end(signal.SIGKILL)
    before = ids(killed.lines())
    last = killed.lines()[-1]["frame_index"]
    assert isinstance(last, int)

    with Receiver(port=port) as receiver:
        following = Run(tmp_path / "following", port, "--limit", str(last + AHEAD))
        told = following.end()
        assert following.process.returncode == 0, told
        sent = [(each.body["event_id"], each.body["phase"]) for each in receiver.accepted]
        keys = [each.key for each in receiver.requests]

    everything = ids(following.lines())  # the same scene, so the same events
    assert len(before) >= 7
    assert before == everything[: len(before)]
    rows = killed.rows()
    assert rows == everything[: len(rows)]
    unsent = sent[: -len(everything)]
    assert unsent == everything[: len(unsent)]
    # A sink may be a frame's events ahead of another when the kill comes, or some behind it.
    assert unsent
    assert rows
    assert sent[len(unsent) :] == everything
    assert len(keys) == len(set(keys))
    check_secrets(tmp_path, told)


def test_ctrl_c_leaves_all_whole_and_sent(tmp_path: Path) -> None:
    with Receiver() as receiver:
        run = Run(tmp_path / "run", receiver.port)
        run.wait_for_events(5)
        told = run.end(signal.SIGINT)
    check_whole(run, told)
    assert [each.body["event_id"] for each in receiver.accepted] == [
        line["event_id"] for line in run.lines()
    ]


def test_ctrl_c_with_nobody_there_leaves_all_whole_and_kept(tmp_path: Path) -> None:
    run = Run(tmp_path / "run", free_port(), end_s=0.2)
    run.wait_for_events(5)
    told = run.end(signal.SIGINT)
    check_whole(run, told)
    kept = f"0 events sent, {len(run.lines())} waiting for the next run"
    assert kept in " ".join(told.split())


def check_whole(run: Run, told: str) -> None:
    """All that was written says the same, and no secret."""
    assert run.process.returncode == 130, told
    assert "Traceback" not in told
    lines = run.lines()
    assert run.rows() == ids(lines)
    assert len((run.folder / "e.csv").read_text().splitlines()) == len(lines) + 1
    boxes = json.loads((run.folder / "boxes.json").read_text())
    assert len(boxes["annotations"]) == len((run.folder / "boxes.txt").read_text().splitlines())
    check_secrets(run.folder.parent, told)
