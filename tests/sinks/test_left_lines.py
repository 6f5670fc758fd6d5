"""A file of lines goes on where a run has left it, and stays whole lines of one kind."""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Callable
from pathlib import Path

import pytest

from analytics.watch import Watch
from sinks.events.lines import EventLinesSink
from sinks.events.spreadsheet import COLUMNS, CSV_LINES
from sinks.jsonl import JsonlSink
from sinks.left_lines import reopen
from streamer.errors import SinkError
from tests.analytics.paths_seen import engine
from tests.sinks.events.test_database import SCENE, _end, _walk
from tests.sinks.results import full_disk, results

Lines = JsonlSink | EventLinesSink

BEGINNING = '{"a": '


def records(path: Path) -> Lines:
    return JsonlSink(path, (), append=True)


def events(path: Path) -> Lines:
    return EventLinesSink(path, overwrite=False, append=True)


def table(path: Path) -> Lines:
    return EventLinesSink(path, CSV_LINES, overwrite=False, append=True)


def go(sink: Lines) -> None:
    """A run of three events, or of nine frames."""
    watch = Watch(engine(SCENE))
    with sink:
        seen = list(_walk(watch))
        for each in seen:
            sink.write(each)
        if isinstance(sink, EventLinesSink):
            sink.end_stream(_end(watch, seen[-1]))


@pytest.mark.parametrize(
    ("make", "lines", "head"),
    [
        pytest.param(records, 10, 0, id="records"),
        pytest.param(events, 3, 0, id="events"),
        pytest.param(table, 3, 1, id="table"),
    ],
)
def test_a_second_run_adds_its_lines_and_takes_none(
    make: Callable[[Path], Lines], lines: int, head: int, tmp_path: Path
) -> None:
    path = tmp_path / "deep" / "out"
    go(make(path))
    first = path.read_bytes()
    go(make(path))
    both = path.read_bytes()
    assert both.startswith(first)
    assert both == first + first[len(first.splitlines(keepends=True)[0]) if head else 0 :]
    assert both.count(b"\n") == 2 * lines + head


@pytest.mark.parametrize("make", [records, events, table])
@pytest.mark.parametrize("left", [0, 5, 20, 150, -40, -1])
def test_what_a_kill_has_torn_is_cut_off_or_closed(
    make: Callable[[Path], Lines], left: int, tmp_path: Path
) -> None:
    path = tmp_path / "out"
    go(make(path))
    whole = path.read_bytes()
    path.write_bytes(whole[:left])
    kept = whole[:left].rpartition(b"\n")[0]
    if left == -1 and make is not table:
        kept = whole[:-1]  # only the end of the line was missing
    go(make(path))
    after = path.read_bytes()
    assert after.startswith(kept)
    added = after[len(kept) :].lstrip(b"\n")
    assert whole.endswith(added)
    rows = after.decode().splitlines()
    if make is table:
        assert rows[0] == ",".join(COLUMNS)
        assert rows.count(rows[0]) == 1
    else:
        assert all(isinstance(json.loads(row), dict) for row in rows)


@pytest.mark.parametrize("make", [records, events, table])
@pytest.mark.parametrize("content", ["my notes", "a,b\n1,2\n", '{"stream_id": 1}\n', "\n"])
def test_a_file_of_somebody_else_stays_as_it_is(
    make: Callable[[Path], Lines], content: str, tmp_path: Path
) -> None:
    path = tmp_path / "out"
    path.write_text(content)
    with pytest.raises(SinkError, match="out: cannot be added to: expected it to begin"):
        make(path).__enter__()
    assert path.read_text() == content


def test_a_table_with_other_columns_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text(",".join(COLUMNS) + ",more\n")
    with pytest.raises(SinkError, match="cannot be added to") as told:
        table(path).__enter__()
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("length", [1, 1 << 16, (1 << 16) - 7, 200_000])
def test_a_torn_line_of_any_length_is_cut_off_and_told(
    length: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "out"
    path.write_text(f'{{"a": 1}}\n{"x" * length}')
    with caplog.at_level(logging.INFO), reopen(path, BEGINNING) as file:
        file.write(b"next\n")
    assert path.read_text() == '{"a": 1}\nnext\n'
    assert f"goes on after 9 bytes; {length} bytes of a torn line were cut off" in caplog.text


def test_a_full_disk_keeps_what_was_there_and_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "out"
    go(records(path))
    before = path.read_bytes()
    sink = records(path)
    with sink, full_disk(len(before) + 700), pytest.raises(SinkError, match="cannot be written"):
        deque(map(sink.write, results(range(100))), maxlen=0)
    after = path.read_bytes()
    assert len(after) > len(before)
    assert after.startswith(before)
    assert after.endswith(b"}\n")


def test_a_folder_in_its_place_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="cannot be written: is a directory"):
        records(tmp_path).__enter__()
