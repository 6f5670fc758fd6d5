"""Boxes as MOTChallenge text, a line each."""

from __future__ import annotations

from pathlib import Path

from analytics.mot_text import box_lines
from detector.detections import Detections
from sinks.line_file import LineSink
from streamer.result import Result


class MotSink(LineSink):
    """Writes the boxes of one stream, with the class from 1 in the eighth column.

    Tracked boxes have their id; others are written as a detector's, with id -1 and their score.
    The number of a line is the frame's index and 1, also where frames were dropped.

    Args:
        path: of the file.
        overwrite: replace a file that exists.
    """

    def __init__(self, path: Path, *, overwrite: bool) -> None:
        super().__init__("mot", path, overwrite=overwrite)

    def write(self, result: Result[Detections]) -> None:
        """Write the boxes of one frame.

        Raises:
            SinkError: the disk is full or the file is gone; only whole lines stay.
        """
        number = result.frame.index + 1
        for line in box_lines(number, result.detections, has_classes=True):
            self._lines.write(line)
