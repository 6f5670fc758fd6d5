"""The report says what the database says, whatever is in it, and needs nothing from outside."""

from __future__ import annotations

import dataclasses
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest

from analytics.region import LineConfig
from analytics.report.__main__ import main
from analytics.report.png import heat_rgba, png
from analytics.report.store import read_reports
from analytics.watch import Watch
from sinks.events.database import DatabaseSink
from streamer.result import StreamEnd
from tests.analytics.paths_seen import engine, path, result
from tests.sinks.events.test_database import SCENE
from tests.sinks.web.browser import chromium, needs_chromium

HOSTILE = '<script>alert("x")</script>&\'"'


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Three people over the line to the right, one of them back, all of them in the zone."""
    hostile = LineConfig(HOSTILE, (50.0, 0.0), (50.0, 100.0))
    watch = Watch(engine(dataclasses.replace(SCENE, lines=(hostile,))))
    target = tmp_path / "events.sqlite"
    walks = [8.0 + 10 * step for step in range(9)]
    seen = [
        (time_s, {who: (x, 60.0 + 10 * who) for who in (1, 2, 3)})
        for time_s, x in zip([0.1 * step for step in range(9)], walks, strict=True)
    ]
    seen += [
        (0.9 + time_s, {1: place[1]})
        for time_s, place in path([(x, 70.0) for x in reversed(walks)])
    ]
    with DatabaseSink(target, overwrite=False) as sink:
        last = None
        for index, one in enumerate(seen):
            last = watch.update(result(one, index=index))
            sink.write(last)
        assert last is not None
        sink.end_stream(StreamEnd(last.frame.stream, tuple(watch.finish())))
    return target


def _page(database: Path) -> str:
    assert main([str(database)]) == 0
    return database.with_suffix(".html").read_text(encoding="utf-8")


def test_counts_are_those_of_the_database(database: Path) -> None:
    (stream,) = read_reports(database)
    (line,), (zone,) = stream.crossings, stream.visits
    directions = line.direction.tolist()
    assert sorted(directions) == sorted([directions[0]] * 3 + [directions[-1]])
    assert directions[0] != directions[-1]
    assert (len(zone.dwell_s), zone.open) == (3, 0)
    assert stream.event_count == 4 + 2 * 3


def test_runs_follow_one_another(tmp_path: Path) -> None:
    """Media times begin anew with each; the counts of two runs lay over each other."""
    target = tmp_path / "events.sqlite"
    reports = []
    for _ in range(3):
        watch, last = Watch(engine(SCENE)), None
        with DatabaseSink(target, overwrite=False, append=True) as sink:
            for index, seen in enumerate(path([(8.0 + 10 * step, 80.0) for step in range(9)])):
                last = watch.update(result(seen, index=index))
                sink.write(last)
            assert last is not None
            sink.end_stream(StreamEnd(last.frame.stream, tuple(watch.finish())))
        reports += read_reports(target)
    one, _, three = reports
    assert (three.runs, three.event_count, len(three.rows)) == (3, 9, 9)
    assert three.first_s == one.first_s == 0.0
    assert three.last_s == pytest.approx(3 * one.last_s)
    (first,) = one.crossings[0].time_s.tolist()
    assert three.crossings[0].time_s.tolist() == pytest.approx([first, first + 0.8, first + 1.6])
    assert [row.start_s for row in three.rows[-1::-3]] == pytest.approx(
        three.crossings[0].time_s.tolist()
    )
    assert len(three.visits[0].dwell_s) == 3
    assert (np.diff(three.visits[0].occupancy[:, 0]) > 0).all()
    assert one.passages is not None
    assert three.passages is not None
    assert (three.passages == 3 * one.passages).all()
    assert "in 3 runs, one after the other" in _page(target)


def test_a_run_that_was_killed_lasts_to_its_last_event(database: Path) -> None:
    """`last_s` is written every few seconds: the next run lay over the end of the killed one."""
    with closing(sqlite3.connect(database)) as editor, editor:
        editor.execute("UPDATE streams SET last_s = 0.1")
    (stream,) = read_reports(database)
    assert stream.last_s >= max(stream.crossings[0].time_s) > 0.1


def test_names_are_shown_and_never_obeyed(database: Path) -> None:
    page = _page(database)
    assert "&lt;script&gt;alert" in page
    assert "<script" not in page


def test_nothing_is_fetched(database: Path) -> None:
    page = _page(database)
    assert "default-src 'none'" in page
    assert not re.search(r"""(src|href)=["'](?!data:)""", page)


def test_a_database_in_which_nothing_has_happened_is_a_page(tmp_path: Path) -> None:
    target = tmp_path / "events.sqlite"
    with DatabaseSink(target, overwrite=False):
        assert "No stream has begun" in _page(target)  # and while it is written to


def test_a_huge_database_is_cut_and_says_so(database: Path) -> None:
    with closing(sqlite3.connect(database)) as editor, editor:
        columns = [name for _, name, *_ in editor.execute("PRAGMA table_info(events)")][1:]
        names = ", ".join(columns)
        many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)"
        editor.execute(f"INSERT INTO events ({names}) {many} SELECT {names} FROM events, n")
    page = _page(database)
    assert "the latest 500 of 1010" in page
    assert page.count("<tr>") < 520


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(None, "found no such file", id="missing"),
        pytest.param(b"a text", "expected an event database", id="no database"),
        pytest.param(b"", "has other tables", id="empty"),
    ],
)
def test_what_is_no_event_database_is_told_in_one_line(
    content: bytes | None, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "events.sqlite"
    if content is not None:
        target.write_bytes(content)
    assert main([str(target)]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert not target.with_suffix(".html").exists()


def test_another_version_of_the_tables_is_refused(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(sqlite3.connect(database)) as editor:
        editor.execute("PRAGMA user_version = 99")
    assert main([str(database)]) == 2
    assert "expected version 2 of the tables, got 99" in capsys.readouterr().err


def test_heat_is_a_picture_that_others_can_read() -> None:
    grid = np.array([[0, 1], [4, 16]])
    pixels = cv2.imdecode(np.frombuffer(png(heat_rgba(grid)), np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    assert pixels.shape == (2, 2, 4)
    assert pixels[0, 0, 3] == 0  # nothing there
    assert pixels[1, 1].tolist() == [0, 40, 255, 210]  # blue, green, red: the highest
    assert not heat_rgba(np.zeros((2, 2)))[..., 3].any()


@needs_chromium
def test_a_browser_shows_it_without_a_word_of_complaint(database: Path, tmp_path: Path) -> None:
    _page(database)
    with chromium(tmp_path / "profile", width=390, height=800) as driver:
        driver.get(database.with_suffix(".html").as_uri())
        assert driver.get_log("browser") == []
        rows = driver.find_elements("css selector", "[data-events] tr")
        assert len(rows) == 1 + 10
        totals = driver.find_element("css selector", "[data-line] tr:last-child").text
        assert sorted(totals.split()) == ["1", "3", "all"]
        wide, shown = driver.execute_script(
            "return [document.documentElement.scrollWidth, window.innerWidth]"
        )
        assert wide <= shown  # nothing to scroll sideways
        loaded = driver.execute_script(
            "return [...document.images].every(i => !i.complete || i.naturalWidth > 0)"
        )
        assert loaded
