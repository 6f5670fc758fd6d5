"""Records on disk that wait to be sent, oldest first; what is there outlives the process.

One SQLite file a sender: whoever has it open holds it alone, so of several runs that send to one
address each has a file of its own, and the next to start takes over what ended runs left.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from sinks.jsonl import Json
from streamer.errors import SinkError
from streamer.redact import redact_passwords

logger = logging.getLogger(__name__)

_SENDERS = 100  # runs that may send to one address at a time; more are a mistake

_NONE = -1  # no sequence

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS spool (spool_id TEXT NOT NULL)",
    """
    CREATE TABLE IF NOT EXISTS records (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used twice: gaps tell of drops
        record_id TEXT NOT NULL UNIQUE,
        stream_id TEXT NOT NULL,
        body BLOB NOT NULL
    )
    """,
)


@dataclass(frozen=True, slots=True)
class Spooled:
    """A record on its way.

    Attributes:
        sequence: its place.
        record_id: unique in the world, the same at every try.
        stream_id: whose.
        body: JSON, with the `record_id` in it.
    """

    sequence: int
    record_id: str
    stream_id: str
    body: bytes


class Spool:
    """Records for one address; one thread puts them in, another takes them out.

    Where it is full the oldest record that is not just being sent is dropped, and counted.

    Args:
        folder: of all spools; made, for its owner alone, if it is not there.
        address: where the records go to; its secrets do not tell spools apart.
        most_bytes: of all bodies together.
    """

    def __init__(self, folder: Path, address: str, *, most_bytes: int) -> None:
        self._folder = folder
        # A changed password is no other receiver.
        self._key = hashlib.sha256(redact_passwords(address).encode()).hexdigest()[:24]
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self._spool_id = ""
        self._bytes = 0
        self._in_flight = _NONE
        self.waiting = 0
        self.dropped = 0

    def __enter__(self) -> Self:
        """Open the first file that nobody holds, and take over what is in the others.

        Raises:
            SinkError: the folder cannot be written.
        """
        with self._failures():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            own, database = self._free()
            self._database = database
            self._spool_id = _spool_id(database)
            for path in sorted(self._folder.glob(f"{self._key}-*.sqlite")):
                if path != own and (left := _held(path)) is not None:
                    with closing(left):
                        _move(left, database)
            self.waiting, self._bytes = database.execute(
                "SELECT count(*), coalesce(sum(length(body)), 0) FROM records"
            ).fetchone()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let go of the file; what waits stays in it."""
        database, self._database = self._database, None
        if database is not None:
            database.close()

    def put(self, record: Json, stream_id: str) -> None:
        """Keep a record, with a `record_id` added; a kill does not lose it once this returns.

        Raises:
            SinkError: the disk is full or the file is gone.
        """
        with self._lock, self._failures(), _transaction(self._open) as database:
            sequence = database.execute(
                "SELECT coalesce(max(seq), 0) + 1 FROM sqlite_sequence WHERE name = 'records'"
            ).fetchone()[0]
            record_id = f"{self._spool_id}:{sequence}"
            told = {"record_id": record_id, **record}
            body = json.dumps(told, ensure_ascii=False, allow_nan=False).encode()
            database.execute(
                "INSERT INTO records VALUES (?, ?, ?, ?)", (sequence, record_id, stream_id, body)
            )
            self.waiting += 1
            self._bytes += len(body)
            self._make_room(database)

    def first(self) -> Spooled | None:
        """The oldest record, which is not dropped until the next call; None where none waits.

        Raises:
            SinkError: the file cannot be read.
        """
        with self._lock, self._failures():
            row = self._open.execute(
                "SELECT sequence, record_id, stream_id, body FROM records ORDER BY sequence LIMIT 1"
            ).fetchone()
            self._in_flight = _NONE if row is None else row[0]
        return None if row is None else Spooled(*row)

    def remove(self, record: Spooled) -> None:
        """Forget the record that `first` gave: it has arrived, or never will; raises as `put`."""
        with self._lock, self._failures():
            self._open.execute("DELETE FROM records WHERE sequence = ?", (record.sequence,))
            self.waiting -= 1
            self._bytes -= len(record.body)
            self._in_flight = _NONE

    @property
    def _open(self) -> sqlite3.Connection:
        if self._database is None:
            raise SinkError(f"{self._folder}: not open; use the spool as a context manager")
        return self._database

    def _free(self) -> tuple[Path, sqlite3.Connection]:
        for number in range(_SENDERS):
            path = self._folder / f"{self._key}-{number}.sqlite"
            if (database := _held(path)) is not None:
                return path, database
        raise SinkError(f"{self._folder}: {_SENDERS} runs send to one address; end some of them")

    def _make_room(self, database: sqlite3.Connection) -> None:
        while self._bytes > self._most_bytes:
            row = database.execute(
                "SELECT sequence, length(body) FROM records WHERE sequence != ? "
                "ORDER BY sequence LIMIT 1",
                (self._in_flight,),
            ).fetchone()
            if row is None:  # all there is, is just being sent
                return
            database.execute("DELETE FROM records WHERE sequence = ?", (row[0],))
            self.waiting -= 1
            self._bytes -= row[1]
            self.dropped += 1

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            reason = str(getattr(error, "strerror", None) or error).lower()
            raise SinkError(
                f"{self._folder}: unsent events cannot be kept: {reason}; free some space or "
                "choose another folder"
            ) from error


def _held(path: Path) -> sqlite3.Connection | None:
    """The database, held by this connection alone until it is closed; None if another holds it.

    One that cannot be read any more is put aside, and an empty one takes its place.
    """
    try:
        return _opened(path)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            return None
        raise
    except sqlite3.DatabaseError as error:  # not a database, or damaged
        aside = path.with_suffix(".damaged")
        path.replace(aside)
        logger.warning("%s: unsent events cannot be read: %s; kept as %s", path, error, aside.name)
        return _opened(path)


def _opened(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        database.execute("PRAGMA locking_mode = EXCLUSIVE")  # a kill lets go of it too
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")  # whole after a kill, in WAL mode
        with _transaction(database):
            for table in _SCHEMA:
                database.execute(table)
    except BaseException:
        database.close()
        raise
    return database


def _spool_id(database: sqlite3.Connection) -> str:
    """What distinguishes this file's records from those of any other, at any time."""
    row = database.execute("SELECT spool_id FROM spool").fetchone()
    if row is not None:
        return str(row[0])
    spool_id = uuid.uuid4().hex
    database.execute("INSERT INTO spool VALUES (?)", (spool_id,))
    return spool_id


def _move(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    """Move all records, in their order.

    They are in both files for a moment, so that a kill leaves them in one: their ids stay.
    """
    rows = source.execute("SELECT record_id, stream_id, body FROM records ORDER BY sequence")
    with _transaction(target):
        target.executemany(
            "INSERT OR IGNORE INTO records (record_id, stream_id, body) VALUES (?, ?, ?)", rows
        )
    source.execute("DELETE FROM records")


@contextmanager
def _transaction(database: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    database.execute("BEGIN IMMEDIATE")
    try:
        yield database
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")
