"""What a report needs of an event database, read in one go."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analytics.event_schema import fault_of

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
    """All about one stream, over all runs that the database has of it.

    Times are as if each run went on where the one before it ended. What is drawn is as the latest
    run knew it.

    Attributes:
        stream_id: of the stream.
        name: what a person calls it.
        size: width and height, px.
        first_s: media seconds of its first frame.
        last_s: of the last one known of.
        runs: how many there are of it.
        picture: JPEG of the first frame, or None.
        rules: kind, name and corners (px) of each line and zone.
        crossings: of each line.
        visits: of each zone.
        passages: (R, C) of feet, or None without a heat map; of the runs with the latest one's
            cells.
        dwell_s: (R, C) seconds of feet, or None; likewise.
        rows: the latest events, at most MOST_EVENTS, newest first.
        event_count: how many there are in all.
    """

    stream_id: str
    name: str
    size: tuple[int, int]
    first_s: float
    last_s: float
    runs: int
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
            streams = database.execute(
                "SELECT DISTINCT stream_id FROM streams ORDER BY stream_id"
            ).fetchall()
            return [_read_stream(database, stream_id) for (stream_id,) in streams]
    except (sqlite3.Error, ValueError) as error:  # a damaged page, a blob of another size
        raise ReportError(
            f"{path}: expected an event database, as the sink sqlite:FILE writes it: {error}"
        ) from error


def _check(database: sqlite3.Connection, path: Path) -> None:
    fault = fault_of(database)
    if fault is not None:
        raise ReportError(f"{path}: {fault}; report with the program that wrote it")


def _read_stream(database: sqlite3.Connection, stream_id: str) -> StreamReport:
    runs = database.execute(
        "SELECT run, name, width, height, first_s, last_s, picture FROM streams "
        "WHERE stream_id = ? ORDER BY run",
        (stream_id,),
    ).fetchall()
    last_of = dict(  # a killed run has not written its `last_s` any more
        database.execute(
            "SELECT run, max(time_s) FROM events WHERE stream_id = ? GROUP BY run", (stream_id,)
        ).fetchall()
    )
    begin_s = end_s = float(runs[0][4])
    shift_s: dict[int, float] = {}  # by run, what is added to its times
    for run, _, _, _, first_s, last_s, _ in runs:
        shift_s[run] = end_s - first_s
        end_s += max(first_s, last_s, last_of.get(run, last_s)) - first_s
    _, name, width, height, _, _, picture = runs[-1]
    found = database.execute(
        "SELECT kind, name, points FROM rules WHERE stream_id = ? ORDER BY run, rowid", (stream_id,)
    )
    known = {(kind, rule): json.loads(points) for kind, rule, points in found}
    rules = [(kind, rule, points) for (kind, rule), points in known.items()]
    passages, dwell_s = _heat(database, stream_id)
    (count,) = database.execute(
        "SELECT count(*) FROM events WHERE stream_id = ?", (stream_id,)
    ).fetchone()
    return StreamReport(
        stream_id,
        name,
        (width, height),
        begin_s,
        end_s,
        len(runs),
        picture,
        rules,
        [
            _crossings(database, stream_id, rule, shift_s)
            for kind, rule, _ in rules
            if kind == "line"
        ],
        [_visits(database, stream_id, rule, shift_s) for kind, rule, _ in rules if kind == "zone"],
        passages,
        dwell_s,
        _rows(database, stream_id, shift_s),
        count,
    )


def _heat(
    database: sqlite3.Connection, stream_id: str
) -> tuple[NDArray[np.int64] | None, NDArray[np.float64] | None]:
    """Passages and seconds, of all runs with the grid of the latest."""
    found = database.execute(
        "SELECT rows, columns, passages, dwell_s FROM heat WHERE stream_id = ? ORDER BY run",
        (stream_id,),
    ).fetchall()
    if not found:
        return None, None
    grid = found[-1][:2]
    same = [heat for heat in found if heat[:2] == grid]
    passages = sum(np.frombuffer(heat[2], "<i8").reshape(grid) for heat in same)
    dwell_s = sum(np.frombuffer(heat[3], "<f8").reshape(grid) for heat in same)
    return np.asarray(passages), np.asarray(dwell_s)


def _crossings(
    database: sqlite3.Connection, stream_id: str, rule: str, shift_s: Mapping[int, float]
) -> Crossings:
    found = database.execute(
        "SELECT run, start_s, direction, coalesce(class_name, '') FROM crossings "
        "WHERE stream_id = ? AND rule = ? ORDER BY run, start_s",
        (stream_id, rule),
    ).fetchall()
    times = [start_s + shift_s[run] for run, start_s, _, _ in found]
    directions, names = [row[2] for row in found], [row[3] for row in found]
    return Crossings(
        rule, np.array(times, np.float64), np.array(directions, str), np.array(names, str)
    )


def _visits(
    database: sqlite3.Connection, stream_id: str, rule: str, shift_s: Mapping[int, float]
) -> Visits:
    mine = (stream_id, rule)
    dwell = database.execute(
        "SELECT value FROM visits WHERE stream_id = ? AND rule = ? AND value IS NOT NULL", mine
    ).fetchall()
    (begun,) = database.execute(
        "SELECT count(*) FROM (SELECT DISTINCT run, event_id FROM events "
        "WHERE kind = 'visit' AND stream_id = ? AND rule = ?)",
        mine,
    ).fetchone()
    occupancy = database.execute(
        "SELECT run, start_s, end_s, mean, peak FROM occupancy "
        "WHERE stream_id = ? AND zone = ? ORDER BY run, start_s",
        mine,
    ).fetchall()
    levels = [(a + shift_s[run], b + shift_s[run], *rest) for run, a, b, *rest in occupancy]
    seconds = np.array(dwell, np.float64).reshape(-1)
    stretches = np.array(levels, np.float64).reshape(-1, 4)
    return Visits(rule, seconds, begun - len(seconds), stretches)


def _rows(database: sqlite3.Connection, stream_id: str, shift_s: Mapping[int, float]) -> list[Row]:
    found = database.execute(
        "SELECT run, event_id, kind || ' ' || coalesce(direction, phase), rule, "
        "coalesce(class_name, '') || coalesce(' #' || track_id, ''), start_s, end_s, value, cause, "
        "coalesce(start_wall, ''), jpeg FROM events WHERE stream_id = ? "
        "ORDER BY sequence DESC LIMIT ?",
        (stream_id, MOST_EVENTS),
    )
    return [_shifted(Row(*columns), shift_s[run]) for run, *columns in found]


def _shifted(row: Row, by_s: float) -> Row:
    end_s = None if row.end_s is None else row.end_s + by_s
    return replace(row, start_s=row.start_s + by_s, end_s=end_s)
