"""A text file that grows by whole lines and can be followed while it does."""

from __future__ import annotations

import os
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Self

from sinks.left_lines import check_left, reopen
from sinks.partial import unwritable
from streamer.errors import SinkError


class LineFile:
    """Has its final name from the start; a kill loses at most the line being written.

    Args:
        path: of the file.
        overwrite: replace a file that exists.
        append: go on at its end instead.
        beginning: with which a file that is gone on with has to begin.
    """

    def __init__(
        self, path: Path, *, overwrite: bool, append: bool = False, beginning: str = ""
    ) -> None:
        self.path = path
        self._overwrite = overwrite
        self._append = append
        self._beginning = beginning
        self._file: FileIO | None = None
        self._size = 0  # bytes of whole lines

    @property
    def written(self) -> Path | None:
        """The file, or None before it is opened."""
        return None if self._file is None else self.path

    @property
    def is_empty(self) -> bool:
        """Nothing has been written yet, by an earlier run neither."""
        return not self._size

    def __enter__(self) -> Self:
        """Open the file.

        Raises:
            SinkError: it exists and may not be replaced, is none to go on with, or cannot be made.
        """
        mode = "wb" if self._overwrite else "xb"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self._append:
                self._file = reopen(self.path, self._beginning)
                self._size = self._file.seek(0, os.SEEK_END)
            else:
                self._file = FileIO(self.path, mode)
        except FileExistsError as error:
            raise SinkError(
                f"{self.path}: exists; allow overwriting or choose another output"
            ) from error
        except OSError as error:
            raise unwritable(self.path, error) from error
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def check_left(self) -> None:
        """Refuse a file that is none to go on with, before it is opened.

        Raises:
            SinkError: it begins otherwise, or cannot be read.
        """
        try:
            check_left(self.path, self._beginning)
        except OSError as error:
            raise unwritable(self.path, error) from error

    def write(self, line: str) -> None:
        """Append `line`, which has no line end of its own.

        Raises:
            SinkError: the disk is full or the file is gone; only whole lines stay.
        """
        if self._file is None:
            raise SinkError(f"{self.path}: not open; use the sink as a context manager")
        # The name of a file may be no text; so told, it reads back from JSON as it was.
        data = line.encode(errors="backslashreplace") + b"\n"
        try:
            if self._file.write(data) != len(data):  # unbuffered: one system call a line
                self._file.truncate(self._size)
                raise SinkError(f"{self.path}: cannot be written: disk full; free some space")
        except OSError as error:
            raise unwritable(self.path, error) from error
        self._size += len(data)


class LineSink:
    """What every sink that writes one LineFile has in common; `write` is its own.

    Args:
        kind: of the sink, the first word of its name.
        path: of the file.
        overwrite: replace a file that exists.
        append: go on at its end instead.
        header: the first line of the file, or None.
        beginning: of every first line where there is no header.
    """

    def __init__(
        self,
        kind: str,
        path: Path,
        *,
        overwrite: bool,
        append: bool = False,
        header: str | None = None,
        beginning: str = "",
    ) -> None:
        self.name = f"{kind} {path}"
        self.target = path
        self._header = header
        first = beginning if header is None else f"{header}\n"
        self._lines = LineFile(path, overwrite=overwrite, append=append, beginning=first)

    @property
    def written(self) -> Path | None:
        """The file, or None before it is opened."""
        return self._lines.written

    def check_left(self) -> None:
        """Refuse a file that is none to go on with, before any work; raises SinkError."""
        self._lines.check_left()

    def __enter__(self) -> Self:
        """Open the file.

        Raises:
            SinkError: it exists and may not be replaced, is none to go on with, or cannot be made.
        """
        self._lines.__enter__()
        if self._header is not None and self._lines.is_empty:
            self._lines.write(self._header)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file."""
        self._lines.__exit__(exc_type, exc, traceback)
