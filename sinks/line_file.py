"""A text file that grows by whole lines and can be followed while it does."""

from __future__ import annotations

from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Self

from sinks.partial import unwritable
from streamer.errors import SinkError


class LineFile:
    """Has its final name from the start; a kill loses at most the line being written.

    Args:
        path: of the file.
        overwrite: replace a file that exists.
    """

    def __init__(self, path: Path, *, overwrite: bool) -> None:
        self.path = path
        self._overwrite = overwrite
        self._file: FileIO | None = None
        self._size = 0  # bytes of whole lines

    @property
    def written(self) -> Path | None:
        """The file, or None before it is opened."""
        return None if self._file is None else self.path

    def __enter__(self) -> Self:
        """Open the file.

        Raises:
            SinkError: it exists and may not be replaced, or cannot be made.
        """
        mode = "wb" if self._overwrite else "xb"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
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
        header: the first line of the file, or None.
    """

    def __init__(
        self, kind: str, path: Path, *, overwrite: bool, header: str | None = None
    ) -> None:
        self.name = f"{kind} {path}"
        self.target = path
        self._header = header
        self._lines = LineFile(path, overwrite=overwrite)

    @property
    def written(self) -> Path | None:
        """The file, or None before it is opened."""
        return self._lines.written

    def __enter__(self) -> Self:
        """Open the file.

        Raises:
            SinkError: it exists and may not be replaced, or cannot be made.
        """
        self._lines.__enter__()
        if self._header is not None:
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
