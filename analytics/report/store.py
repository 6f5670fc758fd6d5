"""What a report needs of an event database, read in one go."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analytics.event_schema import SCHEMA_VERSION

MOST_EVENTS = 500  # in the table of a page: with their pictures some 3 MB
_BUSY_S = 5.0


class ReportError(Exception):
    """The database cannot be reported on."""


@dataclass(frozen=True, slots=True, eq=False)
class Crossings:
    """Who crossed a line.

    Attributes:
        rule: the line's name.
        time_s: (N,) media seconds, rising.
        direction: (N,) "in" or "out".
        class_name: (N,).
    """

    rule: str
    time_s: NDArray[np.float64]
    direction: NDArray[np.str_]
    class_name: NDArray[np.str_]


@dataclass(frozen=True, slots=True, eq=False)
class Visits:
    """Who was in a zone.

    Attributes:
        rule: the zone's name.
        dwell_s: (N,) of visits that have ended.
        open: visits that have not.
        occupancy: (M, 4) start and end in media seconds, mean and peak of objects inside.
    """

    rule: str
    dwell_s: NDArray[np.float64]
    open: int
    occupancy: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Row:
    """One event, as the table shows it.

    Attributes:
        event_id: of the event.
        what: kind and phase, or kind and direction.
        rule: of the line or zone.
        who: class and track.
        start_s: media seconds.
        end_s: media seconds, or None while it lasts.
        value: seconds of a visit, objects of a crowd, or None.
        cause: what made it so.
        wall: when it began by the clock on the wall, or empty.
        jpeg: the object, or None.
    """

    event_id: str
    what: str
    rule: str
    who: str
    start_s: float
    end_s: float | None
    value: float | None
    cause: str
    wall: str
    jpeg: bytes | None


@dataclass(frozen=True, slots=True, eq=False)
class StreamReport:
    """All about one stream.

    Attributes:
        stream_id: of the stream.
        name: what a person calls it.
        size: width and height, px.
        first_s: media seconds of its first frame.
        last_s: of the last one known of.
        picture: JPEG of the first frame, or None.
        rules: kind, name and corners (px) of each line and zone.
        crossings: of each line.
        visits: of each zone.
        passages: (R, C) of feet, or None without a heat map.
        dwell_s: (R, C) seconds of feet, or None.
        rows: the latest events, at most MOST_EVENTS, newest first.
        event_count: how many there are in all.
    """

    stream_id: str
    name: str
    size: tuple[int, int]
    first_s: float
    last_s: float
    picture: bytes | None
    rules: Sequence[tuple[str, str, Sequence[tuple[float, float]]]]
    crossings: Sequence[Crossings]
    visits: Sequence[Visits]
    passages: NDArray[np.int64] | None
    dwell_s: NDArray[np.float64] | None
    rows: Sequence[Row]
    event_count: int


def read_reports(path: Path) -> list[StreamReport]:
    """Every stream of a database, which may still be written to.

    Raises:
        ReportError: the file is missing, no event database, damaged, or of another version.
    """
    if not path.is_file():
        raise ReportError(f"{path}: expected an event database, found no such file")
    try:
        uri = f"{path.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_S)) as database:
            _check(database, path)
            database.execute("BEGIN")  # one moment for all questions
            streams = database.execute("SELECT * FROM streams ORDER BY stream_id").fetchall()
            return [_read_stream(database, *stream) for stream in streams]
    except (sqlite3.Error, ValueError) as error:  # a damaged page, a blob of another size
        raise ReportError(
            f"{path}: expected an event database, as the sink sqlite:FILE writes it: {error}"
        ) from error


def _check(database: sqlite3.Connection, path: Path) -> None:
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    if not {"streams", "rules", "events", "occupancy", "heat"} <= tables:
        raise ReportError(
            f"{path}: expected an event database, as the sink sqlite:FILE writes it; "
            "this one has other tables"
        )
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version != SCHEMA_VERSION:
        raise ReportError(
            f"{path}: expected version {SCHEMA_VERSION} of the tables, got {version}; "
            "report with the program that wrote it"
        )


def _read_stream(
    database: sqlite3.Connection,
    stream_id: str,
    name: str,
    width: int,
    height: int,
    first_s: float,
    last_s: float,
    picture: bytes | None,
) -> StreamReport:
    found = database.execute(
        "SELECT kind, name, points FROM rules WHERE stream_id = ? ORDER BY rowid", (stream_id,)
    )
    rules = [(kind, rule, json.loads(points)) for kind, rule, points in found]
    heat = database.execute(
        "SELECT rows, columns, passages, dwell_s FROM heat WHERE stream_id = ?", (stream_id,)
    ).fetchone()
    passages = dwell_s = None
    if heat is not None:
        rows, columns, *grids = heat
        passages = np.frombuffer(grids[0], "<i8").reshape(rows, columns)
        dwell_s = np.frombuffer(grids[1], "<f8").reshape(rows, columns)
    (count,) = database.execute(
        "SELECT count(*) FROM events WHERE stream_id = ?", (stream_id,)
    ).fetchone()
    return StreamReport(
        stream_id,
        name,
        (width, height),
        first_s,
        last_s,
        picture,
        rules,
        [_crossings(database, stream_id, rule) for kind, rule, _ in rules if kind == "line"],
        [_visits(database, stream_id, rule) for kind, rule, _ in rules if kind == "zone"],
        passages,
        dwell_s,
        _rows(database, stream_id),
        count,
    )


def _crossings(database: sqlite3.Connection, stream_id: str, rule: str) -> Crossings:
    found = database.execute(
        "SELECT start_s, direction, coalesce(class_name, '') FROM crossings "
        "WHERE stream_id = ? AND rule = ? ORDER BY start_s",
        (stream_id, rule),
    ).fetchall()
    times, directions, names = zip(*found, strict=True) if found else ((), (), ())
    return Crossings(
        rule, np.array(times, np.float64), np.array(directions, str), np.array(names, str)
    )


def _visits(database: sqlite3.Connection, stream_id: str, rule: str) -> Visits:
    mine = (stream_id, rule)
    dwell = database.execute(
        "SELECT value FROM visits WHERE stream_id = ? AND rule = ? AND value IS NOT NULL", mine
    ).fetchall()
    (begun,) = database.execute(
        "SELECT count(DISTINCT event_id) FROM events "
        "WHERE kind = 'visit' AND stream_id = ? AND rule = ?",
        mine,
    ).fetchone()
    occupancy = database.execute(
        "SELECT start_s, end_s, mean, peak FROM occupancy "
        "WHERE stream_id = ? AND zone = ? ORDER BY start_s",
        mine,
    ).fetchall()
    seconds = np.array(dwell, np.float64).reshape(-1)
    stretches = np.array(occupancy, np.float64).reshape(-1, 4)
    return Visits(rule, seconds, begun - len(seconds), stretches)


def _rows(database: sqlite3.Connection, stream_id: str) -> list[Row]:
    found = database.execute(
        "SELECT event_id, kind || ' ' || coalesce(direction, phase), rule, "
        "coalesce(class_name, '') || coalesce(' #' || track_id, ''), start_s, end_s, value, cause, "
        "coalesce(start_wall, ''), jpeg FROM events WHERE stream_id = ? "
        "ORDER BY sequence DESC LIMIT ?",
        (stream_id, MOST_EVENTS),
    )
    return [Row(*columns) for columns in found]
