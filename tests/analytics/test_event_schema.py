"""The tables of an event database hold what a scene may have."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from analytics.event_schema import SCHEMA


def test_a_line_and_a_zone_may_share_a_name() -> None:
    """The zone took the line's place, and the report had no line."""
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("PRAGMA foreign_keys = OFF")
        database.executescript(SCHEMA)
        for kind in ("line", "zone"):
            database.execute("INSERT OR REPLACE INTO rules VALUES ('s', ?, 'gate', '[]')", (kind,))
        kinds = database.execute("SELECT kind FROM rules ORDER BY kind").fetchall()
    assert kinds == [("line",), ("zone",)]
