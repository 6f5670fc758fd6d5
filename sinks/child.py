"""A process that owns a window: it gets pictures through shared memory, and never makes us wait."""

from __future__ import annotations

import mmap
import subprocess
import sys
import tempfile
from pathlib import Path

_RAM = Path("/dev/shm")  # where there is no such place, the usual temporary folder
_GOODBYE_S = 2.0


class Child:
    """A script in a process of its own, so that a lost screen costs no more than its window.

    Not thread-safe; only `close` may wait.

    Args:
        script: run with the path of the shared memory and `arguments`.
        arguments: of the script.
        size: of the shared memory, bytes; what is not used takes no memory.
        answers: the script's standard output is a pipe.
    """

    def __init__(self, script: Path, *arguments: str, size: int, answers: bool) -> None:
        folder = _RAM if _RAM.is_dir() else None
        with tempfile.NamedTemporaryFile(dir=folder, prefix="window-", delete=False) as file:
            self._path = Path(file.name)
            file.truncate(size)
            self.memory = mmap.mmap(file.fileno(), size)
        self.process = subprocess.Popen(
            [sys.executable, "-P", str(script), str(self._path), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if answers else subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # a toolkit's last words about a lost screen
            bufsize=0,
        )

    def send(self, line: str) -> bool:
        """A short line into an empty pipe: it never waits. False where nobody is there."""
        assert self.process.stdin is not None  # asked for above
        try:
            self.process.stdin.write(f"{line}\n".encode())
        except OSError:
            return False
        return True

    def close(self) -> None:
        """End it; may be repeated."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self.process.wait(_GOODBYE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._path.unlink(missing_ok=True)
