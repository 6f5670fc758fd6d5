"""A file of lines that an earlier run has left, made ready for more."""

from __future__ import annotations

import json
import logging
import os
from io import FileIO
from pathlib import Path

from streamer.errors import SinkError

_BLOCK_BYTES = 1 << 16  # read at a time, from the end on

logger = logging.getLogger(__name__)


def check_left(path: Path, beginning: str) -> None:
    """Refuse a file that is not of this kind; one that is not there is none.

    Raises:
        SinkError: it begins otherwise.
        OSError: it cannot be read.
    """
    if path.is_file():
        with FileIO(path) as file:
            _check(file, path, beginning.encode())


def reopen(path: Path, beginning: str) -> FileIO:
    """A file of whole lines, open at its end; made if it is not there.

    What a kill has left of its last line is cut off, or closed if only its end is missing.

    Args:
        path: of the file.
        beginning: with which every such file begins; what does not is somebody else's.

    Raises:
        SinkError: it begins otherwise.
        OSError: it cannot be opened.
    """
    file = FileIO(path, "ab+")
    try:
        _repair(file, path, beginning.encode())
    except BaseException:
        file.close()
        raise
    return file


def _repair(file: FileIO, path: Path, beginning: bytes) -> None:
    size = file.seek(0, os.SEEK_END)
    if not size:
        return
    _check(file, path, beginning)
    end, torn = _last_line(file, size)
    if _is_json(torn):
        file.write(b"\n")
        logger.info("%s: goes on after %d bytes; its last line was closed", path, size)
        return
    file.truncate(end)
    told = f"; {len(torn)} bytes of a torn line were cut off" if torn else ""
    logger.info("%s: goes on after %d bytes%s", path, end, told)


def _check(file: FileIO, path: Path, beginning: bytes) -> None:
    file.seek(0)
    if not beginning.startswith(file.read(len(beginning))):  # fewer where a kill came at once
        raise SinkError(
            f"{path}: cannot be added to: expected it to begin as this program begins it, with "
            f"{beginning[:40].decode().rstrip()!r}; choose another output"
        )


def _last_line(file: FileIO, size: int) -> tuple[int, bytes]:
    """Where the last whole line ends, and what follows it."""
    end, rest = size, b""
    while end and b"\n" not in rest:
        length = min(_BLOCK_BYTES, end)
        file.seek(end - length)
        end, rest = end - length, file.read(length) + rest
    whole = rest.rfind(b"\n") + 1
    return end + whole, rest[whole:]


def _is_json(line: bytes) -> bool:
    """It is a whole object, which a number cut short would not be."""
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
