"""The tables of an event database hold what a scene may have."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from analytics.event_schema import SCHEMA


def test_a_line_and_a_zone_may_share_a_name() -> None:
    """The zone took the line's place, and the report had no line."""
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("PRAGMA foreign_keys = OFF")
        database.executescript(SCHEMA)
        for kind in ("line", "zone"):
            database.execute(
                "INSERT OR REPLACE INTO rules VALUES (1, 's', ?, 'gate', '[]')", (kind,)
            )
        kinds = database.execute("SELECT kind FROM rules ORDER BY kind").fetchall()
    assert kinds == [("line",), ("zone",)]


def test_what_one_table_takes_from_another_is_there() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        database.execute("PRAGMA foreign_keys = ON")
        database.executescript(SCHEMA)
        database.execute("INSERT INTO runs VALUES (1, '2026-01-01T00:00:00+00:00')")
        database.execute("INSERT INTO streams VALUES (1, 'a', 'a', 8, 8, 0, 0, NULL)")
        database.execute("INSERT INTO heat VALUES (1, 'a', 0, 0, x'', x'')")
        with pytest.raises(sqlite3.IntegrityError):
            database.execute("INSERT INTO heat VALUES (2, 'a', 0, 0, x'', x'')")
