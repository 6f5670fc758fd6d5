"""Annotated pictures as image files, for streams of single pictures."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from detector.detections import Detections
from sinks.annotate import Annotator
from sinks.canvas import BgrCanvas
from sinks.picture_file import is_picture, write_picture
from sinks.target import exists
from streamer.errors import SinkError
from streamer.frame import Frame
from streamer.result import Result


class PictureWriter:
    """Writes each picture under its own name into a folder.

    Args:
        folder: where to; made when the first picture comes.
        annotator: what is drawn.
        only: the file for the one picture of the stream, instead of its own name.
        overwrite: replace files that exist.
    """

    def __init__(
        self, folder: Path, annotator: Annotator, *, only: Path | None = None, overwrite: bool
    ) -> None:
        self._only = only
        self._folder = folder
        self._annotator = annotator
        self._overwrite = overwrite

    @property
    def output(self) -> Path:
        """The folder, or the one file."""
        return self._only or self._folder

    def write(self, result: Result[Detections]) -> None:
        """Write one picture.

        Raises:
            SinkError: it exists and may not be replaced, or cannot be written.
        """
        frame = result.frame
        if self._only is not None and frame.index:
            raise SinkError(f"{self._only}: expected one picture, got more; name a folder")
        target = self._only or self._folder / picture_name(frame)
        if not self._overwrite and exists(target):
            raise SinkError(f"{target}: exists; allow overwriting or choose another output folder")
        pixels = frame.bgr().copy()
        self._annotator.draw_result(BgrCanvas(pixels), result)
        write_picture(target, pixels)

    def finish(self) -> None:
        """Nothing is left to do: each picture is whole once written."""

    def abandon(self) -> None:
        """Nothing is held."""


def picture_name(frame: Frame) -> PurePosixPath:
    """The file name of an annotated picture, inside the output folder whatever the source says.

    A format that cannot be written gets .png after its own suffix, so that names stay apart.
    """
    name = PurePosixPath(frame.name or f"{frame.index:06d}.png")
    parts = [part for part in name.parts if part not in {"/", ".."}]
    inside = PurePosixPath(*parts)
    return inside if is_picture(Path(inside)) else inside.with_name(f"{inside.name}.png")
