"""The segments sink: rolling pieces of annotated mp4, the oldest deleted."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

from detector.detections import Detections
from sinks.annotate import Annotator, Style
from sinks.annotated_video import AnnotatedVideo, silent_piece
from sinks.mp4 import FileConfig
from sinks.target import make_folder
from streamer.clock import Clock, MonotonicClock
from streamer.errors import SinkError
from streamer.frame import Frame
from streamer.result import Result

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SegmentsConfig:
    """How pieces are cut and kept.

    Attributes:
        piece_s: length of a piece, s of the stream's time.
        keep_s: a piece is deleted this long after it was finished, s; None for never.
        keep_bytes: the oldest pieces are deleted while those of a stream are larger in all; None
            for no limit. The piece being written comes on top.
        video: how a piece is written; pieces carry no sound.
    """

    piece_s: float = 60.0
    keep_s: float | None = None
    keep_bytes: int | None = None
    video: FileConfig = field(default_factory=FileConfig)

    def __post_init__(self) -> None:
        if not self.piece_s > 0:
            raise ValueError(f"piece_s: expected more than 0, got {self.piece_s!r}")
        if self.keep_s is not None and not self.keep_s > 0:
            raise ValueError(f"keep_s: expected more than 0, got {self.keep_s!r}")
        if self.keep_bytes is not None and self.keep_bytes < 1:
            raise ValueError(f"keep_bytes: expected at least 1, got {self.keep_bytes!r}")


def utc_now() -> datetime:
    """The wall clock, for names that people read."""
    return datetime.now(UTC)


class SegmentsSink:
    """Writes one stream as pieces, each a whole mp4 that begins with a keyframe at time 0.

    A piece of a live stream is named after the moment its first picture was taken, in UTC; one of
    a recording after that picture's time in it. Pieces are cut by length, and where the size
    changes or time runs backwards, as after a reconnect. A piece has its final name only once it
    is whole; what a kill leaves of the last one plays under its partial name. Only pieces of this
    stream are ever deleted, and never the newest.

    Args:
        folder: for this stream's pieces, made if need be.
        stream_id: begins every name.
        class_names: of the detector.
        config: how pieces are cut and kept.
        style: how results look.
        clock: tells how long ago a picture was taken.
        utc: the wall clock.
    """

    def __init__(
        self,
        folder: Path,
        stream_id: str,
        class_names: Sequence[str],
        config: SegmentsConfig | None = None,
        style: Style | None = None,
        *,
        clock: Clock | None = None,
        utc: Callable[[], datetime] = utc_now,
    ) -> None:
        self.name = f"segments {folder / stream_id}"
        self.target = folder
        self.written: Path | None = None  # the folder, once a piece is whole
        self._stream_id = stream_id
        self._config = config or SegmentsConfig()
        self._annotator = Annotator(class_names, style)
        self._clock = clock or MonotonicClock()
        self._utc = utc
        self._own_name = re.compile(
            rf"{re.escape(stream_id)}_(\d{{8}}T\d{{6}}\.\d{{3}}Z|\d{{2,}}-\d\d-\d\d\.\d{{3}})"
            r"(-\d+)?(\.partial)?\.mp4"
        )
        self._piece: _Piece | None = None
        self._has_failed = False

    def __enter__(self) -> Self:
        """Make the folder, and delete what earlier runs left for too long.

        Raises:
            SinkError: the folder cannot be made.
        """
        make_folder(self.target)
        self._delete_old()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Finish the piece at hand, whatever ended the run."""
        if not self._has_failed:
            self._finish_piece()

    def write(self, result: Result[Detections]) -> None:
        """Draw and write one frame, in a new piece if it is time.

        Raises:
            SinkError: it cannot be written; whole pieces stay.
        """
        frame = result.frame
        if self._piece is not None and self._piece.ends_before(frame):
            self._finish_piece()
        if self._piece is None:
            self._piece = self._begin_piece(frame)
        try:
            self._piece.video.write(result)
        except SinkError:
            self._has_failed = True
            self._piece.video.abandon()
            raise

    def _begin_piece(self, first: Frame) -> _Piece:
        video = silent_piece(self._free_name(first), first, self._config.video, self._annotator)
        return _Piece(video, first, self._config.piece_s)

    def _finish_piece(self) -> None:
        piece, self._piece = self._piece, None
        if piece is not None:
            piece.video.finish()
            self.written = self.target
            self._delete_old()

    def _free_name(self, first: Frame) -> Path:
        """A name that no piece has yet: a second of summer time never overwrites another."""
        stem = f"{self._stream_id}_{self._moment(first)}"
        target, number = self.target / f"{stem}.mp4", 2
        while target.exists() or target.with_name(f"{target.stem}.partial.mp4").exists():
            target, number = self.target / f"{stem}-{number}.mp4", number + 1
        return target

    def _moment(self, first: Frame) -> str:
        if first.stream.is_live:
            age = timedelta(microseconds=(self._clock.now_ns() - first.captured_ns) / 1000)
            return f"{self._utc() - age:%Y%m%dT%H%M%S.%f}"[:-3] + "Z"
        return media_time(first.pts * first.time_base)

    def _delete_old(self) -> None:
        """Keep to the limits of age and size; the newest piece stays."""
        pieces = sorted(self._found(), key=lambda found: (found.finished_s, found.path.name))
        oldest_s = (
            None if self._config.keep_s is None else (self._utc().timestamp() - self._config.keep_s)
        )
        total = sum(piece.size for piece in pieces)
        for piece in pieces[:-1]:
            is_old = oldest_s is not None and piece.finished_s < oldest_s
            is_much = self._config.keep_bytes is not None and total > self._config.keep_bytes
            if not (is_old or is_much):
                break  # all that follow are younger, and the sum is small enough
            try:
                piece.path.unlink(missing_ok=True)
            except OSError as error:
                logger.warning("%s: cannot be deleted: %s", piece.path, error.strerror)
                continue
            total -= piece.size

    def _found(self) -> list[_Found]:
        """The stream's pieces on the disk, also those that earlier runs left unfinished."""
        found = []
        for path in self.target.iterdir():
            if self._own_name.fullmatch(path.name):
                with contextlib.suppress(OSError):  # somebody else was quicker
                    stat = path.stat()
                    found.append(_Found(path, stat.st_mtime, stat.st_size))
        return found


@dataclass(frozen=True, slots=True)
class _Found:
    path: Path
    finished_s: float  # wall clock, as the file system has it
    size: int  # bytes


class _Piece:
    """One piece being written."""

    def __init__(self, video: AnnotatedVideo, first: Frame, piece_s: float) -> None:
        self.video = video
        self._size = (first.width, first.height)
        self._start_s = self._last_s = first.pts * first.time_base
        self._piece_s = Fraction(piece_s)

    def ends_before(self, frame: Frame) -> bool:
        """`frame` belongs to the next piece."""
        at_s = frame.pts * frame.time_base
        is_long = at_s - self._start_s >= self._piece_s
        is_back = at_s < self._start_s
        return is_long or is_back or (frame.width, frame.height) != self._size


def media_time(time_s: Fraction) -> str:
    """Hours, minutes and seconds, fit for a file name and for sorting.

    >>> media_time(Fraction(3661001, 1000)), media_time(Fraction(-1))
    ('01-01-01.001', '00-00-00.000')
    """
    milliseconds = max(0, round(time_s * 1000))
    seconds, rest = divmod(milliseconds, 1000)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02d}-{minute:02d}-{second:02d}.{rest:03d}"
