"""A clip of every event, from a little before it to a little after."""

from __future__ import annotations

import json
import logging
import shutil
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

from analytics.event import Event, Kind
from analytics.watch import analysis_in
from detector.detections import Detections
from sinks.annotate import Annotator, Style
from sinks.annotated_video import AnnotatedVideo, silent_piece
from sinks.events.join import Piece, join
from sinks.events.record import event_json
from sinks.mp4 import FileConfig
from sinks.partial import unwritable
from sinks.segments import media_time
from sinks.target import make_folder, make_hidden_folder
from streamer.errors import SinkError
from streamer.frame import Frame
from streamer.result import Result, StreamEnd

logger = logging.getLogger(__name__)

_PIECE_S = Fraction(1)  # how exactly a clip begins; a keyframe each costs some bytes


@dataclass(frozen=True, slots=True)
class ClipsConfig:
    """Which events get a clip, and how it is kept.

    Attributes:
        kinds: of events; each gets its clip when it begins.
        before_s: what is shown before the event, s; up to a second more.
        after_s: what is shown after it, s.
        longest_s: a clip that further events prolong ends here, s, and the next begins.
        keep_bytes: the oldest clips of a stream are deleted while all are larger; None for never.
        video: how clips are written; they carry no sound.
    """

    kinds: tuple[Kind, ...] = ("crossing", "loitering", "crowding")
    before_s: float = 3.0
    after_s: float = 5.0
    longest_s: float = 120.0
    keep_bytes: int | None = None
    video: FileConfig = field(default_factory=FileConfig)

    def __post_init__(self) -> None:
        for name in ("before_s", "after_s"):
            if not 0 <= getattr(self, name) <= 600:
                raise ValueError(f"{name}: expected 0..600 s, got {getattr(self, name)!r}")
        if not self.longest_s > self.before_s + self.after_s:
            raise ValueError(
                "longest_s: expected more than before_s and after_s together, "
                f"got {self.longest_s!r}"
            )
        if self.keep_bytes is not None and self.keep_bytes < 1:
            raise ValueError(f"keep_bytes: expected at least 1, got {self.keep_bytes!r}")


class ClipsSink:
    """Cuts clips out of one stream; events that overlap share one.

    The stream is encoded once, all the time, into pieces of a second in a hidden folder; a clip is
    some of these put together, so what came before the event costs neither memory nor a second
    encoding. Beside each clip lies a .json with the events it was cut for.

    Args:
        folder: for this stream's clips, made if need be.
        stream_id: begins every name.
        class_names: of the detector.
        config: which events, and how long.
        style: how results look.
    """

    def __init__(
        self,
        folder: Path,
        stream_id: str,
        class_names: Sequence[str],
        config: ClipsConfig | None = None,
        style: Style | None = None,
    ) -> None:
        self.name = f"clips {folder / stream_id}"
        self.target = folder
        self.written: Path | None = None  # the folder, once a clip is whole
        self._stream_id = stream_id
        self._config = config or ClipsConfig()
        self._annotator = Annotator(class_names, style)
        self._ring: deque[Piece] = deque()
        self._growing: _Growing | None = None
        self._clip: _Clip | None = None
        self._hidden: Path | None = None
        self._number = 0
        self._has_failed = False

    def __enter__(self) -> Self:
        """Make the folder.

        Raises:
            SinkError: it cannot be made.
        """
        make_folder(self.target)
        self._hidden = make_hidden_folder(self.target, ".pieces-")
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Finish the clip at hand, whatever ended the run, and delete the pieces."""
        try:
            if not self._has_failed:
                self._cut_all()
        finally:
            if self._hidden is not None:
                shutil.rmtree(self._hidden, ignore_errors=True)

    def write(self, result: Result[Detections]) -> None:
        """Take one frame, and begin, prolong or finish a clip.

        Raises:
            SinkError: it cannot be written; whole clips stay.
        """
        try:
            self._write(result)
        except SinkError:
            self._has_failed = True
            if self._growing is not None:
                self._growing.video.abandon()
            raise

    def end_stream(self, end: StreamEnd) -> None:  # noqa: ARG002 - nothing begins at an end
        """Finish the clip at hand."""
        self._cut_all()

    def _write(self, result: Result[Detections]) -> None:
        frame = result.frame
        at_s = frame.pts * frame.time_base
        if self._growing is not None and self._growing.is_broken_by(frame):
            self._cut_all()  # another size, or times that begin anew
        elif self._growing is not None and at_s - self._growing.start_s >= _PIECE_S:
            self._finish_piece(at_s)
        if self._clip is not None and at_s > self._clip.until_s:
            self._cut(at_s)
        if self._growing is None:
            self._growing = self._begin_piece(frame)
        self._growing.write(result)
        self._note(result, at_s)
        self._forget(at_s)

    def _note(self, result: Result[Detections], at_s: Fraction) -> None:
        analysis = analysis_in(result.notes)
        for event in () if analysis is None else analysis.events:
            if event.change.phase == "new" and event.change.kind in self._config.kinds:
                until_s = at_s + Fraction(self._config.after_s)
                if self._clip is None:
                    self._clip = _Clip(at_s - Fraction(self._config.before_s), until_s)
                self._clip.events.append(event)
                longest_s = self._clip.start_s + Fraction(self._config.longest_s)
                self._clip.until_s = min(until_s, longest_s)

    def _begin_piece(self, first: Frame) -> _Growing:
        if self._hidden is None:
            raise SinkError(f"{self.target}: not open; use the sink as a context manager")
        self._number += 1
        target = self._hidden / f"{self._number}.mp4"
        return _Growing(silent_piece(target, first, self._config.video, self._annotator), first)

    def _finish_piece(self, end_s: Fraction) -> None:
        growing, self._growing = self._growing, None
        if growing is not None:
            growing.video.finish()
            self._ring.append(Piece(growing.video.output, growing.start_s, end_s))

    def _cut_all(self) -> None:
        """The clip at hand ends with what there is; nothing before it belongs to a later one."""
        if self._growing is not None:
            end_s = self._growing.last_s
            self._finish_piece(end_s)
            if self._clip is not None:
                self._cut(end_s)
        while self._ring:
            self._ring.popleft().path.unlink(missing_ok=True)

    def _cut(self, at_s: Fraction) -> None:
        """Write the clip out of the pieces, the growing one included."""
        self._finish_piece(at_s)
        clip, self._clip = self._clip, None
        if clip is None:
            return
        pieces = [piece for piece in self._ring if piece.end_s > clip.start_s]
        first = clip.events[0]
        target = self._free_name(first)
        join(pieces, target)
        about = {
            "stream_id": self._stream_id,
            "start_s": float(pieces[0].start_s),
            "end_s": float(pieces[-1].end_s),
            "events": [event_json(event) for event in clip.events],
        }
        text = json.dumps(about, ensure_ascii=False, indent=1, allow_nan=False)
        beside = target.with_suffix(".json")
        try:
            beside.write_text(text, encoding="utf-8")
        except OSError as error:
            raise unwritable(beside, error) from error
        self.written = self.target
        self._delete_old()

    def _free_name(self, event: Event) -> Path:
        rule = "".join(letter if letter.isalnum() else "-" for letter in event.change.rule)[:40]
        moment = media_time(Fraction(event.time_s))
        if event.start_wall is not None:
            moment = f"{event.start_wall:%Y%m%dT%H%M%S}Z"
        number = event.event_id.rpartition(":")[2]
        stem = f"{self._stream_id}_{moment}_{event.change.kind}_{rule}_{number}"
        target, copy = self.target / f"{stem}.mp4", 2
        while target.exists():
            target, copy = self.target / f"{stem}-{copy}.mp4", copy + 1
        return target

    def _forget(self, at_s: Fraction) -> None:
        """Delete pieces that no clip can want any more."""
        since_s = at_s - Fraction(self._config.before_s)
        if self._clip is not None:
            since_s = min(since_s, self._clip.start_s)
        while self._ring and self._ring[0].end_s <= since_s:
            self._ring.popleft().path.unlink(missing_ok=True)

    def _delete_old(self) -> None:
        """Keep to the limit of size; the newest clip stays."""
        if self._config.keep_bytes is None:
            return
        found = [(path.stat(), path) for path in self.target.glob(f"{self._stream_id}_*.mp4")]
        found.sort(key=lambda each: (each[0].st_mtime_ns, each[1].name))
        total = sum(stat.st_size for stat, _ in found)
        for stat, path in found[:-1]:
            if total <= self._config.keep_bytes:
                return
            try:
                path.unlink(missing_ok=True)
                path.with_suffix(".json").unlink(missing_ok=True)
            except OSError as error:
                logger.warning("%s: cannot be deleted: %s", path, error.strerror)
                continue
            total -= stat.st_size


@dataclass(slots=True)
class _Clip:
    """A clip that is waiting for its end."""

    start_s: Fraction
    until_s: Fraction
    events: list[Event] = field(default_factory=list)


class _Growing:
    """The piece that is being written."""

    def __init__(self, video: AnnotatedVideo, first: Frame) -> None:
        self.video = video
        self.start_s = self.last_s = first.pts * first.time_base
        self._size = (first.width, first.height)

    def is_broken_by(self, frame: Frame) -> bool:
        """`frame` cannot follow in the same recording."""
        is_back = frame.pts * frame.time_base < self.last_s
        return is_back or (frame.width, frame.height) != self._size

    def write(self, result: Result[Detections]) -> None:
        """Draw and encode one frame."""
        self.video.write(result)
        self.last_s = result.frame.pts * result.frame.time_base
