"""Where feet passed and where they stayed, as pictures, when a stream is over."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from analytics.analysis import Analysis
from analytics.report.png import heat_rgba
from analytics.watch import analysis_in
from detector.detections import Detections
from sinks.picture_file import write_picture
from sinks.target import make_room
from streamer.errors import SinkError
from streamer.picture import BgrArray
from streamer.result import Result, StreamEnd


class HeatmapSink:
    """Writes `<stream>_passages.png` and `<stream>_dwell.png`, over each stream's first picture.

    Args:
        folder: for the pictures.
        overwrite: replace pictures that exist.
    """

    def __init__(self, folder: Path, *, overwrite: bool) -> None:
        self.name = f"heatmap {folder}"
        self.target = folder
        self.written: Path | None = None  # the folder, once a picture is in it
        self._overwrite = overwrite
        self._open: dict[str, _Watched] = {}

    def __enter__(self) -> Self:
        """Nothing to acquire."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Write what streams have gathered that were not said to be over."""
        for stream_id in list(self._open):
            self._save(stream_id)

    def write(self, result: Result[Detections]) -> None:
        """Keep what is known.

        Raises:
            SinkError: no heat is gathered.
        """
        analysis = analysis_in(result.notes)
        if analysis is None or analysis.heat is None:
            raise SinkError(
                "sink heatmap: expected a heat map of the scene, got none; "
                "set scene.heatmap, as in --set 'scene.heatmap={columns: 64}'"
            )
        known = self._open.get(analysis.stream_id)
        if known is None:
            self._open[analysis.stream_id] = _Watched(result.frame.bgr(), analysis)
        else:
            known.analysis = analysis

    def end_stream(self, end: StreamEnd) -> None:
        """Write the pictures of a stream.

        Raises:
            SinkError: they exist and may not be replaced, or cannot be written.
        """
        stream_id, last = end.stream.stream_id, analysis_in(end.notes)
        if stream_id in self._open:
            if last is not None:
                self._open[stream_id].analysis = last
            self._save(stream_id)

    def _save(self, stream_id: str) -> None:
        watched = self._open.pop(stream_id)
        heat = watched.analysis.heat
        if heat is None:
            return
        grids: dict[str, NDArray[np.generic]] = {"passages": heat.passages, "dwell": heat.dwell_s}
        for kind, grid in grids.items():
            path = self.target / f"{stream_id}_{kind}.png"
            make_room(path, overwrite=self._overwrite)
            write_picture(path, _laid_over(watched.pixels, grid))
            self.written = self.target


@dataclass(slots=True)
class _Watched:
    """A stream's first picture and the last that is known of it."""

    pixels: BgrArray
    analysis: Analysis


def _laid_over(pixels: BgrArray, grid: NDArray[np.generic]) -> BgrArray:
    """The picture with the grid's colours over it, smooth from cell to cell."""
    height, width = pixels.shape[:2]
    colours = cv2.cvtColor(heat_rgba(grid), cv2.COLOR_RGBA2BGRA).astype(np.float32)
    smooth = cv2.resize(colours, (width, height), interpolation=cv2.INTER_LINEAR)
    opacity = smooth[:, :, 3:] / 255
    mixed: BgrArray = np.rint(pixels * (1 - opacity) + smooth[:, :, :3] * opacity).astype(np.uint8)
    return mixed
