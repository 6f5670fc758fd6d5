"""What a file is called until it is whole, and what is said where it cannot be written."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from streamer.errors import SinkError


def partial_path(target: Path) -> Path:
    """Where a file grows until it is whole.

    >>> partial_path(Path("runs/clip.mp4")).name
    'clip.partial.mp4'

    Raises:
        SinkError: the path is a folder's, such as / or the working directory.
    """
    if not target.name:
        raise SinkError(f"'{target}': expected the name of a file, got a folder's; add a name")
    return target.with_name(f"{target.stem}.partial{target.suffix}")


def unwritable(target: Path, error: Exception) -> SinkError:
    """What to raise where the system or a library refuses to write a file.

    Args:
        target: the name that the file has or was to get; what it grew under is named if it is left.
        error: of the system, or of FFmpeg.
    """
    reason = (getattr(error, "strerror", None) or str(error)).lower()
    partial = partial_path(target)
    is_left = False
    with suppress(OSError):  # a name too long for the one may do for the other
        is_left = partial.exists()
    rest = f"what was written is in {partial.name}" if is_left else "choose another output"
    return SinkError(f"{target}: cannot be written: {reason}; {rest}")
