"""Before any work: everything that a run will write may be written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from sinks.events.database import DatabaseSink
from sinks.file import FileSink
from sinks.kind import BuiltSink
from sinks.line_file import LineSink
from sinks.stored import target_of
from sinks.target import check_picture_folder, check_targets, find_inputs
from streamer.errors import SinkError


def check_outputs(
    sinks: Sequence[BuiltSink], sources: Iterable[str], *, overwrite: bool, append: bool
) -> None:
    """Refuse what would cost a person something, while nothing has been written yet.

    Args:
        sinks: of the run, not yet entered.
        sources: what it reads, as for `--source`.
        overwrite: what exists may be replaced; sources never.
        append: something is to be gone on with.

    Raises:
        SinkError: a file would be written twice, over a source, or over what is to stay; a file
            that would be gone on with is somebody else's; or there is nothing to go on with, which
            a service would find out only when it is restarted.
    """
    inputs = find_inputs(sources)
    fresh: list[Path] = []
    grown: list[Path] = []  # only added to: a recorder may be started again
    for built in sinks:
        target = target_of(built.sink)
        if target is not None:
            (grown if built.is_grown else fresh).append(target)
    if append and fresh and not grown:
        raise SinkError(
            f"append: {fresh[0]} cannot be added to; the sinks jsonl, events, csv and sqlite can"
        )
    check_targets([*fresh, *grown], inputs, overwrite=overwrite, grown=grown)
    for built in sinks:
        if built.is_grown and isinstance(built.sink, LineSink | DatabaseSink):
            built.sink.check_left()
        if isinstance(built.sink, FileSink):
            check_picture_folder(built.sink.target.parent, inputs)
