"""The database holds every event, can be read meanwhile, and survives whatever ends the run."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
import pytest

from analytics.event_schema import SCHEMA_VERSION
from analytics.region import LineConfig, ZoneConfig
from analytics.scene_config import HeatmapConfig, SceneConfig
from analytics.watch import Watch
from detector.detections import Detections
from sinks.events.database import DatabaseSink
from streamer.errors import SinkError
from streamer.result import Result, StreamEnd
from tests.analytics.paths_seen import engine, path, result

SCENE = SceneConfig(
    lines=(LineConfig("gate", (50.0, 0.0), (50.0, 100.0)),),
    zones=(ZoneConfig("yard", ((60.0, 40.0), (99.0, 40.0), (99.0, 99.0), (60.0, 99.0))),),
    heatmap=HeatmapConfig(columns=10),
)


def _walk(watch: Watch) -> Iterator[Result[Detections]]:
    """One person from the left over the line into the zone, and not out of it."""
    for index, seen in enumerate(path([(8.0 + 10 * step, 80.0) for step in range(9)])):
        yield watch.update(result(seen, index=index))


def _end(watch: Watch, last: Result[Detections]) -> StreamEnd:
    return StreamEnd(last.frame.stream, tuple(watch.finish()))


def _ask(database: Path, question: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as reader:
        return reader.execute(question).fetchall()


def test_all_that_happened_is_there_at_the_end(tmp_path: Path) -> None:
    target, watch = tmp_path / "events.sqlite", Watch(engine(SCENE))
    with DatabaseSink(target, overwrite=False) as sink:
        results = list(_walk(watch))
        for each in results:
            sink.write(each)
        sink.end_stream(_end(watch, results[-1]))

    assert _ask(target, "SELECT kind, phase, rule, track_id, class_name FROM events") == [
        ("crossing", "new", "gate", 1, "person"),
        ("visit", "new", "yard", 1, "person"),
        ("visit", "end", "yard", 1, "person"),
    ]
    assert _ask(target, "SELECT kind, name FROM rules") == [("line", "gate"), ("zone", "yard")]
    assert _ask(target, "SELECT stream_id, width, first_s, last_s FROM streams") == [
        ("door", 101, 0.0, 0.8)
    ]
    rows, columns, passages = _ask(target, "SELECT rows, columns, passages FROM heat")[0]
    assert (rows, columns) == (10, 10)
    assert isinstance(passages, bytes)
    assert np.frombuffer(passages, "<i8").sum() == 9  # a new cell of ten px at every step
    assert _ask(target, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
    assert not list(tmp_path.glob("*-wal"))


def test_others_read_while_it_is_written(tmp_path: Path) -> None:
    target, seen = tmp_path / "events.sqlite", []
    with DatabaseSink(target, overwrite=False) as sink:
        for each in _walk(Watch(engine(SCENE))):
            sink.write(each)
            seen.append(_ask(target, "SELECT count(*) FROM events")[0][0])
    assert seen == [0] * 5 + [1] + [2] * 3  # the line at x = 50, the zone from 60 on


def test_a_program_that_has_a_change_open_holds_up_and_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A cell edited by hand and not saved ended the run after five seconds."""
    target, results = tmp_path / "events.sqlite", list(_walk(Watch(engine(SCENE))))
    with DatabaseSink(target, overwrite=False) as sink:
        sink.write(results[0])
        with closing(sqlite3.connect(target, isolation_level=None)) as editor:
            editor.execute("BEGIN IMMEDIATE")
            for each in results[1:8]:
                sink.write(each)
            assert _ask(target, "SELECT count(*) FROM events") == [(0,)]
            editor.execute("ROLLBACK")
        sink.write(results[8])
    assert len(caplog.messages) == 1
    assert "another program holds the database; events wait" in caplog.text
    assert _ask(target, "SELECT kind FROM events ORDER BY rowid") == [("crossing",), ("visit",)]


def test_what_waits_until_the_end_in_vain_is_told(tmp_path: Path) -> None:
    target, results = tmp_path / "events.sqlite", list(_walk(Watch(engine(SCENE))))
    with ExitStack() as stack:
        sink = stack.enter_context(DatabaseSink(target, overwrite=False))
        editor = sqlite3.connect(target, isolation_level=None)
        editor.execute("BEGIN IMMEDIATE")
        for each in results:
            sink.write(each)
        held = closing(editor)
        with held, pytest.raises(SinkError, match="writings are lost: another program holds"):
            stack.close()


def test_a_run_that_fails_leaves_what_was_certain(tmp_path: Path) -> None:
    target = tmp_path / "events.sqlite"

    def run() -> None:
        with DatabaseSink(target, overwrite=False) as sink:
            for each in _walk(Watch(engine(SCENE))):
                sink.write(each)
            raise RuntimeError("device lost")

    with pytest.raises(RuntimeError, match="device lost"):
        run()
    assert _ask(target, "SELECT last_s, (SELECT count(*) FROM events) FROM streams") == [(0.8, 2)]
    assert _ask(target, "PRAGMA integrity_check") == [("ok",)]


def test_what_exists_is_kept_unless_that_is_allowed(tmp_path: Path) -> None:
    target = tmp_path / "events.sqlite"
    target.write_text("mine")
    with pytest.raises(SinkError, match="exists; allow overwriting"):
        DatabaseSink(target, overwrite=False).__enter__()
    assert target.read_text() == "mine"
    with DatabaseSink(target, overwrite=True):
        pass
    assert _ask(target, "SELECT count(*) FROM events") == [(0,)]


def _run(target: Path, *, append: bool = True) -> None:
    """One run: three events in 0.8 s."""
    watch = Watch(engine(SCENE))
    with DatabaseSink(target, overwrite=False, append=append) as sink:
        results = list(_walk(watch))
        for each in results:
            sink.write(each)
        sink.end_stream(_end(watch, results[-1]))


def test_a_run_goes_on_with_the_database_of_the_one_before(tmp_path: Path) -> None:
    """A supervised run could only refuse its own database, or delete it."""
    target = tmp_path / "events.sqlite"
    for _ in range(3):
        _run(target)
    assert _ask(target, "SELECT run, count(*) FROM events GROUP BY run") == [(1, 3), (2, 3), (3, 3)]
    assert _ask(target, "SELECT run, stream_id FROM streams") == [
        (run, "door") for run in (1, 2, 3)
    ]
    for table in ("runs", "rules WHERE kind = 'zone'", "heat"):
        assert _ask(target, f"SELECT count(*) FROM {table}") == [(3,)]
    once = _ask(target, "SELECT zone, start_s, mean FROM occupancy WHERE run = 1")
    assert _ask(target, "SELECT zone, start_s, mean FROM occupancy WHERE run = 3") == once
    assert _ask(target, "PRAGMA integrity_check") == [("ok",)]


def test_a_run_goes_on_after_a_kill(tmp_path: Path) -> None:
    """What a killed process leaves: a database whose last events are in the log beside it."""
    killed, target = tmp_path / "killed.sqlite", tmp_path / "events.sqlite"
    with DatabaseSink(killed, overwrite=False) as sink:
        for each in _walk(Watch(engine(SCENE))):
            sink.write(each)
        for suffix in ("", "-wal"):
            shutil.copy(f"{killed}{suffix}", f"{target}{suffix}")
    _run(target)
    assert _ask(target, "SELECT run, count(*) FROM events GROUP BY run") == [(1, 2), (2, 3)]


@pytest.mark.parametrize("statement", ["", "PRAGMA journal_mode = WAL"])
def test_a_kill_before_there_was_a_table_is_a_beginning(tmp_path: Path, statement: str) -> None:
    target = tmp_path / "events.sqlite"
    target.touch()
    with closing(sqlite3.connect(target)) as database:
        database.execute(statement)
    _run(target)
    assert _ask(target, "SELECT run, count(*) FROM events GROUP BY run") == [(1, 3)]


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        pytest.param(None, "expected an event database, got another file", id="no database"),
        pytest.param("CREATE TABLE mine (a)", "this one has other tables", id="another"),
        pytest.param(
            "PRAGMA user_version = 99", "expected version 2 of the tables, got 99", id="99"
        ),
    ],
)
def test_a_database_of_somebody_else_stays_as_it_is(
    tmp_path: Path, statement: str | None, told: str
) -> None:
    target = tmp_path / "events.sqlite"
    if statement is None:
        target.write_text("a text that is longer than the header of a database, " * 4)
    else:
        if "version" in statement:
            _run(target)
        with closing(sqlite3.connect(target)) as database:
            database.execute(statement)
    before = target.read_bytes()
    with pytest.raises(SinkError, match=f"cannot be added to: .*{told}") as caught:
        DatabaseSink(target, overwrite=False, append=True).__enter__()
    assert "\n" not in str(caught.value)
    assert target.read_bytes() == before


def test_a_folder_that_is_a_file_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SinkError, match=r"cannot be made: .*; choose another folder"):
        DatabaseSink(tmp_path / "file" / "events.sqlite", overwrite=False).__enter__()
