"""Annotated video: results drawn into the very memory that the encoder reads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from detector.detections import Detections
from sinks.annotate import Annotator
from sinks.canvas import I420Canvas
from sinks.mp4 import FileConfig, Mp4Writer
from streamer.frame import Frame
from streamer.result import Result


class AnnotatedVideo:
    """Draws results and writes them as mp4.

    Args:
        output: the file, which has this name only once it is whole.
        first: the first frame, not written.
        config: how video is written.
        annotator: what is drawn.

    Raises:
        SinkError: the file cannot be made.
    """

    def __init__(
        self, output: Path, first: Frame, config: FileConfig, annotator: Annotator
    ) -> None:
        self.output = output
        self._annotator = annotator
        self._video = Mp4Writer(output, first, config)
        self.finish = self._video.finish
        self.abandon = self._video.abandon

    def write(self, result: Result[Detections]) -> None:
        """Draw and encode one frame.

        Raises:
            SinkError: the file cannot be written; what is there stays under the partial name.
        """
        picture = result.frame.i420()
        planes = self._video.canvas_planes(picture)
        self._annotator.draw_result(I420Canvas(*planes, picture.colour), result)
        self._video.write(result.frame, planes)


def silent_piece(
    output: Path, first: Frame, config: FileConfig, annotator: Annotator
) -> AnnotatedVideo:
    """Video that begins at 0 whenever `first` was taken, and has no sound; as AnnotatedVideo."""
    # Live streams begin at 0, which is what every piece wants.
    from_zero = replace(first, stream=replace(first.stream, is_live=True))
    return AnnotatedVideo(output, from_zero, replace(config, sound=False), annotator)
