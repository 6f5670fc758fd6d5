"""Where each stream's own file goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from streamer.errors import SinkError


def file_of_each(
    kind: str, argument: str | None, default: Path, suffix: str, stream_ids: Sequence[str]
) -> Mapping[str, Path]:
    """Stream id -> file: a path with a suffix is the one stream's file, any other a folder.

    >>> file_of_each("mot", "out", Path("."), ".txt", ["door"])["door"].as_posix()
    'out/door.txt'

    Raises:
        SinkError: one file for several streams.
    """
    path = Path(argument) if argument else default
    if not path.suffix or path.is_dir():
        return {stream_id: path / f"{stream_id}{suffix}" for stream_id in stream_ids}
    if len(stream_ids) != 1:
        raise SinkError(
            f"sink {kind}: expected a folder for {len(stream_ids)} streams, got {str(path)!r}; "
            "leave the suffix out"
        )
    return {stream_ids[0]: path}
