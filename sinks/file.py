"""The file sink: annotated video as mp4, annotated pictures as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from detector.detections import Detections
from sinks.annotate import Annotator, Style
from sinks.canvas import I420Canvas
from sinks.images import PictureWriter
from sinks.mp4 import FileConfig, Mp4Writer
from sinks.picture_file import is_picture
from sinks.target import make_room
from streamer.errors import SinkError
from streamer.frame import Frame
from streamer.result import Result


class FileSink:
    """Writes one stream to a file, or to a folder where the stream is single pictures.

    The first frame decides: video goes to `path`, pictures go under their own names into the
    folder of `path`; where `path` names an image file, it is for the one picture. The file has its
    final name only once it is whole; without a frame there is no file. Frames of another size than
    the first are scaled to it.

    Args:
        path: of the video; .mp4 or .m4v, or an image's suffix.
        class_names: of the detector.
        config: how video is written.
        style: how results look.

    Raises:
        SinkError: the suffix is none that can be written.
    """

    def __init__(
        self,
        path: Path,
        class_names: Sequence[str],
        config: FileConfig | None = None,
        style: Style | None = None,
    ) -> None:
        self._path = path
        if not (self._is_video or is_picture(self._path)):
            raise SinkError(f"{self._path}: expected a name ending in .mp4; change the suffix")
        self._config = config or FileConfig()
        self._annotator = Annotator(class_names, style)
        self._writer: _Writer | None = None
        self._failure: SinkError | None = None
        self._written: Path | None = None

    @property
    def _is_video(self) -> bool:
        return self._path.suffix.lower() in {".mp4", ".m4v"}

    @property
    def name(self) -> str:
        """The path."""
        return f"file {self._path}"

    @property
    def target(self) -> Path:
        """Where the video goes; single pictures go into its folder."""
        return self._path

    @property
    def written(self) -> Path | None:
        """The video file, or the folder of the pictures; None before it is whole."""
        return self._written

    def __enter__(self) -> Self:
        """Make the folder.

        Raises:
            SinkError: the file exists and may not be replaced, or the folder cannot be made.
        """
        make_room(self._path, overwrite=self._config.overwrite)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Finish what was accepted, whatever ended the run."""
        writer, self._writer = self._writer, None
        if writer is not None and self._failure is None:
            writer.finish()
            self._written = writer.output

    def write(self, result: Result[Detections]) -> None:
        """Draw and write one frame.

        Raises:
            SinkError: it cannot be written; earlier video stays under the partial name.
        """
        if self._failure is not None:
            raise self._failure  # a second writer would destroy what the first has left
        if self._writer is None:
            self._writer = self._open(result.frame)
        try:
            self._writer.write(result)
        except SinkError as error:
            self._failure = error
            self._writer.abandon()
            raise

    def _open(self, first: Frame) -> _Writer:
        if first.stream.kind == "images":
            only = None if self._is_video else self._path
            overwrite = self._config.overwrite
            return PictureWriter(self._path.parent, self._annotator, only=only, overwrite=overwrite)
        if not self._is_video:
            raise SinkError(f"{self._path}: expected a name ending in .mp4 for video; change it")
        return _AnnotatedVideo(
            self._path, self._annotator, Mp4Writer(self._path, first, self._config)
        )


class _Writer(Protocol):
    @property
    def output(self) -> Path: ...
    def write(self, result: Result[Detections]) -> None: ...
    def finish(self) -> None: ...
    def abandon(self) -> None: ...


class _AnnotatedVideo:
    def __init__(self, path: Path, annotator: Annotator, video: Mp4Writer) -> None:
        self.output = path
        self._annotator = annotator
        self._video = video
        self.finish = video.finish
        self.abandon = video.abandon

    def write(self, result: Result[Detections]) -> None:
        frame = result.frame
        picture = frame.i420()
        planes = self._video.canvas_planes(picture)
        canvas = I420Canvas(*planes, picture.colour)
        self._annotator.draw_result(canvas, result)
        self._video.write(frame, planes)
