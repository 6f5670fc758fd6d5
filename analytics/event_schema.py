"""The tables of an event database; `python -m analytics.report` reads them too."""

from __future__ import annotations

import sqlite3

SCHEMA_VERSION = 2  # PRAGMA user_version

# Times are media seconds of their stream in its run; `_wall` columns are ISO 8601 with a time zone.
# A crossing is one row; a visit, loitering or crowding has a row a phase with one event_id.
SCHEMA = """
CREATE TABLE runs (
    run INTEGER PRIMARY KEY,         -- rises; media times of a stream begin anew with each
    start_wall TEXT NOT NULL
);
CREATE TABLE streams (
    run INTEGER NOT NULL REFERENCES runs,
    stream_id TEXT NOT NULL,
    name TEXT NOT NULL,              -- path or redacted address
    width INTEGER NOT NULL,          -- px of the first frame
    height INTEGER NOT NULL,
    first_s REAL NOT NULL,
    last_s REAL NOT NULL,            -- kept up to date while the stream runs
    picture BLOB,                    -- JPEG of the first frame, without drawings
    PRIMARY KEY (run, stream_id)
);
CREATE TABLE rules (
    run INTEGER NOT NULL,
    stream_id TEXT NOT NULL,
    kind TEXT NOT NULL,              -- line, zone
    name TEXT NOT NULL,
    points TEXT NOT NULL,            -- JSON [[x, y], ...] px of the first frame
    PRIMARY KEY (run, stream_id, kind, name),
    FOREIGN KEY (run, stream_id) REFERENCES streams
);
CREATE TABLE events (
    sequence INTEGER PRIMARY KEY,    -- rises in the order of what became certain
    run INTEGER NOT NULL,
    event_id TEXT NOT NULL,
    phase TEXT NOT NULL,             -- new, update, end
    kind TEXT NOT NULL,              -- crossing, visit, loitering, crowding
    stream_id TEXT NOT NULL,
    rule TEXT NOT NULL,
    direction TEXT,                  -- of a crossing: in, out
    track_id INTEGER,
    class_id INTEGER,
    class_name TEXT,
    start_s REAL NOT NULL,
    end_s REAL,
    value REAL,                      -- seconds of a visit or loitering so far, objects in a crowd
    cause TEXT NOT NULL,             -- crossed, appeared, lost, counted
    start_wall TEXT,
    end_wall TEXT,
    time_s REAL NOT NULL,            -- of the frame that made it certain
    frame_index INTEGER NOT NULL,
    pts INTEGER NOT NULL,
    geometry TEXT NOT NULL,          -- JSON {"point": .., "step": .., "xyxy": ..}
    jpeg BLOB,                       -- the object, cut out of that frame
    FOREIGN KEY (run, stream_id) REFERENCES streams
);
CREATE INDEX events_by_rule ON events (stream_id, rule, kind, phase);
CREATE INDEX events_by_id ON events (event_id);
CREATE TABLE occupancy (
    run INTEGER NOT NULL,
    stream_id TEXT NOT NULL,
    zone TEXT NOT NULL,
    start_s REAL NOT NULL,
    end_s REAL NOT NULL,
    mean REAL NOT NULL,              -- objects inside, over time
    peak INTEGER NOT NULL,
    PRIMARY KEY (run, stream_id, zone, start_s),
    FOREIGN KEY (run, stream_id) REFERENCES streams
);
CREATE TABLE heat (
    run INTEGER NOT NULL,
    stream_id TEXT NOT NULL,
    rows INTEGER NOT NULL,
    columns INTEGER NOT NULL,
    passages BLOB NOT NULL,          -- int64, little endian, row by row
    dwell_s BLOB NOT NULL,           -- float64, likewise
    PRIMARY KEY (run, stream_id),
    FOREIGN KEY (run, stream_id) REFERENCES streams
);
CREATE VIEW visits AS                -- those that have ended
    SELECT * FROM events WHERE kind = 'visit' AND phase = 'end';
CREATE VIEW crossings AS
    SELECT * FROM events WHERE kind = 'crossing';
"""

_TABLES = {"streams", "rules", "events", "occupancy", "heat"}  # of every version


def fault_of(database: sqlite3.Connection) -> str | None:
    """What keeps a database from being one of events that can be used here; None where nothing.

    Raises:
        sqlite3.Error: it cannot be read.
    """
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    if not tables >= _TABLES:
        return (
            "expected an event database, as the sink sqlite:FILE writes it; this one has other "
            "tables"
        )
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version != SCHEMA_VERSION:
        return f"expected version {SCHEMA_VERSION} of the tables, got {version}"
    return None
