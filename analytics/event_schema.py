"""The tables of an event database; `python -m analytics.report` reads them too."""

from __future__ import annotations

SCHEMA_VERSION = 1  # PRAGMA user_version

# Times are media seconds of their stream; `_wall` columns are ISO 8601 with a time zone, or NULL.
# A crossing is one row; a visit, loitering or crowding has a row a phase with one event_id.
SCHEMA = """
CREATE TABLE streams (
    stream_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,              -- path or redacted address
    width INTEGER NOT NULL,          -- px of the first frame
    height INTEGER NOT NULL,
    first_s REAL NOT NULL,
    last_s REAL NOT NULL,            -- kept up to date while the stream runs
    picture BLOB                     -- JPEG of the first frame, without drawings
);
CREATE TABLE rules (
    stream_id TEXT NOT NULL REFERENCES streams,
    kind TEXT NOT NULL,              -- line, zone
    name TEXT NOT NULL,
    points TEXT NOT NULL,            -- JSON [[x, y], ...] px of the first frame
    PRIMARY KEY (stream_id, kind, name)
);
CREATE TABLE events (
    sequence INTEGER PRIMARY KEY,    -- rises in the order of what became certain
    event_id TEXT NOT NULL,
    phase TEXT NOT NULL,             -- new, update, end
    kind TEXT NOT NULL,              -- crossing, visit, loitering, crowding
    stream_id TEXT NOT NULL REFERENCES streams,
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
    jpeg BLOB                        -- the object, cut out of that frame
);
CREATE INDEX events_by_rule ON events (stream_id, rule, kind, phase);
CREATE INDEX events_by_id ON events (event_id);
CREATE TABLE occupancy (
    stream_id TEXT NOT NULL REFERENCES streams,
    zone TEXT NOT NULL,
    start_s REAL NOT NULL,
    end_s REAL NOT NULL,
    mean REAL NOT NULL,              -- objects inside, over time
    peak INTEGER NOT NULL,
    PRIMARY KEY (stream_id, zone, start_s)
);
CREATE TABLE heat (
    stream_id TEXT PRIMARY KEY REFERENCES streams,
    rows INTEGER NOT NULL,
    columns INTEGER NOT NULL,
    passages BLOB NOT NULL,          -- int64, little endian, row by row
    dwell_s BLOB NOT NULL            -- float64, likewise
);
CREATE VIEW visits AS                -- those that have ended
    SELECT * FROM events WHERE kind = 'visit' AND phase = 'end';
CREATE VIEW crossings AS
    SELECT * FROM events WHERE kind = 'crossing';
"""
