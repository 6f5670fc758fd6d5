"""Events as rows of a table that a spreadsheet opens without running what is in it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping

from analytics.event import Event
from sinks.events.lines import LineForm
from sinks.events.record import event_json
from streamer.frame import Frame

COLUMNS = (
    "event_id", "phase", "kind", "stream_id", "rule", "direction", "track_id", "class_id",
    "class_name", "start_s", "end_s", "value", "cause", "start_wall", "end_wall", "time_s",
    "frame_index", "pts", "point_x", "point_y", "x1", "y1", "x2", "y2",
)  # fmt: skip

# What spreadsheets take for a formula where a cell begins with it, blanks before it included.
# Source: OWASP, CSV Injection. The wide forms are those of Chinese and Japanese keyboards.
_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")  # a row stays one line


def row_line(event: Event) -> str:
    """One event as values of COLUMNS with commas; what is not known is empty."""
    record = event_json(event)
    x, y = event.change.point or (None, None)
    x1, y1, x2, y2 = event.xyxy or (None, None, None, None)
    record |= {"point_x": x, "point_y": y, "x1": x1, "y1": y1, "x2": x2, "y2": y2}
    return _joined(record)


def safe_cell(value: object) -> object:
    """A cell that only shows itself: text that would be a formula gets an apostrophe.

    >>> safe_cell("=1+1"), safe_cell("gate"), safe_cell(-1.5)
    ("'=1+1", 'gate', -1.5)
    """
    if not isinstance(value, str):
        return value
    text = _CONTROL.sub(" ", value)
    return f"'{text}" if _FORMULA.match(text) else text


def _joined(record: Mapping[str, object]) -> str:
    line = io.StringIO()
    writer = csv.writer(line, lineterminator="")
    writer.writerow([safe_cell(record[column]) for column in COLUMNS])
    return line.getvalue()


def _row(event: Event, _frame: Frame | None) -> str:
    return row_line(event)


CSV_LINES = LineForm("csv", _row, header=",".join(COLUMNS))
