"""One training a folder: two would write over each other's checkpoints."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from train.errors import CheckpointError

LOCK = ".lock"  # its content means nothing; it stays, for deleting it would let two in


@contextmanager
def occupied(folder: Path) -> Iterator[None]:
    """`folder`, made where it is not there, for this process alone; a kill frees it.

    Raises:
        CheckpointError: another process has it, or it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK).open("ab")
    except OSError as error:
        raise CheckpointError(
            f"output folder {str(folder)!r}: cannot be written to: {error.strerror or error}; "
            "choose another output"
        ) from error
    with file:
        if not _is_ours(file):
            raise CheckpointError(
                f"output folder {str(folder)!r}: another training is writing to it; wait for its "
                "end, or choose another output"
            )
        yield


def _is_ours(file: IO[bytes]) -> bool:
    """Whether the lock is ours now, or there are no locks on that disk."""
    try:
        _lock(file)
    except OSError as error:
        return error.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
    return True


if sys.platform == "win32":  # pragma: no cover - not tried

    def _lock(file: IO[bytes]) -> None:
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:

    def _lock(file: IO[bytes]) -> None:
        import fcntl

        # Of a process and not of an open file: data workers that outlive a killed training by
        # some seconds do not have it.
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
