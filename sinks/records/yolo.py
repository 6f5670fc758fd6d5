"""Boxes as YOLO labels: a text for each picture, and the list of classes beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self

import numpy as np

from detector.detections import Detections
from sinks.line_file import LineFile
from streamer.errors import SinkError
from streamer.frame import Frame
from streamer.result import Result

CLASSES = "classes.txt"


class YoloSink:
    """Writes `STREAM/INDEX.txt`, or for single pictures `STREAM/NAME.txt`, for every frame.

    A line is class, centre x, centre y, width and height; the box is cut at the picture's edges
    and told in shares of its size. A picture without boxes has an empty text. Where a.jpg and a.png
    come together, the second has a.png.txt.

    Args:
        folder: of all.
        class_names: of the detector; a class is its place in them.
        overwrite: replace files that exist.
    """

    def __init__(self, folder: Path, class_names: Sequence[str], *, overwrite: bool) -> None:
        self.name = f"yolo {folder}"
        self.target = folder / CLASSES  # which every such folder has
        self.written: Path | None = None  # the folder, once something is in it
        self._folder = folder
        self._class_names = tuple(class_names)
        self._overwrite = overwrite
        self._taken: set[Path] = set()  # labels of single pictures

    def __enter__(self) -> Self:
        """Write the list of classes.

        Raises:
            SinkError: there is one that may not be replaced, or it cannot be made.
        """
        # One line a class, whatever a name holds: the line's number is the class.
        names = [" ".join(name.split()) for name in self._class_names]
        self._write(self.target, names)
        self.written = self._folder
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Nothing is open."""

    def write(self, result: Result[Detections]) -> None:
        """Write the text of one frame.

        Raises:
            SinkError: it exists and may not be replaced, or cannot be written.
        """
        lines = label_lines(result.detections, result.frame.width, result.frame.height)
        self._write(self._label_of(result.frame), lines)

    def _label_of(self, frame: Frame) -> Path:
        name = _picture_name(frame)
        path = self._folder / frame.stream_id / name.with_suffix(".txt")
        if frame.name is not None:
            if path in self._taken:
                path = path.with_name(f"{name.name}.txt")
            self._taken.add(path)
        return path

    def _write(self, path: Path, lines: Sequence[str]) -> None:
        with LineFile(path, overwrite=self._overwrite) as file:
            if not lines:
                return
            try:
                file.write("\n".join(lines))  # all at once: a label is there whole
            except SinkError:
                path.unlink(missing_ok=True)  # empty, it would say that there is no box
                raise


def label_lines(boxes: Detections, width: int, height: int) -> list[str]:
    """Lines of YOLO's label text; what lies outside the picture has none.

    Args:
        boxes: px of the picture.
        width: of the picture, px.
        height: likewise.
    """
    size = np.array([width, height, width, height], np.float64)
    cut = np.clip(boxes.xyxy.astype(np.float64), 0, size) / size  # NaN stays NaN
    span = cut[:, 2:] - cut[:, :2]
    centre = cut[:, :2] + span / 2
    return [
        f"{boxes.class_id[row]} " + " ".join(f"{share:.6f}" for share in (*centre[row], *span[row]))
        for row in np.flatnonzero((span > 0).all(axis=1))
    ]


def _picture_name(frame: Frame) -> PurePosixPath:
    if frame.name is None:
        return PurePosixPath(f"{frame.index:06d}.txt")
    # Never outside the folder, whatever a picture is called.
    parts = [part for part in PurePosixPath(frame.name).parts if part not in ("/", "..")]
    return PurePosixPath(*parts)
