"""The overlay file sink: the annotations alone, on a transparent layer, as webm or mov."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from detector.detections import Detections
from sinks.alpha import FORMATS, AlphaWriter, OverlayConfig
from sinks.annotate import Annotator, Style
from sinks.target import make_room
from streamer.errors import SinkError
from streamer.result import Result


class OverlayFileSink:
    """Writes one stream's annotations to a file that is transparent everywhere else.

    The picture has the source's size, rounded up to even, and the source's times: exactly in mov,
    to the nearest millisecond in webm. The file has its final name only once it is whole; without
    a frame there is no file.

    Args:
        path: of the file, .webm (VP9) or .mov (ProRes 4444).
        class_names: of the detector.
        config: how it is written.
        style: how results look.

    Raises:
        SinkError: the suffix is no format with alpha.
    """

    def __init__(
        self,
        path: Path,
        class_names: Sequence[str],
        config: OverlayConfig | None = None,
        style: Style | None = None,
    ) -> None:
        if path.suffix.lower() not in FORMATS:
            raise SinkError(
                f"{path}: expected a name ending in {' or '.join(FORMATS)}, got "
                f"{path.suffix!r}; only these hold transparency"
            )
        self._path = path
        self._config = config or OverlayConfig()
        self._annotator = Annotator(class_names, style)
        self._writer: AlphaWriter | None = None
        self._failure: SinkError | None = None
        self._written: Path | None = None

    @property
    def name(self) -> str:
        """The path."""
        return f"overlay {self._path}"

    @property
    def target(self) -> Path:
        """The file."""
        return self._path

    @property
    def written(self) -> Path | None:
        """The file, or None before it is whole."""
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
            self._written = self._path

    def write(self, result: Result[Detections]) -> None:
        """Draw and write one frame.

        Raises:
            SinkError: it cannot be written; earlier pictures stay under the partial name.
        """
        if self._failure is not None:
            raise self._failure  # a second writer would destroy what the first has left
        frame = result.frame
        if self._writer is None:
            self._writer = AlphaWriter(self._path, frame, self._config)
        canvas = self._writer.blank()
        scale_xy = (
            canvas.width / (frame.width + frame.width % 2),
            canvas.height / (frame.height + frame.height % 2),
        )
        self._annotator.draw_result(canvas, result, scale_xy)
        try:
            self._writer.write(frame)
        except SinkError as error:
            self._failure = error
            self._writer.abandon()
            raise
