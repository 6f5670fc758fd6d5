"""A file that takes another's place once it is wholly on the disk, and not before."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PART = ".partial"  # ends the names of files that are not whole yet


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Where to write what is to become `path`; killed at any moment, the old or the new is there.

    The place is beside `path` and hidden, and gone at the end; an error leaves `path` as it was.

    Raises:
        OSError: the file cannot be put on the disk or renamed.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}{PART}")
    try:
        yield beside
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
        beside.replace(path)
        _sync_folder(path.parent)
    finally:
        beside.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Puts a rename on the disk: without it a power cut may undo it."""
    if not hasattr(os, "O_DIRECTORY"):  # Windows cannot
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
