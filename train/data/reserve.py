"""Arrays in files, on a disk that has room for them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap


def reserve(path: Path, dtype: type[np.generic], shape: tuple[int, ...]) -> None:
    """Zeros in a new file, to be mapped and written to later.

    The space is taken at once where the system can: a process that writes to a mapped file on a
    full disk is ended by a signal, without a word.

    Raises:
        OSError: there is no room, or the file cannot be made.
    """
    open_memmap(path, "w+", dtype, shape).flush()
    if hasattr(os, "posix_fallocate"):
        with path.open("rb+") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
