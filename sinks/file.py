"""The file sink: annotated video as mp4, annotated pictures as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sinks.annotate import Annotator, Style
from sinks.annotated_video import AnnotatedVideo
from sinks.images import PictureWriter
from sinks.mp4 import FileConfig
from sinks.picture_file import is_picture
from sinks.whole_file import ResultWriter, WholeFileSink
from streamer.errors import SinkError
from streamer.frame import Frame


class FileSink(WholeFileSink):
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
        self._config = config or FileConfig()
        super().__init__("file", path, overwrite=self._config.overwrite)
        if not (self._is_video or is_picture(path)):
            raise SinkError(f"{path}: expected a name ending in .mp4; change the suffix")
        self._annotator = Annotator(class_names, style)

    @property
    def _is_video(self) -> bool:
        return self.target.suffix.lower() in {".mp4", ".m4v"}

    def _open(self, first: Frame) -> ResultWriter:
        if first.stream.kind == "images":
            only = None if self._is_video else self.target
            overwrite = self._config.overwrite
            return PictureWriter(
                self.target.parent, self._annotator, only=only, overwrite=overwrite
            )
        if not self._is_video:
            raise SinkError(f"{self.target}: expected a name ending in .mp4 for video; change it")
        return AnnotatedVideo(self.target, first, self._config, self._annotator)
