"""What sinks have in common whose one file has its final name only once it is whole."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from detector.detections import Detections
from sinks.target import make_room
from streamer.errors import SinkError
from streamer.frame import Frame
from streamer.result import Result


class ResultWriter(Protocol):
    """Draws and writes results, until it is finished or abandoned."""

    @property
    def output(self) -> Path:
        """The file, or the folder of single pictures."""
        ...

    def write(self, result: Result[Detections]) -> None:
        """Draw and write one frame; a SinkError where that cannot be."""
        ...

    def finish(self) -> None:
        """Give the file its name; a SinkError where that cannot be."""
        ...

    def abandon(self) -> None:
        """Release everything after a failure; never raises."""
        ...


class WholeFileSink(ABC):
    """What every sink that writes one whole file has in common; `_open` is its own.

    Without a frame there is no file. After a failure nothing more is written.

    Args:
        kind: of the sink, the first word of its name.
        path: of the file.
        overwrite: replace a file that exists.
    """

    def __init__(self, kind: str, path: Path, *, overwrite: bool) -> None:
        self.name = f"{kind} {path}"
        self.target = path  # single pictures go into its folder
        self.written: Path | None = None  # the file, or the folder of single pictures, once whole
        self._overwrite = overwrite
        self._writer: ResultWriter | None = None
        self._failure: SinkError | None = None

    def __enter__(self) -> Self:
        """Make the folder.

        Raises:
            SinkError: the file exists and may not be replaced, or the folder cannot be made.
        """
        make_room(self.target, overwrite=self._overwrite)
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
            self.written = writer.output

    def write(self, result: Result[Detections]) -> None:
        """Draw and write one frame.

        Raises:
            SinkError: it cannot be written; what came before stays under the partial name.
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

    @abstractmethod
    def _open(self, first: Frame) -> ResultWriter:
        """What writes the stream that begins with `first`."""
