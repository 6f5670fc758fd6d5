"""Boxes as one COCO file, which is there whole or not at all."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import numpy as np

from detector.detections import Detections
from sinks.partial import partial_path, unwritable
from sinks.target import make_room
from streamer.errors import SinkError
from streamer.frame import Frame
from streamer.result import Result


class CocoSink:
    """Gathers the boxes of all streams, and writes them when the run is over, however it ends.

    What is gathered lies on disk, so that a run may last for days. An image is a frame; its
    `file_name` is the picture's own or STREAM/INDEX.jpg. A category's id is the class and 1; an
    annotation has a `score` and, where it is tracked, a `track_id`.

    Args:
        path: of the file.
        class_names: of the detector.
        overwrite: replace a file that exists.
    """

    def __init__(self, path: Path, class_names: Sequence[str], *, overwrite: bool) -> None:
        self.name = f"coco {path}"
        self.target = path
        self.written: Path | None = None  # the file, once it is whole
        self._class_names = tuple(class_names)
        self._overwrite = overwrite
        self._partial = partial_path(path)
        self._open = ExitStack()
        self._images: IO[str] | None = None
        self._boxes: IO[str] | None = None
        self._image_count = self._box_count = 0

    def __enter__(self) -> Self:
        """Make room for what is to be gathered.

        Raises:
            SinkError: the file exists and may not be replaced, or its folder cannot be written.
        """
        make_room(self.target, overwrite=self._overwrite)
        try:
            # Without a name, beside the file: they are gone with the process, and fit if it does.
            self._images, self._boxes = (
                self._open.enter_context(
                    tempfile.TemporaryFile(  # noqa: SIM115 - the stack closes it
                        "w+",
                        encoding="utf-8",
                        errors="backslashreplace",  # names of files that are no text
                        dir=self.target.parent,
                    )
                )
                for _ in range(2)
            )
        except OSError as error:
            self._open.close()
            raise unwritable(self.target, error) from error
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Write the file, also with what was gathered before a failure.

        Raises:
            SinkError: the disk is full.
        """
        try:
            with self._open:
                self._assemble()
        except OSError as error:
            self._partial.unlink(missing_ok=True)
            raise unwritable(self.target, error) from error

    def write(self, result: Result[Detections]) -> None:
        """Take note of one frame.

        Raises:
            SinkError: the disk is full.
        """
        if self._images is None or self._boxes is None:
            raise SinkError(f"{self.target}: not open; use the sink as a context manager")
        self._image_count += 1
        try:
            _append(self._images, _image(self._image_count, result.frame), self._image_count)
            for note in _annotations(self._image_count, result.detections):
                self._box_count += 1
                _append(self._boxes, {"id": self._box_count, **note}, self._box_count)
        except OSError as error:
            raise unwritable(self.target, error) from error

    def _assemble(self) -> None:
        if self._images is None or self._boxes is None:
            return
        names = enumerate(self._class_names, 1)
        categories = [{"id": number, "name": name, "supercategory": ""} for number, name in names]
        with self._partial.open("w", encoding="utf-8") as file:
            file.write(f'{{"info": {{}},\n"categories": {json.dumps(categories)},\n"images": [\n')
            for rows, after in (
                (self._images, '\n],\n"annotations": [\n'),
                (self._boxes, "\n]}\n"),
            ):
                rows.seek(0)
                shutil.copyfileobj(rows, file)
                file.write(after)
        self._partial.replace(self.target)
        self.written = self.target


def _append(file: IO[str], entry: dict[str, object], number: int) -> None:
    comma = ",\n" if number > 1 else ""
    file.write(comma + json.dumps(entry, ensure_ascii=False, allow_nan=False))


def _image(number: int, frame: Frame) -> dict[str, object]:
    return {
        "id": number,
        "file_name": frame.name or f"{frame.stream_id}/{frame.index:06d}.jpg",
        "width": frame.width,
        "height": frame.height,
        "stream_id": frame.stream_id,
        "frame_index": frame.index,
        "time_s": frame.time_s,
    }


def _annotations(image_id: int, boxes: Detections) -> list[dict[str, object]]:
    notes: list[dict[str, object]] = []
    for row in np.flatnonzero(np.isfinite(boxes.xyxy).all(axis=1)):
        x1, y1, x2, y2 = boxes.xyxy[row].astype(np.float64).tolist()
        note: dict[str, object] = {
            "image_id": image_id,
            "category_id": int(boxes.class_id[row]) + 1,
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "area": (x2 - x1) * (y2 - y1),
            "iscrowd": 0,
            "score": float(boxes.score[row]),
        }
        if boxes.track_id is not None:
            note["track_id"] = int(boxes.track_id[row])
        notes.append(note)
    return notes
