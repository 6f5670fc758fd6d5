"""Boxes as MOTChallenge text, a line each."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from analytics.mot_text import box_lines
from detector.detections import Detections
from sinks.line_file import LineFile
from streamer.result import Result


class MotSink:
    """Writes the boxes of one stream, with the class from 1 in the eighth column.

    Tracked boxes have their id; others are written as a detector's, with id -1 and their score.
    The number of a line is the frame's index and 1, also where frames were dropped.

    Args:
        path: of the file.
        overwrite: replace a file that exists.
    """

    def __init__(self, path: Path, *, overwrite: bool) -> None:
        self._lines = LineFile(path, overwrite=overwrite)

    @property
    def name(self) -> str:
        """The path."""
        return f"mot {self._lines.path}"

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
        """Write the boxes of one frame.

        Raises:
            SinkError: the disk is full or the file is gone; only whole lines stay.
        """
        number = result.frame.index + 1
        for line in box_lines(number, result.detections, has_classes=True):
            self._lines.write(line)
