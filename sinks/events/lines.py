"""Events as lines of JSON, one an event."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from analytics.watch import analysis_in
from detector.detections import Detections
from sinks.events.record import event_json, event_look
from sinks.jsonl import json_line
from sinks.line_file import LineFile
from streamer.frame import Frame
from streamer.result import Result, StreamEnd


class EventLinesSink:
    """Writes the events of all streams to one file, each with its object cut out as JPEG.

    Args:
        path: of the file.
        overwrite: replace a file that exists.
    """

    def __init__(self, path: Path, *, overwrite: bool) -> None:
        self._lines = LineFile(path, overwrite=overwrite)

    @property
    def name(self) -> str:
        """The path."""
        return f"events {self._lines.path}"

    @property
    def target(self) -> Path:
        """The file."""
        return self._lines.path

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
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file."""
        self._lines.__exit__(exc_type, exc, traceback)

    def write(self, result: Result[Detections]) -> None:
        """Write what became certain on a frame.

        Raises:
            SinkError: the disk is full or the file is gone; only whole lines stay.
        """
        self._write(result.notes, result.frame)

    def end_stream(self, end: StreamEnd) -> None:
        """Write what ended with its stream; raises as `write`."""
        self._write(end.notes, None)

    def _write(self, notes: tuple[object, ...], frame: Frame | None) -> None:
        analysis = analysis_in(notes)
        for event in analysis.events if analysis is not None else ():
            look = None if frame is None else event_look(event, frame)
            self._lines.write(json_line(event_json(event, look)))
