"""The newest result of every stream, kept so that a person can have it saved as a picture."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

from detector.detections import Detections
from sinks.annotate import Annotator, Style
from sinks.canvas import BgrCanvas
from sinks.picture_file import write_picture
from streamer.contract import HoldsNothing
from streamer.result import Result

ALBUM = "album"  # its name among the sinks, which no person has asked for


class AlbumSink(HoldsNothing):
    """Keeps one result a stream and writes it when asked.

    Args:
        class_names: of the detector.
        folder: for the pictures.
        style: how results look.
    """

    name = ALBUM

    def __init__(
        self, class_names: Sequence[str], folder: Path, style: Style | None = None
    ) -> None:
        self._annotator = Annotator(class_names, style)
        self._folder = folder
        self._lock = threading.Lock()
        self._newest: dict[str, Result[Detections]] = {}

    def write(self, result: Result[Detections]) -> None:
        """Take note of a result; never waits."""
        with self._lock:
            self._newest[result.frame.stream_id] = result

    def save(self) -> str:
        """Write what is newest; gives back what to tell. For one thread.

        Raises:
            SinkError: the folder cannot be written.
        """
        with self._lock:
            newest = list(self._newest.values())
        return save_pictures(newest, self._folder, self._annotator)


def save_pictures(results: Iterable[Result[Detections]], folder: Path, annotator: Annotator) -> str:
    """Write annotated pictures in full size, one file a stream; gives back what to tell.

    Raises:
        SinkError: the folder cannot be written.
    """
    saved = []
    for result in results:
        frame = result.frame
        pixels = frame.bgr().copy()
        annotator.draw_result(BgrCanvas(pixels), result)
        path = folder / f"{frame.stream_id}-{frame.index:06d}.png"
        write_picture(path, pixels)
        saved.append(path)
    names = saved[0].name if len(saved) == 1 else f"{len(saved)} pictures"
    return f"saved {names} in {folder}" if saved else "no picture yet"
