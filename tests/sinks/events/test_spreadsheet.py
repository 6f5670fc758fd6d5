"""A table of events reads back as it was, and no cell of it is a formula."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.region import LineConfig
from analytics.scene_config import SceneConfig
from analytics.watch import Watch
from sinks.events.lines import EventLinesSink
from sinks.events.spreadsheet import COLUMNS, CSV_LINES, row_line, safe_cell
from tests.analytics.paths_seen import engine, path, result
from tests.sinks.events.test_record import CROSSING, EVENT


def test_a_header_and_a_row_an_event(tmp_path: Path) -> None:
    scene = SceneConfig(lines=(LineConfig("the gate, east", (50.0, 0.0), (50.0, 100.0)),))
    watch, target = Watch(engine(scene)), tmp_path / "events.csv"
    with EventLinesSink(target, CSV_LINES, overwrite=False) as sink:
        for index, seen in enumerate(path([(8.0 + 10 * step, 80.0) for step in range(9)])):
            sink.write(watch.update(result(seen, index=index)))
        with target.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    assert len(rows) == 1
    assert {key: rows[0][key] for key in ("kind", "rule", "direction", "track_id", "end_wall")} == {
        "kind": "crossing",
        "rule": "the gate, east",
        "direction": "out",
        "track_id": "1",
        "end_wall": "",
    }
    assert float(rows[0]["point_x"]) == pytest.approx(50.0)
    assert tuple(rows[0]) == COLUMNS


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        pytest.param("", "", id="empty"),
        pytest.param("gate", "gate", id="a plain name"),
        pytest.param('=HYPERLINK("http://x","y")', '\'=HYPERLINK("http://x","y")', id="equals"),
        pytest.param("+1", "'+1", id="plus"),
        pytest.param("-1+cmd|' /C calc'!A0", "'-1+cmd|' /C calc'!A0", id="minus"),
        pytest.param("@SUM(A1)", "'@SUM(A1)", id="at"),
        pytest.param("\t=1", "' =1", id="after a tab"),
        pytest.param("\uff1d1", "'\uff1d1", id="wide equals"),
        pytest.param("a\r\nb", "a b", id="two lines"),
    ],
)
def test_a_cell_only_shows_itself(text: str, cell: str) -> None:
    assert safe_cell(text) == cell


@given(rule=st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_name_stays_one_line_and_reads_back(rule: str) -> None:
    line = row_line(replace(EVENT, change=replace(CROSSING, rule=rule)))
    assert len(line.splitlines()) == 1
    (row,) = csv.reader([line])
    assert len(row) == len(COLUMNS)
    assert row[COLUMNS.index("rule")] == safe_cell(rule)
    assert not row[COLUMNS.index("rule")].lstrip().startswith(("=", "+", "-", "@"))
