"""Events in a database that can be asked while they come in."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2

from analytics.analysis import Analysis
from analytics.event import Event
from analytics.event_schema import SCHEMA, SCHEMA_VERSION, fault_of
from analytics.watch import analysis_in
from detector.detections import Detections
from sinks.events.record import event_json, event_look
from sinks.partial import unwritable
from sinks.target import make_room
from streamer.errors import SinkError
from streamer.frame import Frame
from streamer.result import Result, StreamEnd

_STATE_S = 5.0  # media seconds between two writings of heat, occupancy and the stream's last time
_BUSY_S = 1.0  # another program that holds the database for longer is not waited for at each event
_END_S = 2.0  # but at the end, when what waits for it would be lost
_MOST_WAITING = 10_000  # writings, of up to 10 kB: somebody has left an editor open for a night
_PICTURE_QUALITY = 80

logger = logging.getLogger(__name__)

_Writing = Callable[[sqlite3.Connection], object]


class _HeldError(SinkError):
    """Another program is writing to the database, or has left a change to it open."""


class DatabaseSink:
    """Writes the events of all streams to an SQLite database, each as soon as it is certain.

    Every event is committed by itself in write-ahead mode: a kill loses at most the one being
    written, and others may read at any time. While another program is writing there itself, what
    happens waits in memory.

    Args:
        path: of the database.
        overwrite: replace one that exists.
        append: add a run to one that exists instead.
    """

    def __init__(self, path: Path, *, overwrite: bool, append: bool = False) -> None:
        self.name = f"sqlite {path}"
        self.target = path
        self.written: Path | None = None  # the database, once it is made
        self._overwrite = overwrite
        self._append = append
        self._run = 0  # its number in the database
        self._connection: sqlite3.Connection | None = None
        self._state_s: dict[str, float] = {}  # media seconds at which each stream's was written
        self._last: dict[str, Analysis] = {}
        self._waiting: deque[_Writing] = deque()
        self._is_held = False  # by another program, when it was last tried

    def __enter__(self) -> Self:
        """Make the database, or begin a run in the one there is.

        Raises:
            SinkError: the file exists and may not be replaced, is no event database to go on with,
                or cannot be made.
        """
        make_room(self.target, overwrite=self._overwrite or self._append)
        with self._failures():
            is_left = self._append and self._is_left()
            if not is_left:
                for suffix in ("", "-wal", "-shm"):  # a log left behind belongs to the old database
                    Path(f"{self.target}{suffix}").unlink(missing_ok=True)
            # `isolation_level` None: what is not between BEGIN and COMMIT is committed at once.
            connection = sqlite3.connect(
                self.target, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
            )
            self._connection, self.written = connection, self.target
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")  # whole after a kill, in WAL mode
            if not is_left:
                version = f"PRAGMA user_version = {SCHEMA_VERSION}"
                connection.executescript(f"BEGIN; {SCHEMA} {version}; END")
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            begin = "INSERT INTO runs (start_wall) VALUES (?) RETURNING run"
            ((self._run,),) = connection.execute(begin, (now,)).fetchall()
        return self

    def check_left(self) -> None:
        """Refuse a file that is none to go on with, before any work; raises SinkError."""
        with self._failures():
            self._is_left()

    def _is_left(self) -> bool:
        """There is a database to go on with; where a kill came at once, there is an empty one.

        Raises:
            SinkError: it is another one, and stays as it is.
        """
        if not self.target.exists() or not self.target.stat().st_size:
            return False
        tables = 0
        with closing(sqlite3.connect(self.target, timeout=_BUSY_S)) as database:
            try:
                (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
                fault = fault_of(database) if tables else None
            except sqlite3.DatabaseError as error:
                if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_NOTADB:
                    raise
                fault = "expected an event database, got another file"
        if fault is not None:
            raise SinkError(f"{self.target}: cannot be added to: {fault}; choose another output")
        return bool(tables)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Write what is known last, fold the log into the file and close it."""
        if self._connection is None:
            return
        try:
            if self._waiting:
                self._wait_for_others(_END_S)
                self._catch_up()
                self._wait_for_others(0)
            for analysis in self._last.values():
                self._write_state(analysis)
            if self._waiting:
                raise SinkError(
                    f"{self.target}: {len(self._waiting)} writings are lost: another program holds "
                    "the database; close it earlier next time"
                )
        finally:
            with suppress(sqlite3.Error):  # a reader holds it: the log stays, and is whole too
                self._connection.execute("PRAGMA journal_mode = DELETE")
            self._connection.close()

    def write(self, result: Result[Detections]) -> None:
        """Write what became certain on a frame.

        Raises:
            SinkError: the disk is full or the file is gone.
        """
        analysis = analysis_in(result.notes)
        if analysis is None:
            return
        if analysis.stream_id not in self._last:
            self._begin(analysis, result.frame)
        self._last[analysis.stream_id] = analysis
        for event in analysis.events:
            self._write_event(event, event_look(event, result.frame))
        written_s = self._state_s[analysis.stream_id]
        is_due = not 0 <= analysis.time_s - written_s < _STATE_S  # also when times begin anew
        if is_due and not self._waiting:
            self._write_state(analysis)

    def end_stream(self, end: StreamEnd) -> None:
        """Write what ended with its stream; raises as `write`."""
        analysis = analysis_in(end.notes)
        if analysis is None:
            return
        for event in analysis.events:
            self._write_event(event, None)
        self._write_state(analysis)
        self._last.pop(analysis.stream_id, None)

    def _begin(self, analysis: Analysis, frame: Frame) -> None:
        _, jpeg = cv2.imencode(".jpg", frame.bgr(), (cv2.IMWRITE_JPEG_QUALITY, _PICTURE_QUALITY))
        stream, (width, height) = frame.stream, analysis.size
        mine = (self._run, stream.stream_id)
        begun = (*mine, stream.name, width, height, *[analysis.time_s] * 2)
        rules = [("line", line.name, [line.start, line.end]) for line in analysis.lines]
        rules += [("zone", zone.name, zone.points.tolist()) for zone in analysis.zones]

        def write(database: sqlite3.Connection) -> None:
            database.execute(
                "INSERT OR REPLACE INTO streams VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (*begun, jpeg.tobytes()),
            )
            database.executemany(
                "INSERT OR REPLACE INTO rules VALUES (?, ?, ?, ?, ?)",
                [
                    (self._run, stream.stream_id, kind, name, json.dumps(at))
                    for kind, name, at in rules
                ],
            )

        self._write(write)
        self._state_s[stream.stream_id] = analysis.time_s

    def _write_event(self, event: Event, look: bytes | None) -> None:
        columns = event_json(event)
        geometry = {part: columns.pop(part) for part in ("point", "step", "xyxy")}
        columns |= {"run": self._run, "geometry": json.dumps(geometry), "jpeg": look}
        names, places = ", ".join(columns), ", ".join("?" * len(columns))
        insert, values = f"INSERT INTO events ({names}) VALUES ({places})", tuple(columns.values())
        self._write(lambda database: database.execute(insert, values))

    def _write_state(self, analysis: Analysis) -> None:
        """Heat, occupancy and the stream's last time, in place of what was there."""
        mine = (self._run, analysis.stream_id)

        def write(database: sqlite3.Connection) -> None:
            database.execute(
                "UPDATE streams SET last_s = ? WHERE run = ? AND stream_id = ?",
                (analysis.time_s, *mine),
            )
            database.executemany(
                "INSERT OR REPLACE INTO occupancy VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (*mine, zone.name, bin_.start_s, bin_.end_s, bin_.mean, bin_.peak)
                    for zone in analysis.zones
                    for bin_ in zone.history
                ],
            )
            if analysis.heat is not None:
                rows, columns = analysis.heat.passages.shape
                grids = (
                    analysis.heat.passages.astype("<i8").tobytes(),
                    analysis.heat.dwell_s.astype("<f8").tobytes(),
                )
                database.execute(
                    "INSERT OR REPLACE INTO heat VALUES (?, ?, ?, ?, ?, ?)",
                    (*mine, rows, columns, *grids),
                )

        self._write(write)
        self._state_s[analysis.stream_id] = analysis.time_s

    def _write(self, writing: _Writing) -> None:
        """Do it, after all that waits; where another program holds the database, do so later."""
        self._waiting.append(writing)
        self._catch_up()

    def _catch_up(self) -> None:
        while self._waiting:
            try:
                with self._transaction() as database:
                    self._waiting[0](database)
            except _HeldError as error:
                self._be_patient(error)
                return
            self._waiting.popleft()
        if self._is_held:
            self._is_held = False
            self._wait_for_others(_BUSY_S)

    def _be_patient(self, error: _HeldError) -> None:
        if len(self._waiting) > _MOST_WAITING:
            raise error
        if not self._is_held:
            logger.warning("%s: another program holds the database; events wait for it", self.name)
            self._is_held = True
            self._wait_for_others(0)

    def _wait_for_others(self, seconds: float) -> None:
        if self._connection is not None:
            self._connection.execute(f"PRAGMA busy_timeout = {round(1000 * seconds)}")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All of it or nothing."""
        if self._connection is None:
            raise SinkError(f"{self.target}: not open; use the sink as a context manager")
        with self._failures():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                with suppress(sqlite3.Error):  # a full disk has rolled back by itself
                    self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise unwritable(self.target, error) from error
        except sqlite3.Error as error:
            is_held = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
            kind = _HeldError if is_held else SinkError
            raise kind(
                f"{self.target}: cannot be written: {error}; free some space, close what holds it, "
                "or choose another output"
            ) from error
