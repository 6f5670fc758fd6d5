"""Events as lines of text, one an event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from analytics.event import Event
from analytics.watch import analysis_in
from detector.detections import Detections
from sinks.events.record import event_json, event_look
from sinks.jsonl import json_line
from sinks.line_file import LineSink
from streamer.frame import Frame
from streamer.result import Result, StreamEnd


@dataclass(frozen=True, slots=True)
class LineForm:
    """How an event becomes a line.

    Attributes:
        name: of the sink.
        line: (event, the frame on which it became certain or None at a stream's end) -> the line.
        header: the first line of a file, or None.
        beginning: of every line where there is no header.
    """

    name: str
    line: Callable[[Event, Frame | None], str]
    header: str | None = None
    beginning: str = ""


def _json(event: Event, frame: Frame | None) -> str:
    return json_line(event_json(event, None if frame is None else event_look(event, frame)))


# Each with its object cut out as JPEG.
JSON_LINES = LineForm("events", _json, beginning='{"event_id": "')


class EventLinesSink(LineSink):
    """Writes the events of all streams to one file.

    Args:
        path: of the file.
        form: of a line.
        overwrite: replace a file that exists.
        append: go on at its end instead.
    """

    def __init__(
        self, path: Path, form: LineForm = JSON_LINES, *, overwrite: bool, append: bool = False
    ) -> None:
        super().__init__(
            form.name,
            path,
            overwrite=overwrite,
            append=append,
            header=form.header,
            beginning=form.beginning,
        )
        self._form = form

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
            self._lines.write(self._form.line(event, frame))
