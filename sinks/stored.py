"""What a run has written, and the configuration that goes beside it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from sinks.kind import BuiltSink
from sinks.partial import partial_path
from sinks.target import config_beside

logger = logging.getLogger(__name__)


def store_beside(sinks: Sequence[BuiltSink], config: str) -> list[Path]:
    """Write `config` beside every output; gives back the outputs there are now."""
    written: list[Path] = []
    for built in sinks:
        output: Path | None = getattr(built.sink, "written", None)
        if output is not None:
            written.append(output)
            _store(config, config_beside(target_of(built.sink) or output))
    return written


def target_of(sink: object) -> Path | None:
    """Where a sink writes to, if it says so."""
    target: Path | None = getattr(sink, "target", None)
    return target


def _store(config: str, path: Path) -> None:
    partial = partial_path(path)
    try:
        partial.write_text(config, encoding="utf-8")
        partial.replace(path)
    except OSError as error:  # the output itself is whole
        with suppress(OSError):
            partial.unlink()  # half a configuration is none
        logger.warning("%s: cannot be written: %s", path, error.strerror)
