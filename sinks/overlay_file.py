"""The overlay file sink: the annotations alone, on a transparent layer, as webm or mov."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from detector.detections import Detections
from sinks.alpha import FORMATS, AlphaWriter, OverlayConfig
from sinks.annotate import Annotator, Style
from sinks.whole_file import WholeFileSink
from streamer.errors import SinkError
from streamer.frame import Frame
from streamer.result import Result


class OverlayFileSink(WholeFileSink):
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
        self._config = config or OverlayConfig()
        super().__init__("overlay", path, overwrite=self._config.overwrite)
        self._annotator = Annotator(class_names, style)

    def _open(self, first: Frame) -> _Layer:
        return _Layer(self.target, self._annotator, AlphaWriter(self.target, first, self._config))


class _Layer:
    """Draws annotations on nothing and writes them."""

    def __init__(self, output: Path, annotator: Annotator, video: AlphaWriter) -> None:
        self.output = output
        self._annotator = annotator
        self._video = video
        self.finish = video.finish
        self.abandon = video.abandon

    def write(self, result: Result[Detections]) -> None:
        frame, canvas = result.frame, self._video.blank()
        scale_xy = (
            canvas.width / (frame.width + frame.width % 2),
            canvas.height / (frame.height + frame.height % 2),
        )
        self._annotator.draw_result(canvas, result, scale_xy)
        self._video.write(frame)
